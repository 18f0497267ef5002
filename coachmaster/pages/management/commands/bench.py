"""manage.py bench: how long pages take on the database at hand, against the floor.

The floor is a page that loads a session and its user and renders a small template, measured in turns with each page, so
that a noisy machine does not tilt the comparison. Figures are medians; nothing is judged, and nothing is changed.
"""

import datetime
import statistics
import sys
import time
import types

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.http import HttpResponse
from django.template import engines
from django.test import Client
from django.test.utils import override_settings
from django.urls import include, path, reverse
from django.utils import timezone

from academics.models import Batch, Enrollment
from accounts.models import User
from attendance.models import Mark
from finance.models import Account, Payment

SMALL = "<!doctype html><title>Floor</title><p>Hello, {{ name }}</p>"


def floor(request):
    """The smallest page of somebody's."""
    return HttpResponse(engines["django"].from_string(SMALL).render({"name": request.user.full_name}))


def addresses():
    """The site's addresses, and that of the floor."""
    module = types.ModuleType("coachmaster.bench_urls")
    module.urlpatterns = [path("floor/", floor), path("", include("coachmaster.urls"))]
    sys.modules[module.__name__] = module
    return module.__name__


def signed_in(user):
    """A client with a session of that person."""
    client = Client(headers={"host": settings.ALLOWED_HOSTS[0]})
    client.force_login(user)
    return client


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
    help = "Measure pages against a page that only loads its user."

    def add_arguments(self, parser):
        parser.add_argument("--rounds", type=int, default=25, help="How often each page is asked for.")

    def handle(self, *, rounds, **options):
        self.rounds = rounds
        with override_settings(ROOT_URLCONF=addresses(), SECURE_SSL_REDIRECT=False):
            self.measure_all()

    def measure(self, name, client, route, *args, limit, **query):
        """Print one line: the page, its queries, its median times, and how many floors that is."""
        address = reverse(route, args=args)

        def call():
            return client.get(address, query)

        call()
        queries = Counter()
        with connection.execute_wrapper(queries):
            call()
        pairs = [(timed(lambda: self.admin.get("/floor/")), timed(call)) for _ in range(self.rounds)]
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
        self.measure("list: who owed a month ago", self.admin, "finance:dues", as_of=month_ago, limit=15)
        self.measure("list: overdue over 90 days", self.admin, "finance:dues", age="over-90", limit=15)
        self.measure("day book", self.admin, "finance:day-book", on=day, limit=5)
        self.measure("collections", self.admin, "finance:collections", limit=15)
        self.measure("search", self.admin, "pages:search-suggestions", q="sha", limit=5)
        self.measure("sheet", self.admin, "attendance:sheet", batch.pk, today, limit=3)
        self.measure("register of a month", self.admin, "attendance:batch-attendance", batch.pk, limit=5)
