from coachmaster.core.importers.command import ImportCommand
from finance.importers.payments import PaymentImporter


class Command(ImportCommand):
    importer_class = PaymentImporter
