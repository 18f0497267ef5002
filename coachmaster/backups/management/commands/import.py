"""`manage.py import DIR`: what `export` wrote, into an empty database."""

from django.core.management.base import BaseCommand, CommandError

from coachmaster.backups import transfer
from coachmaster.backups.exceptions import Refused

from .export import Bars, summary


class Command(BaseCommand):
    """Brings everything in."""

    help = (
        "Bring what `export` wrote into a database that is migrated and empty: all of it, or nothing. It is read out again "
        "and compared before it counts. For tables of other programs there are import_students and the like."
    )

    def add_arguments(self, parser):
        parser.add_argument("folder", metavar="DIR")

    def handle(self, *, folder, **options):
        bars = Bars()
        try:
            manifest = transfer.bring_in(folder, bars)
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        finally:
            bars.close()
        self.stdout.write(
            self.style.SUCCESS(
                f"{folder} is in: {summary(manifest)}; the same to the byte, and the books are right."
            )
        )
        self.stdout.write("Everybody signs in anew, with the password they had.")
