from accounts.importers.students import StudentImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    importer_class = StudentImporter
