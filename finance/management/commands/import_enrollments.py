from coachmaster.core.importers.command import ImportCommand
from finance.importers.enrollments import EnrollmentImporter


class Command(ImportCommand):
    """Brings enrollments in from a CSV file."""

    importer_class = EnrollmentImporter
