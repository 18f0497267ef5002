from attendance.importers.punches import PunchImporter
from attendance.importers.sheets import AttendanceImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    """Brings attendance in from a file of marks, or with `--punches` from what a fingerprint or card reader read."""

    importer_class = AttendanceImporter

    def add_arguments(self, parser):
        super().add_arguments(parser)
        parser.add_argument(
            "--punches",
            action="store_true",
            help="The file holds readings of a device: columns student (admission number), at (date and time).",
        )
        parser.add_argument(
            "--absent",
            action="store_true",
            help="With --punches: who has no reading in a class is absent, and the sheet is saved.",
        )
        parser.add_argument(
            "--leave-out",
            action="store_true",
            help="With --punches: readings that belong nowhere are reported and left out, and keep no file out.",
        )

    def importer(self, *, punches, absent, leave_out, **options):
        """The importer that the options ask for."""
        return (
            PunchImporter(marks_absent=absent, skips_unknown=leave_out)
            if punches
            else AttendanceImporter()
        )
