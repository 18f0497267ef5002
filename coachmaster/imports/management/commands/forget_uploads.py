from django.core.management.base import BaseCommand

from coachmaster.imports.models import Import


class Command(BaseCommand):
    """For cron. Each upload does the same."""

    help = "Delete uploaded files that were not imported within a day."

    def handle(self, **options):
        deleted = Import.objects.delete_expired()
        self.stdout.write(f"{deleted} upload{'' if deleted == 1 else 's'} deleted.")
