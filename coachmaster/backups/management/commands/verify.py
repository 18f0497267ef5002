"""`manage.py verify`: prove books and attendance over every row; names what is broken and then exits with 1."""

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from attendance import checks as attendance
from finance import checks as books


class Command(BaseCommand):
    """Prove the books, and what is kept of attendance."""

    help = "Checks over every row that receipts, balances, totals, seats, fees and attendance fit together."

    #: So many sentences are printed; more are counted.
    SHOWN = 100

    def handle(self, **options):
        """Read one moment of the database, so that a payment taken meanwhile is not half seen."""
        found = 0
        is_outermost = not connection.in_atomic_block
        with transaction.atomic():
            if is_outermost and connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            for check in [*books.CHECKS, *attendance.CHECKS]:
                broken = list(check())
                words = (check.__doc__ or "").split("\n\n")[0].replace("\n", " ")
                self.stdout.write(
                    f"{self.style.ERROR('BROKEN') if broken else 'ok    '}  {' '.join(words.split())}"
                )
                for sentence in broken[: max(self.SHOWN - found, 0)]:
                    self.stdout.write(f"        {sentence}")
                found += len(broken)
        if found:
            raise CommandError(f"{found} things do not fit together.")
        self.stdout.write(self.style.SUCCESS("The books are right."))
