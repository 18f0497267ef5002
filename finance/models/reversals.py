from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from coachmaster.core.constraints import Net, day_bounds
from coachmaster.core.fields import BoundedDateField, SingleLineField

from .payments import Payment


class Reversal(models.Model):
    """The void of a payment that was entered wrongly, or of a cheque that bounced. One to one: a second cannot be
    written."""

    class Kind(models.TextChoices):
        """Why the money does not count."""

        VOID = "void", "Wrong entry"
        BOUNCED = "bounced", "Cheque bounced"

    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="reversal")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.VOID)
    voided_on = BoundedDateField()
    booked_on = BoundedDateField("counted on")
    reason = SingleLineField(max_length=200)
    voided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    voided_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-voided_at"]
        indexes = [models.Index(fields=["booked_on"], name="reversal_by_book")]
        constraints = [
            Net(condition=~Q(reason=""), name="reversal_has_a_reason"),
            *day_bounds("reversal", "voided_on", "booked_on"),
        ]

    def __str__(self):
        return f"Void of {self.payment}"

    @property
    def label(self):
        """One word for it, beside the receipt's number."""
        return "Bounced" if self.kind == self.Kind.BOUNCED else "Void"
