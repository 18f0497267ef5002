from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from academics.models import Enrollment
from accounts.models import StudentProfile
from coachmaster.core.constraints import (
    DatabaseOnlyConstraint,
    amount_above_zero,
    date_bounds,
    valid_choice,
)
from coachmaster.core.fields import BoundedDateField, MoneyField, MultiLineField, SingleLineField
from coachmaster.core.money import ZERO
from coachmaster.core.querysets import owned_through
from coachmaster.core.text import folded

from .modes import Mode
from .querysets import OwnRowsQuerySet, sum_of
from .receipts import DIGITS, Letterhead, ReceiptPrint, ReceiptSeries
from .refunds import Refund

#: Fewer letters and digits are not searched as a bank reference; no more than so many are found.
SHORTEST_REFERENCE = 4
MAX_FOUND = 200


def _number_ranges(digits):
    """Yield the ranges of receipt numbers that start with ``digits``."""
    for more in range(max(DIGITS - len(digits), 0), DIGITS + 3 - len(digits)):
        first = int(digits) * 10**more
        if len(digits) + more == DIGITS or digits[0] != "0":
            yield first, first + 10**more - 1


class PaymentQuerySet(OwnRowsQuerySet):
    #: Tests the joined column: for another one PostgreSQL expects nearly no active payments.
    ACTIVE = Q(reversal__payment=None)
    IS_CHEQUE = Q(mode=Mode.CHEQUE)

    def active(self):
        return self.filter(self.ACTIVE)

    def counted(self):
        """Limit to payments that count as paid: cheques have cleared."""
        return self.filter(self.ACTIVE, ~self.IS_CHEQUE | Q(clearing__payment__isnull=False))

    def uncleared(self):
        return self.filter(self.ACTIVE, self.IS_CHEQUE, clearing__payment=None)

    def as_of(self, on):
        """Limit to payments that counted as paid at the end of the day ``on``."""
        return self.active_on(on).filter(~self.IS_CHEQUE | Q(clearing__cleared_on__lte=on))

    def uncleared_as_of(self, on):
        is_waiting = Q(clearing__payment=None) | Q(clearing__cleared_on__gt=on)
        return self.active_on(on).filter(self.IS_CHEQUE, is_waiting)

    def active_on(self, on):
        return self.filter(self.ACTIVE | Q(reversal__voided_on__gt=on), paid_on__lte=on)

    def with_receipt_number(self, search):
        """Filter by a part of the receipt number that contains a `/`."""
        # Series and numbers are compared, because a search in the text cannot use an index.
        head, _, digits = search.upper().rpartition("/")
        found = Q(pk__in=[])
        for series in ReceiptSeries.objects.exclude(kind=ReceiptSeries.Kind.REFUND):
            if search.upper() in f"{series}/":
                found |= Q(series=series)
            elif str(series).endswith(head) and digits.isascii() and digits.isdigit():
                for first, last in _number_ranges(digits):
                    found |= Q(series=series, number__range=(first, last))
        return self.filter(found)

    def with_reference(self, text):
        """Filter by the beginning of the bank reference, also of cancelled receipts."""
        reference = normalised_reference(text)
        if len(reference) < SHORTEST_REFERENCE or not any(map(str.isdigit, reference)):
            return self.none()
        of_cheque = Q(reference__contains=".")
        live = LiveReference.objects.filter(
            (Q(reference__startswith=reference) & ~of_cheque)
            | (of_cheque & Q(reference__contains=f".{reference}"))
        )
        cancelled = Payment.objects.order_by().filter(
            reversal__isnull=False, reference__istartswith=text
        )
        # Ids, because the database would look at every payment for two subqueries.
        ids = [
            *live.values_list("payment", flat=True)[:MAX_FOUND],
            *cancelled.values_list("pk", flat=True)[:MAX_FOUND],
        ]
        return self.filter(pk__in=ids)

    def with_refunded(self):
        return self.annotate(
            refunded=sum_of(Refund.objects.filter(payment=OuterRef("pk")), by="payment")
        )

    def for_receipt(self):
        return (
            self.with_refunded()
            .select_related(
                "student__user",
                "enrollment__batch__course",
                "received_by",
                "reversal__voided_by",
                "clearing",
                "letterhead",
            )
            .annotate(was_printed=Exists(ReceiptPrint.objects.filter(payment=OuterRef("pk"))))
        )

    def for_list(self):
        return self.select_related(
            "student__user", "enrollment__batch", "received_by", "reversal", "clearing"
        ).only(
            "receipt_number",
            "paid_on",
            "mode",
            "reference",
            "amount",
            "student__admission_number",
            "student__user__full_name",
            "enrollment__batch__name",
            "received_by__full_name",
            "reversal__kind",
            "reversal__reason",
            "clearing__cleared_on",
        )

    def update(self, **kwargs):
        raise TypeError("A payment cannot be changed. Cancel it and record another one.")

    def delete(self):
        raise TypeError("A payment cannot be deleted. Cancel it.")

    bulk_update = update


