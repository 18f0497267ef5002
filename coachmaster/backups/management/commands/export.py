from decimal import Decimal

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from coachmaster.backups import transfer
from coachmaster.backups.exceptions import BackupError
from coachmaster.core.money import display


class ProgressBars:
    def __init__(self):
        self.bar = None

    def __call__(self, label, total):
        self.close()
        self.bar = tqdm(desc=label, total=total, unit=" rows", disable=None, leave=False)
        return self.bar.update

    def close(self):
        if self.bar is not None:
            self.bar.close()


def summary(manifest):
    rows = sum(table["rows"] for table in manifest["tables"].values())
    balance = display(Decimal(manifest["ledger"]["balance"]))
    return f"{len(manifest['tables'])} tables, {rows:,} rows, total balance {balance}"


class Command(BaseCommand):
    help = (
        "Export every table as a CSV file into a new folder, with a manifest of row counts, "
        "hashes and ledger totals. Password hashes are included; sessions and tokens are not."
    )

    def add_arguments(self, parser):
        parser.add_argument("folder", metavar="DIR")

    def handle(self, *, folder, **options):
        bars = ProgressBars()
        try:
            manifest = transfer.export_database(folder, bars)
        except BackupError as error:
            raise CommandError(str(error)) from error
        finally:
            bars.close()
        self.stdout.write(self.style.SUCCESS(f"{folder}: {summary(manifest)}."))
        self.stdout.write("It contains password hashes: keep it as safe as the database.")
