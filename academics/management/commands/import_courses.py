from academics.importers.courses import CourseImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    importer_class = CourseImporter
