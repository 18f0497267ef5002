"""Measure pages, forms and API calls on this database against a floor.

The floor of a page loads a session and its user as Django does and renders a small template; the
floor of a call checks its token. Figures are medians, with compiled and with plain queries: by
processor time in this process, and by wall time through gunicorn.
"""

import contextlib
import gc
import itertools
import secrets

from django.core.management.base import BaseCommand
from django.db import connection
from django.test.utils import override_settings

from accounts import tokens
from accounts.models import User
from attendance.models import Mark
from coachmaster.demo.bench import forms, load, table, timing
from coachmaster.demo.bench import settings as server_settings
from coachmaster.demo.bench.cases import CALL_FLOOR, Subjects, all_cases
from coachmaster.demo.bench.requesters import HOST, Requester
from coachmaster.demo.bench.server import gunicorn
from finance.models import Account, Payment

#: Payments a second that eight desks have to reach.
TARGETS = {("payments", "sqlite"): 40, ("payments", "postgresql"): 60}


class Command(BaseCommand):
    help = "Measure pages and API calls against a page that only loads its user."

    def add_arguments(self, parser):
        parser.add_argument(
            "--rounds", type=int, default=25, help="How often each page is requested."
        )
        parser.add_argument(
            "--only", default="", help="Measure only rows whose name begins with this, like API."
        )
        parser.add_argument(
            "--seconds", type=int, default=10, help="How long eight clients save at once."
        )
        parser.add_argument("--in-process", action="store_true", help="Measure without gunicorn.")
        parser.add_argument(
            "--write",
            action="store_true",
            help="Also measure saving. What is saved stays in the database: use a copy.",
        )

    def handle(self, *, only, write, **options):
        gc.freeze()  # as the server does, see wsgi.py
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")  # a newly filled table has no statistics yet
        with override_settings(
            ALLOWED_HOSTS=[HOST],
            DEBUG=False,
            ROOT_URLCONF=server_settings.ROOT_URLCONF,
            SECRET_KEY=secrets.token_urlsafe(64),
            SECURE_SSL_REDIRECT=False,
            STATIC_ROOT=server_settings.STATIC_ROOT,
            STORAGES=server_settings.STORAGES,
        ):
            subjects = Subjects()
            issued = [tokens.issue(subjects.admin), tokens.issue(subjects.student.user)]
            floors = [Requester(subjects.admin), Requester(token=issued[0])]
            try:
                cases = [
                    case
                    for case in all_cases(subjects, tokens=issued, writes=write)
                    if case.name.startswith(only)
                ]
                self._print_size(subjects)
                self._measure(cases, floors, options["rounds"], options["in_process"])
                if write and not options["in_process"]:
                    self._measure_load(options["seconds"])
            finally:
                for token in issued:
                    tokens.find(token).delete()

    def _print_size(self, subjects):
        students = User.objects.filter(student_profile__isnull=False).count()
        self.stdout.write(
            f"{connection.vendor}; {students:,} students, {Mark.objects.count():,} marks, "
            f"{Payment.objects.count():,} payments, {Account.objects.with_dues().count():,} "
            f"students with dues; the sheet has {subjects.batch.strength} rows\n"
        )

    def _measure(self, cases, floors, rounds, in_process):
        self.stdout.write(table.header())
        with contextlib.ExitStack() as servers:
            ports = [
                servers.enter_context(gunicorn(workers=1, threads=1, compiled=compiled))
                for compiled in (() if in_process else (True, False))
            ]
            for case in cases:
                floor = floors[case.floor == CALL_FLOOR]
                cpu = timing.in_process(case, floor, rounds)
                wall = timing.through_gunicorn(case, floor, ports, rounds) if ports else []
                limit = case.limit and case.limit[connection.vendor != "sqlite"]
                self.stdout.write(
                    table.row(case.name, timing.count_queries(case), cpu, wall, limit)
                )

    def _measure_load(self, seconds):
        sheets = list(itertools.islice(forms.sheets(), 2000))
        rates = {"payments": [], "sheets": []}
        for compiled in (True, False):
            half = sheets[::2] if compiled else sheets[1::2]
            with gunicorn(compiled=compiled) as port:
                for name, rows in {"payments": forms.payments(), "sheets": half}.items():
                    rates[name].append(load.saves_per_second(port, rows, seconds=seconds))
        self.stdout.write(
            f"\n| eight clients, saves a second | compiled | plain | target |\n|{' --- |' * 4}"
        )
        for name, (compiled_rate, plain_rate) in rates.items():
            target = TARGETS.get((name, connection.vendor), "")
            self.stdout.write(f"| {name} | {compiled_rate:.0f} | {plain_rate:.0f} | {target} |")
