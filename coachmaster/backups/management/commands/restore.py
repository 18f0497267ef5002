"""`manage.py restore FILE`: put a backup in the place of what the database holds."""

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from coachmaster.backups import backups
from coachmaster.backups.exceptions import Refused


class Command(BaseCommand):
    """Restores a backup."""

    help = (
        "Put a backup in the place of what the database holds, or change nothing. It is checked, brought to this version "
        "and proved beside the database before."
    )
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("file", metavar="FILE")
        parser.add_argument(
            "--force",
            action="store_true",
            help="Also where the database holds an institute already.",
        )

    def handle(self, *, file, force, **options):
        try:
            backups.restore(file, force=force, say=self.stdout.write)
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        finally:
            connection.close()
        self.stdout.write(self.style.SUCCESS(f"{file} is restored; the books are right."))
