from attendance.importers.totals import AttendanceTotalsImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    importer_class = AttendanceTotalsImporter
