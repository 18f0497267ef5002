"""Files that people bring in through the pages."""

import contextlib
import datetime
import tempfile

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.roles import sees_whole_institute
from coachmaster.core.fields import SingleLineField
from coachmaster.core.importers import open_table

#: Bytes of a workbook after unpacking.
MOST_UNPACKED = 100 * 1024 * 1024
#: How long a file waits to be brought in.
KEPT = datetime.timedelta(days=1)


class ImportQuerySet(models.QuerySet):
    """Imports, by who may see them."""

    def waiting(self):
        """Uploaded and not brought in yet; a file that waited too long is gone."""
        return self.filter(applied_at=None, uploaded_at__gt=timezone.now() - KEPT)

    def applied(self):
        """Brought in."""
        return self.exclude(applied_at=None)

    def visible_to(self, user):
        """A file that waits is its uploader's alone; what was brought in, everybody's who sees the whole institute."""
        own = Q(by=user)
        waits = Q(applied_at=None, uploaded_at__gt=timezone.now() - KEPT)
        done = Q(applied_at__isnull=False)
        return self.filter((own & waits) | (done if sees_whole_institute(user) else done & own))

    def forget_old(self):
        """Delete files that nobody brought in for a day; how many there were."""
        deleted, _ = self.filter(applied_at=None, uploaded_at__lte=timezone.now() - KEPT).delete()
        return deleted


class Import(models.Model):
    """A file that was uploaded: kept until it is brought in or thrown away, then only what it did."""

    kind = models.CharField(max_length=20)
    file_name = SingleLineField(max_length=200)
    content = models.BinaryField(null=True)
    encoding = models.CharField(max_length=20, blank=True)
    sheet = models.CharField(max_length=200, blank=True)
    #: What its header is known by: the next file with the same one takes `columns` and `defaults` from here.
    header_key = models.CharField(max_length=64, blank=True, db_index=True)
    columns = models.JSONField(default=dict)
    defaults = models.JSONField(default=dict)
    corrections = models.JSONField(default=dict)
    left_out = models.JSONField(default=list)
    #: What was found when it was checked last; plain data for the page.
    report = models.JSONField(default=dict)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(default=timezone.now, db_index=True)
    applied_at = models.DateTimeField(null=True, db_index=True)
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    #: The keys of what it created.
    made = models.JSONField(default=list)

    objects = ImportQuerySet.as_manager()

    def __str__(self):
        return self.file_name

    @contextlib.contextmanager
    def table(self):
        """The file as a table. Raises `Unreadable`."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.content)
            file.flush()
            yield open_table(
                file.name,
                self.encoding or None,
                self.sheet or None,
                most_unpacked=MOST_UNPACKED,
            )
