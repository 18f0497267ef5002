from coachmaster.core.importers.command import ImportCommand
from finance.importers.enrollments import EnrollmentImporter


class Command(ImportCommand):
    importer_class = EnrollmentImporter
