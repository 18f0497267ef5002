from academics.importers.holidays import HolidayImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    """Brings holidays in from a CSV file."""

    importer_class = HolidayImporter
