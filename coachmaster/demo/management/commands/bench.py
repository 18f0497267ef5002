"""manage.py bench: how long pages, forms and calls of the JSON API take on the database at hand, against the floor.

The floor of pages is one that loads a session and its user as Django does by itself and renders a small template, that of
calls one that only checks its token. Each line is measured with compiled queries and with plain ones: by processor time
within this process, and on the clock through gunicorn. Figures are medians; nothing is judged.
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
from coachmaster.demo.bench import settings as served
from coachmaster.demo.bench.lines import CALL_FLOOR, Cast, lines
from coachmaster.demo.bench.server import gunicorn
from coachmaster.demo.bench.visitors import HOST, Visitor
from finance.models import Account, Payment

#: Payments that eight desks are to record in a second.
AT_LEAST = {("payments", "sqlite"): 40, ("payments", "postgresql"): 60}


class Command(BaseCommand):
    help = "Measure pages and API calls against one that only loads its user."

    def add_arguments(self, parser):
        parser.add_argument(
            "--rounds", type=int, default=25, help="How often each page is asked for."
        )
        parser.add_argument(
            "--only", default="", help="Measure lines only whose name begins so, like API."
        )
        parser.add_argument(
            "--seconds", type=int, default=10, help="How long eight clients save at once."
        )
        parser.add_argument("--in-process", action="store_true", help="Measure without gunicorn.")
        parser.add_argument(
            "--write",
            action="store_true",
            help="Measure saving too, and how much eight clients save in a second. It stays in the database: use a copy.",
        )

    def handle(self, *, only, write, **options):
        gc.freeze()  # as the server does, see wsgi.py
        if connection.vendor == "postgresql":
            connection.cursor().execute(
                "ANALYZE"
            )  # as PostgreSQL does by itself a while after a table was filled
        with override_settings(
            ALLOWED_HOSTS=[HOST],
            DEBUG=False,
            ROOT_URLCONF=served.ROOT_URLCONF,
            SECRET_KEY=secrets.token_urlsafe(64),
            SECURE_SSL_REDIRECT=False,
            STATIC_ROOT=served.STATIC_ROOT,
            STORAGES=served.STORAGES,
        ):
            cast = Cast()
            own = [tokens.issue(cast.admin), tokens.issue(cast.student.user)]
            try:
                found = [
                    line
                    for line in lines(cast, tokens=own, writes=write)
                    if line.name.startswith(only)
                ]
                self.measure(
                    cast, found, floors=[Visitor(cast.admin), Visitor(token=own[0])], **options
                )
                if write and not options["in_process"]:
                    self.measure_load(options["seconds"])
            finally:
                for token in own:
                    tokens.find(token).delete()

    def measure(self, cast, found, *, floors, rounds, in_process, **options):
        """Print the table of the lines that were ``found``."""
        self.stdout.write(
            f"{connection.vendor}; {User.objects.filter(student_profile__isnull=False).count():,} students, "
            f"{Mark.objects.count():,} marks, {Payment.objects.count():,} payments, "
            f"{Account.objects.owing().count():,} who owe; the sheet has {cast.batch.strength} rows\n\n{table.head()}"
        )
        with contextlib.ExitStack() as servers:
            kinds = () if in_process else (True, False)
            ports = [
                servers.enter_context(gunicorn(workers=1, threads=1, compiled=kind))
                for kind in kinds
            ]
            for line in found:
                floor = floors[line.floor == CALL_FLOOR]
                inside = timing.in_process(line, floor, rounds)
                through = timing.through_gunicorn(line, floor, ports, rounds) if ports else []
                limit = line.limit and line.limit[connection.vendor != "sqlite"]
                self.stdout.write(
                    table.row(line.name, timing.queries(line), inside, through, limit)
                )

    def measure_load(self, seconds):
        """Print how many payments and sheets eight clients save in a second."""
        sheets = list(itertools.islice(forms.sheets(), 2000))
        kinds = {
            True: {"payments": forms.payments(), "sheets": sheets[::2]},
            False: {"payments": forms.payments(), "sheets": sheets[1::2]},
        }
        rates = {"payments": [], "sheets": []}
        for compiled, sent in kinds.items():
            with gunicorn(compiled=compiled) as port:
                for name, saved in sent.items():
                    rates[name].append(load.per_second(port, saved, seconds=seconds))
        self.stdout.write(
            f"\n| by eight clients in a second | compiled | plain | at least |\n|{' --- |' * 4}"
        )
        for name, (fast, plain) in rates.items():
            least = AT_LEAST.get((name, connection.vendor), "")
            self.stdout.write(f"| {name} | {fast:.0f} | {plain:.0f} | {least} |")
