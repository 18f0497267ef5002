from django.core.management.base import BaseCommand, CommandError

from coachmaster.backups import transfer
from coachmaster.backups.exceptions import BackupError

from .export import ProgressBars, summary


class Command(BaseCommand):
    help = (
        "Import what `export` wrote into a migrated, empty database, or nothing. The imported "
        "rows are compared with the files. To import files of other programs, see "
        "import_students and the like."
    )

    def add_arguments(self, parser):
        parser.add_argument("folder", metavar="DIR")

    def handle(self, *, folder, **options):
        bars = ProgressBars()
        try:
            manifest = transfer.import_database(folder, bars)
        except BackupError as error:
            raise CommandError(str(error)) from error
        finally:
            bars.close()
        self.stdout.write(
            self.style.SUCCESS(
                f"{folder} imported: {summary(manifest)}; identical to the export, no problems "
                "found."
            )
        )
        self.stdout.write("Everybody has to sign in again. Passwords are unchanged.")
