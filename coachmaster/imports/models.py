import contextlib
import tempfile

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.roles import sees_whole_institute
from coachmaster.core.fields import SingleLineField
from coachmaster.core.importers import open_table
from finance.models import BulkAction

from .upload_limits import EXPIRES_AFTER, WORKBOOK_LIMITS


def printable(name):
    return "".join(c if c.isprintable() else " " for c in name)


class ImportQuerySet(models.QuerySet):
    def waiting(self):
        return self.filter(applied_at=None, uploaded_at__gt=timezone.now() - EXPIRES_AFTER)

    def applied(self):
        return self.exclude(applied_at=None)

    def visible_to(self, user):
        """Limit to own files, and imported ones of the whole institute."""
        own = Q(by=user)
        waiting = Q(applied_at=None, uploaded_at__gt=timezone.now() - EXPIRES_AFTER)
        applied = Q(applied_at__isnull=False)
        return self.filter(
            (own & waiting) | (applied if sees_whole_institute(user) else applied & own)
        )

    def for_list(self):
        return self.select_related("by", "action").defer("content", "report", "created_ids")

    def delete_expired(self):
        """Delete old files that were not imported. Return their number."""
        expired = self.filter(applied_at=None, uploaded_at__lte=timezone.now() - EXPIRES_AFTER)
        deleted, _ = expired.delete()
        return deleted


class Import(models.Model):
    """An uploaded file; its content is removed after the import."""

    kind = models.CharField(max_length=20)
    file_name = SingleLineField(max_length=200)
    content = models.BinaryField(null=True)
    encoding = models.CharField(max_length=20, blank=True)
    sheet = models.CharField(max_length=200, blank=True)
    #: The next file with the same header starts with these `columns` and `defaults`.
    header_key = models.CharField(max_length=64, blank=True, db_index=True)
    columns = models.JSONField(default=dict)
    defaults = models.JSONField(default=dict)
    corrections = models.JSONField(default=dict)
    skipped_lines = models.JSONField(default=list)
    #: The result of the last check, then of the import, as plain data.
    report = models.JSONField(default=dict)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(default=timezone.now, db_index=True)
    applied_at = models.DateTimeField(null=True, db_index=True)
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    created_ids = models.JSONField(default=list)
    #: None if no records were created.
    action = models.OneToOneField(
        BulkAction, models.PROTECT, null=True, related_name="import_file", editable=False
    )

    objects = ImportQuerySet.as_manager()

    def __str__(self):
        return self.file_name

    @contextlib.contextmanager
    def table(self):
        """Open the file as a table. Raise `Unreadable`."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.content)
            file.flush()
            yield open_table(
                file.name,
                self.encoding or None,
                self.sheet or None,
                limits=WORKBOOK_LIMITS,
            )
