from academics.importers.batches import BatchImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    """Brings batches in from a CSV file."""

    importer_class = BatchImporter
