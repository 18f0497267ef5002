from attendance.importers.grid import AttendanceGridImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    """Brings attendance in from a register: a line a student, a column a day."""

    importer_class = AttendanceGridImporter
