from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from attendance import checks as attendance_checks
from finance import checks as finance_checks

PROBLEMS_SHOWN = 100


class Command(BaseCommand):
    help = "Check receipts, balances, totals, seats, fees and attendance over all rows."

    def handle(self, **options):
        count = 0
        is_outermost = not connection.in_atomic_block
        with transaction.atomic():
            if is_outermost and connection.vendor == "postgresql":
                # All checks read one snapshot, so that no payment is half seen.
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            for check in [*finance_checks.CHECKS, *attendance_checks.CHECKS]:
                problems = list(check())
                self._report(check, problems, most=max(PROBLEMS_SHOWN - count, 0))
                count += len(problems)
        if count:
            raise CommandError(f"{count} problem{'' if count == 1 else 's'} found.")
        self.stdout.write(self.style.SUCCESS("No problems found."))

    def _report(self, check, problems, most):
        title = (check.__doc__ or check.__name__.replace("_", " ")).split("\n\n")[0]
        status = self.style.ERROR("BROKEN") if problems else "ok    "
        self.stdout.write(f"{status}  {' '.join(title.split())}")
        for problem in problems[:most]:
            self.stdout.write(f"        {problem}")
