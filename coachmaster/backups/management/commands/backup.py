from django.core.management.base import BaseCommand, CommandError

from coachmaster.backups import backups
from coachmaster.backups.exceptions import BackupError


class Command(BaseCommand):
    help = (
        "Back up the database into one file while people work. The file is checked before it gets "
        "its name. Exits with 1 if there is no backup or it has problems."
    )
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument(
            "file", metavar="FILE", help="{date} and {time} in the name are replaced."
        )
        parser.add_argument(
            "--keep",
            type=int,
            metavar="N",
            help="Keep only the newest N backups whose names differ in {date} and {time}.",
        )

    def handle(self, *, file, keep, **options):
        if keep is not None and keep < 1:
            raise CommandError("--keep requires a whole number from 1.", returncode=2)
        try:
            result = backups.create_backup(file, keep)
        except BackupError as error:
            raise CommandError(f"{error} No backup was made.") from error
        size = result.path.stat().st_size / 1024**2
        if result.problems:
            raise CommandError(
                f"{result.path} ({size:,.1f} MB) was saved, but it has problems:\n"
                f"{result.problems}\nNo older backup was deleted."
            )
        self.stdout.write(
            self.style.SUCCESS(f"{result.path}: {size:,.1f} MB, checked, no problems found.")
        )
        if result.removed:
            self.stdout.write(f"Deleted: {', '.join(path.name for path in result.removed)}.")
        self.stdout.write(f"Checksum: {result.checksum}")
