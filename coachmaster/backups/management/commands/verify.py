from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from accounts.models import User
from attendance import checks as attendance_checks
from coachmaster.backups import checks, seals
from finance import checks as finance_checks

PROBLEMS_SHOWN = 100
#: Permissions to give roles or to change what roles may do.
GRANTING = ["add_membership", "change_membership", "add_group", "change_group"]


class Command(BaseCommand):
    help = (
        "Check receipts, balances, totals, seats, fees and attendance over all rows; compare rows "
        "that never change with their seals; list who may give permissions."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--figures-only",
            action="store_true",
            help="Check neither seals, histories nor roles, and list nobody.",
        )
        parser.add_argument(
            "--last-seal",
            default="",
            metavar="SIGNATURE",
            help="The signature that the last `seal` printed, to find seals that were removed.",
        )

    def handle(self, *, figures_only, last_seal, **options):
        self.count = 0
        is_outermost = not connection.in_atomic_block
        with transaction.atomic():
            if is_outermost and connection.vendor == "postgresql":
                # All checks read one snapshot, so that no payment is half seen.
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            for check in [*finance_checks.CHECKS, *attendance_checks.CHECKS]:
                self._run(check)
        # Outside of the transaction, in which nobody else can write to SQLite.
        self._run(checks.references)
        self._run(checks.foreign_objects)
        if not figures_only:
            for check in (checks.missing_triggers, checks.roles, checks.histories):
                self._run(check)
            self._check_seals(last_seal)
            self._list_people()
        if self.count:
            raise CommandError(f"{self.count} problem{'' if self.count == 1 else 's'} found.")
        self.stdout.write(self.style.SUCCESS("No problems found."))

    def _run(self, check):
        title = (check.__doc__ or check.__name__.replace("_", " ")).split("\n\n")[0]
        self._report(" ".join(title.split()), list(check()))

    def _report(self, title, problems):
        status = self.style.ERROR("BROKEN") if problems else "ok    "
        self.stdout.write(f"{status}  {title}")
        for problem in problems[: max(PROBLEMS_SHOWN - self.count, 0)]:
            self.stdout.write(f"        {problem}")
        self.count += len(problems)

    def _check_seals(self, last_seal):
        if not seals.are_configured():
            if last_seal:
                raise CommandError("Set SEAL_KEY_FILE and SEAL_FILE: see .env.example.")
            self.stdout.write("-       Seals are not checked: SEAL_FILE is not set.")
            return
        report = seals.check_seals(expected=last_seal)
        self._report("Histories and money rows are as they were sealed.", report.problems)
        if report.last:
            self.stdout.write(
                f"        {report.seals:,} seals, the last of {seals.moment(report.last)}: "
                f"{report.last['hmac']}"
            )
            self.stdout.write(f"        {report.unsealed:,} newer rows are not sealed yet.")

    def _list_people(self):
        active = User.objects.filter(is_active=True)
        granting = active.filter(membership__group__permissions__codename__in=GRANTING)
        for title, people in (
            ("Superusers", active.filter(is_superuser=True)),
            ("May give roles or permissions", granting.distinct()),
        ):
            names = ", ".join(f"{person} ({person.email})" for person in people.order_by("pk"))
            self.stdout.write(f"{title}: {names or 'nobody'}.")
