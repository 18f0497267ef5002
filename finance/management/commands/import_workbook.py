from coachmaster.core.importers.command import ImportCommand
from finance.importers.opening_balances import OpeningBalanceImporter


class Command(ImportCommand):
    """Switches over from a workbook with a line a student, and compares its totals batch by batch."""

    importer_class = OpeningBalanceImporter
