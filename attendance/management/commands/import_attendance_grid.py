from attendance.importers.grid import AttendanceGridImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    importer_class = AttendanceGridImporter
