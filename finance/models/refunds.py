from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.models import StudentProfile
from coachmaster.core.constraints import (
    DatabaseOnlyConstraint,
    amount_above_zero,
    date_bounds,
    valid_choice,
)
from coachmaster.core.fields import BoundedDateField, MoneyField, SingleLineField

from .modes import Mode
from .querysets import OwnRowsQuerySet
from .receipts import Letterhead, ReceiptSeries


class RefundQuerySet(OwnRowsQuerySet):
    def as_of(self, on):
        return self.filter(refunded_on__lte=on)


class Refund(models.Model):
    """A refund of a payment, with its voucher. Append-only."""

    student = models.ForeignKey(StudentProfile, on_delete=models.PROTECT, related_name="refunds")
    payment = models.ForeignKey("finance.Payment", on_delete=models.PROTECT, related_name="refunds")
    amount = MoneyField()
    refunded_on = BoundedDateField("date")
    booked_on = BoundedDateField("counted on")
    mode = models.CharField(max_length=15, choices=Mode.choices)
    reference = SingleLineField(max_length=60, blank=True)
    reason = SingleLineField(max_length=200)
    series = models.ForeignKey(ReceiptSeries, on_delete=models.PROTECT, related_name="refunds")
    number = models.PositiveIntegerField()
    voucher_number = models.CharField(max_length=16, unique=True)
    token = models.CharField(max_length=64, unique=True)
    refunded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    recorded_at = models.DateTimeField(default=timezone.now)
    #: None for vouchers issued before letterheads were stored.
    letterhead = models.ForeignKey(
        Letterhead, on_delete=models.PROTECT, null=True, related_name="refunds"
    )

    objects = RefundQuerySet.as_manager()

    class Meta:
        ordering = ["-refunded_on", "-pk"]
        indexes = [
            models.Index(fields=["student", "refunded_on"], name="refund_by_student"),
            models.Index(fields=["booked_on"], name="refund_by_day"),
        ]
        constraints = [
            amount_above_zero("refund"),
            valid_choice("refund", "mode", Mode),
            models.UniqueConstraint(fields=["series", "number"], name="refund_number_unique"),
            DatabaseOnlyConstraint(condition=~Q(reason=""), name="refund_has_a_reason"),
            *date_bounds("refund", "refunded_on", "booked_on"),
        ]

    def __str__(self):
        return self.voucher_number

    def get_absolute_url(self):
        return reverse("finance:refund", args=[self.pk])

    @property
    def head(self):
        return self.letterhead or self.payment.letterhead
