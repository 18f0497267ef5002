from coachmaster.core.importers.command import ImportCommand
from finance.importing import EnrollmentImporter


class Command(ImportCommand):
    """Brings enrollments in from a CSV file."""

    importer_class = EnrollmentImporter
