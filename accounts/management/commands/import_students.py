from accounts.importers.students import StudentImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    """Brings students in from a CSV file."""

    importer_class = StudentImporter
