from academics.importers.holidays import HolidayImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    importer_class = HolidayImporter
