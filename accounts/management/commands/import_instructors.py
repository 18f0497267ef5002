from accounts.importers.instructors import InstructorImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    importer_class = InstructorImporter
