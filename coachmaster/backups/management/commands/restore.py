from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from coachmaster.backups import backups
from coachmaster.backups.exceptions import BackupError


class Command(BaseCommand):
    help = (
        "Replace the contents of the database by a backup, or change nothing. Its checksum and "
        "columns are checked, and it is migrated and verified, before."
    )
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("file", metavar="FILE")
        parser.add_argument(
            "--force",
            action="store_true",
            help="Replace a database that has people in it.",
        )

    def handle(self, *, file, force, **options):
        try:
            backups.restore_backup(file, force=force, report=self.stdout.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        finally:
            connection.close()
        self.stdout.write(self.style.SUCCESS(f"{file} restored, no problems found."))
