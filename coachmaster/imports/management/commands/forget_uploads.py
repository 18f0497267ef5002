from django.core.management.base import BaseCommand

from coachmaster.imports.models import Import


class Command(BaseCommand):
    """Deletes uploaded files that nobody brought in for a day. The next upload does so too; cron makes sure."""

    help = "Delete uploaded files that nobody brought in for a day."

    def handle(self, **options):
        self.stdout.write(f"{Import.objects.forget_old()} forgotten.")
