from attendance.importers.totals import AttendanceTotalsImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    """Brings in how many classes there were, and were attended, before CoachMaster."""

    importer_class = AttendanceTotalsImporter
