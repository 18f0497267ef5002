from attendance.importers.punches import PunchImporter
from attendance.importers.sheets import AttendanceImporter
from coachmaster.core.importers.command import ImportCommand


class Command(ImportCommand):
    importer_class = AttendanceImporter

    def add_arguments(self, parser):
        super().add_arguments(parser)
        parser.add_argument(
            "--punches",
            action="store_true",
            help="The file contains punches of a device: student (admission number) and date and "
            "time.",
        )
        parser.add_argument(
            "--absent",
            action="store_true",
            help="With --punches: mark students without a punch absent, and save the sheet.",
        )
        parser.add_argument(
            "--leave-out",
            action="store_true",
            help="With --punches: report and skip punches that belong to no class.",
        )

    def importer(self, *, punches, absent, leave_out, **options):
        if punches:
            return PunchImporter(marks_absent=absent, skips_unknown=leave_out)
        return AttendanceImporter()
