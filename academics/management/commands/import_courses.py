from academics.importers.courses import CourseImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    """Brings courses in from a CSV file."""

    importer_class = CourseImporter
