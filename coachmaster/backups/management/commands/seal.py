from django.core.management.base import BaseCommand, CommandError

from coachmaster.backups import seals
from coachmaster.backups.exceptions import BackupError


class Command(BaseCommand):
    help = (
        "Sign the histories and the money rows that were added since the last seal. Run it each "
        "night; `verify` then finds rows that were changed or deleted in the database."
    )
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument(
            "--new",
            action="store_true",
            help="Start the file SEAL_FILE, and make the key SEAL_KEY_FILE if there is none.",
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=60,
            metavar="SECONDS",
            help="Wait so long for transactions that are writing (PostgreSQL). Default: 60.",
        )

    def handle(self, *, new, wait, **options):
        try:
            rows, seal = seals.seal_new_rows(is_new=new, wait=wait)
        except BackupError as error:
            raise CommandError(f"{error} Nothing was sealed.") from error
        self.stdout.write(self.style.SUCCESS(f"{rows:,} new rows sealed."))
        self.stdout.write(f"Note this signature on another machine: {seal['hmac']}")
