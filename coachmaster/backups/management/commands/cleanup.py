import datetime

from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts.models import ApiToken, Attempts


class Command(BaseCommand):
    """For cron. Sign-ins and uploads delete some of these rows too."""

    help = "Delete what has expired: sessions, API tokens, counts of tries and uploaded files."

    def handle(self, **options):
        now = timezone.now()
        self._delete("sessions", Session.objects.filter(expire_date__lte=now))
        self._delete("API tokens", ApiToken.objects.filter(expires_at__lte=now))
        yesterday = now - datetime.timedelta(days=1)
        self._delete("counts of tries", Attempts.objects.filter(ends_at__lt=yesterday))
        uploads = apps.get_model("imports", "Import").objects.delete_expired()
        self.stdout.write(f"uploaded files: {uploads} deleted")

    def _delete(self, label, rows):
        """Delete the rows, and devices with their sessions and tokens."""
        _, deleted = rows.delete()
        self.stdout.write(f"{label}: {deleted.get(rows.model._meta.label, 0)} deleted")
