from accounts.importers.instructors import InstructorImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    """Brings instructors in from a CSV file."""

    importer_class = InstructorImporter