class Payment(models.Model):
    """Money received, and its receipt. Append-only: see `finance.triggers`."""

    student = models.ForeignKey(StudentProfile, on_delete=models.PROTECT, related_name="payments")
    enrollment = models.ForeignKey(
        Enrollment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="payments",
        db_index=False,  # see `payment_by_enrollment`
        help_text="Used by the reports by course and batch.",
    )
    amount = MoneyField()
    paid_on = BoundedDateField("date")
    #: The day in the day book: `paid_on`, or the next open day if the cashier has closed that day.
    booked_on = BoundedDateField("counted on")
    mode = models.CharField(max_length=15, choices=Mode.choices)
    reference = SingleLineField(max_length=60, blank=True)
    cheque_on = BoundedDateField("date of the cheque", null=True, blank=True)
    notes = MultiLineField(max_length=500, blank=True)
    series = models.ForeignKey(ReceiptSeries, on_delete=models.PROTECT, related_name="payments")
    number = models.PositiveIntegerField()
    receipt_number = models.CharField(max_length=16, unique=True)
    token = models.CharField(
        max_length=64,
        unique=True,
        help_text="Unique per form, so that a form sent twice is recorded once.",
    )
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    recorded_at = models.DateTimeField(default=timezone.now)
    #: The charges on the receipt, as text, because later changes must not alter a receipt.
    settled = models.JSONField(
        default=list, help_text="Paid charges: pairs of a name and an amount."
    )
    #: Without the cheques that had not cleared, this one included.
    balance_after = MoneyField()
    dues_after = SingleLineField(
        max_length=200,
        blank=True,
        help_text="The dues after the payment, with their dates, as text; empty without dues, and "
        "on receipts of earlier versions.",
    )
    letterhead = models.ForeignKey(Letterhead, on_delete=models.PROTECT, related_name="payments")
    #: The code of the state that the GST belongs to; "" without GST.
    place_of_supply = models.CharField(max_length=2, blank=True)

    #: Set by `record_payment` if the payment was recorded by an earlier request.
    is_repeat = False

    objects = PaymentQuerySet.as_manager()

    class Meta:
        ordering = ["-paid_on", "-pk"]
        indexes = [
            models.Index(
                fields=["student", "-paid_on", "amount", "mode"], name="payment_by_student"
            ),
            models.Index(
                fields=["enrollment", "paid_on", "amount", "mode"], name="payment_by_enrollment"
            ),
            models.Index(fields=["paid_on"], condition=Q(mode="cheque"), name="payment_by_cheque"),
            models.Index(fields=["-paid_on", "-id", "mode"], name="payment_by_day"),
            models.Index(fields=["paid_on", "mode"], name="payment_by_day_and_mode"),
            models.Index(fields=["-recorded_at"], name="payment_by_newest"),
            models.Index(fields=["booked_on"], name="payment_by_book"),
        ]
        constraints = [
            amount_above_zero("payment"),
            valid_choice("payment", "mode", Mode),
            models.UniqueConstraint(fields=["series", "number"], name="payment_number_unique"),
            DatabaseOnlyConstraint(condition=~Q(token=""), name="payment_has_a_token"),
            models.CheckConstraint(
                condition=Q(mode="cheque", cheque_on__isnull=False)
                | (~Q(mode="cheque") & Q(cheque_on=None)),
                name="payment_cheque_has_a_date",
                violation_error_message="Enter the date of the cheque.",
            ),
            *date_bounds("payment", "paid_on", "booked_on", "cheque_on"),
        ]

    def __str__(self):
        return self.receipt_number

    def save(self, **kwargs):
        if not self._state.adding:
            raise ValidationError("A payment cannot be changed. Cancel it and record another one.")
        super().save(**{**kwargs, "force_insert": True})

    def get_absolute_url(self):
        return reverse("finance:receipt", args=[self.pk])

    def delete(self, **kwargs):
        raise ValidationError("A payment cannot be deleted. Cancel it.")

    def get_mode_display(self):
        # Faster than Django's own, which matters on long lists.
        return Mode(self.mode).label

    @property
    def is_cancelled(self):
        return hasattr(self, "reversal")

    @property
    def is_cleared(self):
        """Whether it counts as paid, unless it is cancelled: a cheque must have cleared."""
        return self.mode != Mode.CHEQUE or hasattr(self, "clearing")

    @property
    def is_refundable(self):
        """Whether there is something to refund, for a row of `with_refunded`."""
        return not self.is_cancelled and self.is_cleared and self.refunded < self.amount

    @property
    def counted_on(self):
        """The day from which it counts as paid, or None."""
        if self.mode != Mode.CHEQUE:
            return self.paid_on
        return self.clearing.cleared_on if self.is_cleared else None

    @property
    def status_label(self):
        """“Cancelled”, “Bounced” or “Not cleared”; "" if it counts."""
        if self.is_cancelled:
            return self.reversal.label
        return "" if self.is_cleared else "Not cleared"

    @property
    def settled_lines(self):
        """Pairs of a name and rupees."""
        return [(name, Decimal(amount)) for name, amount in self.settled]

    @property
    def advance_after(self):
        return max(-self.balance_after, ZERO)


def normalised_reference(text):
    return folded("".join(c for c in text if c.isalnum()))


def live_reference(payment):
    """Return the reference that no other active payment may have; "" without one.

    Two banks may use the same cheque number, so it is unique per student.
    """
    reference = normalised_reference(payment.reference)
    return (
        f"cheque{payment.student_id}.{reference}"
        if reference and payment.mode == Mode.CHEQUE
        else reference
    )


class LiveReference(models.Model):
    """The bank reference of an active payment."""

    reference = models.CharField(max_length=90, primary_key=True)
    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="live_reference")

    objects = owned_through("payment")

    def __str__(self):
        return self.reference
