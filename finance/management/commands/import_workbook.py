from coachmaster.core.importers.command import ImportCommand
from finance.importers.opening_balances import OpeningBalanceImporter


class Command(ImportCommand):
    importer_class = OpeningBalanceImporter
