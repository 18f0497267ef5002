"""manage.py bench: how long pages and calls of the JSON API take on the database at hand, against the floor.

The floor of pages is one that loads a session and its user as Django does by itself and renders a small template, that of calls one that finds
its token and answers a constant. It is measured in turns with each page or call, so that a noisy machine does not tilt
the comparison. Figures are medians; nothing is judged, and nothing is changed.
"""

import datetime
import gc
import statistics
import sys
import time
import types
from functools import partial

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.decorators import login_not_required
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.http import HttpResponse
from django.template import engines
from django.test import Client
from django.test.utils import override_settings
from django.urls import include, path, reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from ninja import NinjaAPI

from academics.models import Batch, Enrollment
from accounts import tokens
from accounts.models import User
from accounts.tokens import Token
from attendance.models import Mark
from coachmaster.api import by_token_only
from coachmaster.ground.api import Answer
from finance.models import Account, Payment

SMALL = "<!doctype html><title>Floor</title><p>Hello, {{ name }}</p>"


@login_not_required
def floor(request):
    """The smallest page of somebody's, as Django loads a session and its user by itself."""
    session = SessionStore(request.COOKIES[settings.SESSION_COOKIE_NAME])
    user = User.objects.get(pk=session[SESSION_KEY])
    if not constant_time_compare(session[HASH_SESSION_KEY], user.get_session_auth_hash()):
        raise PermissionDenied
    return HttpResponse(engines["django"].from_string(SMALL).render({"name": user.full_name}))


calls = NinjaAPI(urls_namespace="floor", docs_url=None, openapi_url=None)


@calls.get("", auth=Token())
def floor_of_calls(request):
    """The smallest answer to somebody's token."""
    return Answer({"message": "Hello"})


def addresses():
    """The site's addresses, and those of the floors."""
    (call,) = (entry for entry in calls.urls[0] if entry.name != "api-root")
    module = types.ModuleType("coachmaster.bench_urls")
    module.urlpatterns = [
        path("floor/", floor),
        path("api/floor", by_token_only(call.callback)),
        path("", include("coachmaster.urls")),
    ]
    sys.modules[module.__name__] = module
    return module.__name__


def signed_in(user):
    """A client with a session of that person."""
    client = Client(headers={"host": settings.ALLOWED_HOSTS[0]})
    client.force_login(user)
    return client


def with_token(token):
    """A program that calls the API by ``token``."""
    return Client(headers={"host": settings.ALLOWED_HOSTS[0], "authorization": f"Bearer {token}"})


def timed(call):
    """Processor and wall time of one request, in seconds."""
    began, cpu = time.perf_counter(), time.process_time()
    response = call()
    took = time.process_time() - cpu, time.perf_counter() - began
    if response.status_code != 200:
        raise CommandError(f"{response.request['PATH_INFO']} answered {response.status_code}.")
    return took


class Counter:
    """Counts the queries that pass through it."""

    count = 0

    def __call__(self, execute, *args):
        self.count += 1
        return execute(*args)


