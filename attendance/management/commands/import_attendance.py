from attendance.importing import AttendanceImporter
from coachmaster.ground.importing.command import ImportCommand


class Command(ImportCommand):
    """Brings attendance in from a CSV file."""

    importer_class = AttendanceImporter
