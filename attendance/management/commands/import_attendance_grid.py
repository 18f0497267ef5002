from attendance.importing import AttendanceGridImporter
from coachmaster.ground.importing.command import ImportCommand


class Command(ImportCommand):
    """Brings attendance in from a register: a line a student, a column a day."""

    importer_class = AttendanceGridImporter
