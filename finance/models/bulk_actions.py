from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from coachmaster.core.constraints import valid_choice
from coachmaster.core.fields import MoneyField, SingleLineField
from coachmaster.core.querysets import ScopedQuerySet


class BulkActionKind(models.TextChoices):
    LATE_FEES = "late_fees", "Late fees"
    CHARGE = "charge", "Charges"
    ENROLL = "enroll", "Enrollments"
    COMPLETE = "complete", "Completed batch"
    IMPORT = "import", "Import"


class BulkActionQuerySet(ScopedQuerySet):
    def owned_by(self, user_id):
        return self.filter(by=user_id)

    def undone(self):
        return self.filter(undone_at__isnull=False)

    def active(self):
        return self.filter(undone_at=None)


class BulkAction(models.Model):
    """A confirmed change of many rows, and who undid it."""

    kind = models.CharField(max_length=12, choices=BulkActionKind.choices)
    description = SingleLineField(max_length=200)
    row_count = models.PositiveIntegerField("rows")
    amount = MoneyField(null=True, blank=True)
    #: What undoing needs to know besides the rows, by kind.
    details = models.JSONField(default=dict, blank=True, editable=False)
    #: Of the form that was confirmed, so that a form sent twice has no further effect.
    token = models.CharField(max_length=64, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now, editable=False)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    undone_at = models.DateTimeField(null=True, blank=True)
    undo_reason = SingleLineField(max_length=200, blank=True)

    objects = BulkActionQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["at"], name="bulk_action_by_time")]
        constraints = [
            valid_choice("bulk_action", "kind", BulkActionKind),
            models.CheckConstraint(
                condition=Q(row_count__gt=0),
                name="bulk_action_has_rows",
                violation_error_message="There is nothing to do.",
            ),
            models.UniqueConstraint(
                fields=["token"], condition=~Q(token=""), name="bulk_action_done_once"
            ),
            models.CheckConstraint(
                condition=Q(undone_at=None, undone_by=None, undo_reason="")
                | (Q(undone_at__isnull=False) & ~Q(undo_reason="")),
                name="bulk_action_undone_with_a_reason",
                violation_error_message="Enter the reason for undoing it.",
            ),
        ]

    def __str__(self):
        return self.description

    def get_absolute_url(self):
        return reverse("finance:bulk-action", args=[self.pk])

    @property
    def is_undone(self):
        return self.undone_at is not None

    def rows_of(self, model):
        """Return the rows of ``model`` that this action made or changed."""
        kind = ContentType.objects.get_for_model(model)
        keys = self.rows.filter(content_type=kind).values("object_id")
        return model._default_manager.filter(pk__in=keys)


class BulkActionRowQuerySet(ScopedQuerySet):
    owner = "action"

    def undone(self, model):
        """Limit to rows of ``model`` whose action was undone."""
        kind = ContentType.objects.get_for_model(model)
        return self.filter(content_type=kind, action__undone_at__isnull=False)

    def of_old_books(self, model):
        """Limit to rows of ``model`` that were imported from books kept before."""
        kind = ContentType.objects.get_for_model(model)
        return self.filter(content_type=kind, action__details__old_books=True)


class BulkActionRow(models.Model):
    """A row that a bulk action made or changed."""

    action = models.ForeignKey(BulkAction, on_delete=models.PROTECT, related_name="rows")
    content_type = models.ForeignKey(ContentType, on_delete=models.PROTECT, related_name="+")
    object_id = models.PositiveBigIntegerField()

    objects = BulkActionRowQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["action", "content_type", "object_id"], name="bulk_action_row_once"
            )
        ]

    def __str__(self):
        return f"{self.content_type.name} {self.object_id}"
