"""`manage.py backup FILE`: all that the database holds, as one file, while people work."""

from django.core.management.base import BaseCommand, CommandError

from coachmaster.backups import backups
from coachmaster.backups.exceptions import Refused


class Command(BaseCommand):
    """Makes a backup."""

    help = (
        "Write all that the database holds into one file, while people work. It is opened and checked before it counts. "
        "Exits with 1 when there is no backup, or when the books in it do not fit together."
    )
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument(
            "file", metavar="FILE", help="{date} and {time} in its name stand for now."
        )
        parser.add_argument(
            "--keep",
            type=int,
            metavar="N",
            help="Keep the newest N whose names differ in {date} and {time} only.",
        )

    def handle(self, *, file, keep, **options):
        if keep is not None and keep < 1:
            raise CommandError("--keep takes a whole number from 1 on.", returncode=2)
        try:
            made = backups.make(file, keep)
        except Refused as refusal:
            raise CommandError(f"{refusal} There is no new backup.") from refusal
        size = made.path.stat().st_size / 1024**2
        if made.broken:
            raise CommandError(
                f"{made.path} ({size:,.1f} MB) is a backup, but the books in it do not fit together:\n{made.broken}\n"
                "No older one was removed."
            )
        self.stdout.write(
            self.style.SUCCESS(
                f"{made.path}: {size:,.1f} MB, opened and checked; the books are right."
            )
        )
        if made.removed:
            self.stdout.write(f"Removed: {', '.join(path.name for path in made.removed)}.")
