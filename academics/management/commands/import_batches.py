from academics.importers.batches import BatchImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    importer_class = BatchImporter
