from django.conf import settings
from django.db import models
from django.utils import timezone

from coachmaster.core.constraints import date_bounds
from coachmaster.core.fields import BoundedDateField
from coachmaster.core.querysets import ScopedQuerySet, owned_through

from .payments import Payment


class ChequeDeposit(models.Model):
    """A cheque that was taken to the bank. Append-only."""

    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="deposit")
    deposited_on = BoundedDateField()
    deposited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    recorded_at = models.DateTimeField(default=timezone.now)

    objects = owned_through("payment")

    class Meta:
        ordering = ["-deposited_on", "-pk"]
        constraints = date_bounds("cheque_deposit", "deposited_on")

    def __str__(self):
        return f"Deposit of {self.payment}"


class ChequeClearingQuerySet(ScopedQuerySet):
    owner = "payment"

    def active(self):
        """Limit to cheques whose receipt is not cancelled."""
        return self.filter(payment__reversal__payment=None)


class ChequeClearing(models.Model):
    """The bank has paid a cheque, so that it counts as paid from ``cleared_on``. Append-only.

    Imported cheques cleared on the day of their payment.
    """

    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="clearing")
    cleared_on = BoundedDateField()
    cleared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    recorded_at = models.DateTimeField(default=timezone.now)

    objects = ChequeClearingQuerySet.as_manager()

    class Meta:
        ordering = ["-cleared_on", "-pk"]
        indexes = [models.Index(fields=["cleared_on"], name="cheque_by_clearing")]
        constraints = date_bounds("cheque_clearing", "cleared_on")

    def __str__(self):
        return f"Clearing of {self.payment}"
