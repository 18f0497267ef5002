"""`manage.py export DIR`: every table as a CSV file, with a manifest."""

from decimal import Decimal

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from coachmaster.backups import transfer
from coachmaster.backups.exceptions import Refused
from coachmaster.core.money import display


class Bars:
    """A progress bar a stage, on a terminal only."""

    def __init__(self):
        self.bar = None

    def __call__(self, words, total):
        self.close()
        self.bar = tqdm(desc=words, total=total, unit=" rows", disable=None, leave=False)
        return self.bar.update

    def close(self):
        """Clear the bar away."""
        if self.bar is not None:
            self.bar.close()


def summary(manifest):
    """What was moved, in a line."""
    rows = sum(table["rows"] for table in manifest["tables"].values())
    balance = display(Decimal(manifest["ledger"]["balance"]))
    return (
        f"{len(manifest['tables'])} tables, {rows:,} rows, a balance of {balance} over all students"
    )


class Command(BaseCommand):
    """Takes everything out."""

    help = (
        "Write every table of one moment as a CSV file into a new folder, with a manifest of rows, hashes and ledger "
        "totals. The people's password hashes are in it; sessions and tokens are not."
    )

    def add_arguments(self, parser):
        parser.add_argument("folder", metavar="DIR")

    def handle(self, *, folder, **options):
        bars = Bars()
        try:
            manifest = transfer.take_out(folder, bars)
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        finally:
            bars.close()
        self.stdout.write(self.style.SUCCESS(f"{folder}: {summary(manifest)}."))
        self.stdout.write(
            "It holds the people's password hashes: keep it as close as the database."
        )