class Command(BaseCommand):
    help = "Measure pages and API calls against one that only loads its user."

    def add_arguments(self, parser):
        parser.add_argument("--rounds", type=int, default=25, help="How often each page is asked for.")
        parser.add_argument("--only", default="", help="Measure lines only whose name begins so, like API.")

    def handle(self, *, rounds, only, **options):
        self.rounds, self.only = rounds, only
        gc.freeze()  # as the server does, see wsgi.py
        with override_settings(ROOT_URLCONF=addresses(), SECURE_SSL_REDIRECT=False):
            self.measure_all()

    def measure(self, name, client, route, *args, limit, **query):
        """Print one line: the page, its queries, its median times, and how many floors that is."""
        address = reverse(route, args=args)
        self.line(name, lambda: client.get(address, query), lambda: self.admin.get("/floor/"), limit)

    def line(self, name, call, floor, limit):
        """Print how ``call`` compares with ``floor``."""
        if not name.startswith(self.only):
            return
        call()
        queries = Counter()
        with connection.execute_wrapper(queries):
            call()
        pairs = [(timed(floor), timed(call)) for _ in range(self.rounds)]
        cpu, wall, base = (
            statistics.median(times) * 1000
            for times in ([p[0] for _, p in pairs], [p[1] for _, p in pairs], [f[0] for f, _ in pairs])
        )
        # Of processor time: on a machine that does other things too, wall time says little.
        ratio = statistics.median(page[0] / at[0] for at, page in pairs)
        self.stdout.write(f"{name:<34}{queries.count:>8}{cpu:>9.1f}{wall:>9.1f}{base:>9.1f}{ratio:>8.1f}{limit:>8.1f}")

    def measure_all(self):
        today = timezone.localdate()
        people = User.objects.order_by("pk")
        self.admin = signed_in(people.filter(membership__group__name="Admin").first())
        instructor = signed_in(people.filter(batches_taught__isnull=False).first())
        enrollment = Enrollment.objects.active().filter(student__payments__isnull=False).order_by("pk").first()
        if enrollment is None:
            raise CommandError("There is nothing to measure. Fill an empty database first: manage.py demo --scale 9")
        student, key = signed_in(enrollment.student.user), enrollment.student_id
        batch = Batch.objects.running(today).with_strength().order_by("-strength").first()
        day = Payment.objects.order_by("-booked_on").values_list("booked_on", flat=True).first()
        month_ago = today - datetime.timedelta(days=30)
        self.stdout.write(
            f"{connection.vendor}; {people.filter(student_profile__isnull=False).count():,} students, "
            f"{Mark.objects.count():,} marks, {Payment.objects.count():,} payments, "
            f"{Account.objects.owing().count():,} who owe; the sheet has {batch.strength} rows; times in ms"
        )
        self.stdout.write(f"{'page':<34}{'queries':>8}{'cpu':>9}{'wall':>9}{'floor':>9}{'ratio':>8}{'limit':>8}")
        self.measure("log in", Client(headers={"host": settings.ALLOWED_HOSTS[0]}), "accounts:login", limit=1)
        self.measure("student: enrollment", student, "academics:student-enrollment", key, limit=2)
        self.measure("student: attendance", student, "attendance:student-attendance", key, limit=2)
        self.measure("student: fees", student, "finance:student-fees", key, limit=2)
        self.measure("student: statement", student, "finance:statement", key, limit=2)
        self.measure("student: statement (PDF)", student, "finance:statement-pdf", key, limit=15)
        self.measure("student: payments", student, "finance:student-payments", key, limit=2)
        self.measure("student: hub", self.admin, "pages:student-hub", key, limit=2)
        self.measure("dashboard: student", student, "pages:student-dashboard", limit=3)
        self.measure("dashboard: instructor", instructor, "pages:instructor-dashboard", limit=3)
        self.measure("dashboard: admin", self.admin, "pages:admin-dashboard", limit=3)
        self.measure("list: people", self.admin, "accounts:person-list", limit=5)
        self.measure("list: courses", self.admin, "academics:course-list", limit=5)
        self.measure("list: batches", self.admin, "academics:batch-list", limit=5)
        self.measure("list: payments", self.admin, "finance:payment-list", limit=5)
        self.measure("list: students of a batch", self.admin, "academics:batch-students", batch.pk, limit=5)
        self.measure("list: who owes", self.admin, "finance:dues", limit=5)
        self.measure("list: who has owed longest", self.admin, "finance:dues", sort="due", limit=5)
        self.measure("list: refunds that are due", self.admin, "finance:refund-due-list", limit=5)
        self.measure("list: who owed a month ago", self.admin, "finance:dues", as_of=month_ago, limit=15)
        self.measure("list: overdue over 90 days", self.admin, "finance:dues", age="over-90", limit=15)
        self.measure("day book", self.admin, "finance:day-book", on=day, limit=5)
        self.measure("collections", self.admin, "finance:collections", limit=5)
        self.measure("search", self.admin, "pages:search-suggestions", q="sha", limit=5)
        self.measure("sheet", self.admin, "attendance:sheet", batch.pk, today, limit=3)
        self.measure("list: short of attendance", self.admin, "attendance:shortage", limit=5)
        self.measure("list: short of attendance, last", self.admin, "attendance:shortage", page=9999, limit=15)
        self.measure("list: short, of an instructor", instructor, "attendance:shortage", limit=5)
        self.measure("list: absent today", self.admin, "pages:absent", limit=5)
        self.measure("list: classes of the day", self.admin, "attendance:day", limit=15)
        self.measure("register of a month", self.admin, "attendance:batch-attendance", batch.pk, limit=5)
        self.measure_calls(enrollment.student)

    def measure_calls(self, student):
        """Print the lines of the JSON API."""
        admin = User.objects.filter(membership__group__name="Admin").order_by("pk").first()
        own = [tokens.issue(admin), tokens.issue(student.user)]
        try:
            desk, phone = map(with_token, own)
            for name, client, address, limit in (
                ("API: fee status", desk, f"/api/v1/students/{student.pk}/fee-status", 1.5),
                ("API: fee status, one's own", phone, f"/api/v1/students/{student.pk}/fee-status", 1.5),
                ("API: a thousand people", desk, "/api/v1/users?per_page=1000", 12),
            ):
                self.line(name, partial(client.get, address), lambda: desk.get("/api/floor"), limit)
        finally:
            for token in own:
                tokens.find(token).delete()
