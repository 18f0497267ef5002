from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from coachmaster.core.constraints import DatabaseOnlyConstraint, date_bounds
from coachmaster.core.fields import BoundedDateField, SingleLineField
from coachmaster.core.querysets import owned_through

from .payments import Payment


class Reversal(models.Model):
    """The cancellation of a receipt, or a bounced cheque."""

    class Kind(models.TextChoices):
        VOID = "void", "Cancelled"
        BOUNCED = "bounced", "Bounced"

    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="reversal")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.VOID)
    voided_on = BoundedDateField()
    booked_on = BoundedDateField("counted on")
    reason = SingleLineField(max_length=200)
    voided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    voided_at = models.DateTimeField(default=timezone.now)

    objects = owned_through("payment")

    class Meta:
        ordering = ["-voided_at"]
        indexes = [models.Index(fields=["booked_on"], name="reversal_by_book")]
        constraints = [
            DatabaseOnlyConstraint(condition=~Q(reason=""), name="reversal_has_a_reason"),
            *date_bounds("reversal", "voided_on", "booked_on"),
        ]

    def __str__(self):
        return f"Cancellation of {self.payment}"

    @property
    def label(self):
        return self.get_kind_display()
