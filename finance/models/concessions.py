from django.conf import settings
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import StudentProfile
from coachmaster.core.constraints import (
    DatabaseOnlyConstraint,
    amount_above_zero,
    date_bounds,
    valid_choice,
)
from coachmaster.core.fields import BoundedDateField, MoneyField, SingleLineField

from .charges import Charge
from .querysets import OwnRowsQuerySet


class ConcessionKind(models.TextChoices):
    SIBLING = "sibling", "Sibling"
    MERIT = "merit", "Merit"
    STAFF = "staff", "Child of staff"
    HARDSHIP = "hardship", "Hardship"
    LATE_FEE = "late_fee", "Late fee waived"
    OTHER = "other", "Other"


class ConcessionQuerySet(OwnRowsQuerySet):
    ACTIVE = Q(approved_on__isnull=False, cancelled_on=None, charge__cancelled_on=None)

    def active(self):
        """Approved concessions on active charges."""
        return self.filter(self.ACTIVE)

    def as_of(self, on):
        return self.filter(
            Q(cancelled_on__gt=on) | Q(cancelled_on=None),
            Q(charge__cancelled_on__gt=on) | Q(charge__cancelled_on=None),
            approved_on__lte=on,
        )

    def waiting(self):
        return self.filter(approved_on=None, cancelled_on=None, charge__cancelled_on=None)

    def count_concessions(self):
        return self.aggregate(number=Count("token", distinct=True))["number"]

    def one_per_concession(self):
        return self.filter(~Exists(self.filter(token=OuterRef("token"), pk__lt=OuterRef("pk"))))


class Concession(models.Model):
    """The part of a concession for one charge. It counts from its approval."""

    student = models.ForeignKey(
        StudentProfile, on_delete=models.PROTECT, related_name="concessions"
    )
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="concessions")
    amount = MoneyField()
    kind = models.CharField(max_length=10, choices=ConcessionKind.choices)
    reason = SingleLineField(max_length=200)
    #: Shared by the rows of one concession, which are approved and cancelled together.
    token = models.CharField(max_length=64, db_index=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    asked_at = models.DateTimeField(default=timezone.now)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    approved_on = BoundedDateField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    cancelled_on = BoundedDateField(null=True, blank=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    cancel_reason = SingleLineField(max_length=200, blank=True)

    objects = ConcessionQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at", "-pk"]
        permissions = [("approve_concession", "Can approve concessions above the limit")]
        indexes = [
            models.Index(fields=["student"], name="concession_by_student"),
            models.Index(
                fields=["asked_at"],
                condition=Q(approved_on=None, cancelled_on=None),
                name="concession_waiting",
            ),
        ]
        constraints = [
            amount_above_zero("concession"),
            valid_choice("concession", "kind", ConcessionKind),
            DatabaseOnlyConstraint(condition=~Q(reason=""), name="concession_has_a_reason"),
            models.UniqueConstraint(fields=["token", "charge"], name="concession_once_a_charge"),
            models.CheckConstraint(
                condition=Q(cancelled_on=None, cancel_reason="")
                | (Q(cancelled_on__isnull=False) & ~Q(cancel_reason="")),
                name="concession_cancelled_with_a_reason",
                violation_error_message="Enter the reason for cancelling the concession.",
            ),
            *date_bounds("concession", "approved_on", "cancelled_on"),
        ]

    def __str__(self):
        return f"{self.get_kind_display()} concession on {self.charge}"

    @property
    def is_waiting(self):
        return self.approved_on is None and self.cancelled_on is None
