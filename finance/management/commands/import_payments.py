from coachmaster.core.importers.command import ImportCommand
from finance.importers.payments import PaymentImporter


class Command(ImportCommand):
    """Brings payments in from a CSV file."""

    importer_class = PaymentImporter
