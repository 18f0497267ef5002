from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from academics.models import Enrollment
from accounts.models import StudentProfile
from coachmaster.core.constraints import Net, above_zero, day_bounds, one_of
from coachmaster.core.fields import BoundedDateField, MoneyField, MultiLineField, SingleLineField
from coachmaster.core.money import ZERO
from coachmaster.core.text import folded

from .modes import Mode
from .querysets import DIGITS, OwnRowsQuerySet, sum_of
from .receipts import Letterhead, ReceiptPrint, ReceiptSeries
from .refunds import Refund


def _number_ranges(digits):
    """Ranges of the numbers that are written with these ``digits`` first."""
    for more in range(max(DIGITS - len(digits), 0), DIGITS + 3 - len(digits)):
        first = int(digits) * 10**more
        if len(digits) + more == DIGITS or digits[0] != "0":
            yield first, first + 10**more - 1


class PaymentQuerySet(OwnRowsQuerySet):
    #: By the column that joins the two: of another one PostgreSQL guesses that nearly none stands.
    ACTIVE = Q(reversal__payment=None)

    def active(self):
        """Payments that stand."""
        return self.filter(self.ACTIVE)

    def as_of(self, on):
        """Payments that stood on that day: received by then, not voided by then."""
        return self.filter(self.ACTIVE | Q(reversal__voided_on__gt=on), paid_on__lte=on)

    def with_receipt_number(self, words):
        """Those in whose receipt number ``words`` with a `/` occur: told as series and numbers, since a part of a text has no
        index."""
        head, _, digits = words.upper().rpartition("/")
        found = Q(pk__in=[])
        for series in ReceiptSeries.objects.exclude(kind=ReceiptSeries.Kind.REFUND):
            if words.upper() in f"{series}/":
                found |= Q(series=series)
            elif str(series).endswith(head) and digits.isascii() and digits.isdigit():
                for first, last in _number_ranges(digits):
                    found |= Q(series=series, number__range=(first, last))
        return self.filter(found)

    def with_refunded(self):
        """With what was given back of each payment (``refunded``)."""
        return self.annotate(
            refunded=sum_of(Refund.objects.filter(payment=OuterRef("pk")), by="payment")
        )

    def for_receipt(self):
        """With all that a receipt says, and whether it ``was_printed`` already."""
        return (
            self.with_refunded()
            .select_related(
                "student__user",
                "enrollment__batch__course",
                "received_by",
                "reversal__voided_by",
                "letterhead",
            )
            .annotate(was_printed=Exists(ReceiptPrint.objects.filter(payment=OuterRef("pk"))))
        )

    def for_list(self):
        """With what a row of a list shows."""
        return self.select_related(
            "student__user", "enrollment__batch", "received_by", "reversal"
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
        )

    def update(self, **kwargs):
        raise TypeError("A payment is never changed; void it and record another.")

    def delete(self):
        raise TypeError("A payment is never deleted; void it.")

    bulk_update = update


class Payment(models.Model):
    """Money received, with the receipt it was given. Only ever added: the database refuses to change or delete it."""

    student = models.ForeignKey(StudentProfile, on_delete=models.PROTECT, related_name="payments")
    enrollment = models.ForeignKey(
        Enrollment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="payments",
        db_index=False,  # `payment_by_enrollment` is one
        help_text="What it was taken for; reports by course and batch use it.",
    )
    amount = MoneyField()
    paid_on = BoundedDateField("date")
    #: The day in whose book it stands: `paid_on`, or the next open day when that day was closed by who received it.
    booked_on = BoundedDateField("counted on")
    mode = models.CharField(max_length=15, choices=Mode.choices)
    reference = SingleLineField(max_length=60, blank=True)
    cheque_on = BoundedDateField("date of the cheque", null=True, blank=True)
    notes = MultiLineField(max_length=500, blank=True)
    series = models.ForeignKey(ReceiptSeries, on_delete=models.PROTECT, related_name="payments")
    number = models.PositiveIntegerField()
    receipt_number = models.CharField(max_length=16, unique=True)
    token = models.CharField(
        max_length=64, unique=True, help_text="One a form, so that a form sent twice pays once."
    )
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    recorded_at = models.DateTimeField(default=timezone.now)
    #: What the receipt said on the day, as text: later changes must not alter a paper that was handed out.
    settled = models.JSONField(
        default=list, help_text="What it settled: pairs of a name and an amount."
    )
    balance_after = MoneyField()
    letterhead = models.ForeignKey(Letterhead, on_delete=models.PROTECT, related_name="payments")
    #: The state whose tax is in it, by its code; "" without tax.
    place_of_supply = models.CharField(max_length=2, blank=True)

    #: Whether `record_payment` was asked for it again, and so has not written it just now.
    is_repeat = False

    objects = PaymentQuerySet.as_manager()

    class Meta:
        ordering = ["-paid_on", "-pk"]
        indexes = [
            models.Index(fields=["student", "-paid_on", "amount"], name="payment_by_student"),
            models.Index(fields=["enrollment", "paid_on", "amount"], name="payment_by_enrollment"),
            models.Index(fields=["-paid_on", "-id", "mode"], name="payment_by_day"),
            models.Index(fields=["paid_on", "mode"], name="payment_by_day_and_mode"),
            models.Index(fields=["-recorded_at"], name="payment_by_newest"),
            models.Index(fields=["booked_on"], name="payment_by_book"),
        ]
        constraints = [
            above_zero("payment"),
            one_of("payment", "mode", Mode),
            models.UniqueConstraint(fields=["series", "number"], name="payment_number_unique"),
            Net(condition=~Q(token=""), name="payment_has_a_token"),
            models.CheckConstraint(
                condition=Q(mode="cheque", cheque_on__isnull=False)
                | (~Q(mode="cheque") & Q(cheque_on=None)),
                name="payment_cheque_has_a_date",
                violation_error_message="Enter the date of the cheque.",
            ),
            *day_bounds("payment", "paid_on", "booked_on", "cheque_on"),
        ]

    def __str__(self):
        return self.receipt_number

    def save(self, **kwargs):
        if not self._state.adding:
            raise ValidationError("A payment is never changed; void it and record another.")
        super().save(**{**kwargs, "force_insert": True})

    def get_absolute_url(self):
        return reverse("finance:receipt", args=[self.pk])

    def delete(self, **kwargs):
        raise ValidationError("A payment is never deleted; void it.")

    def get_mode_display(self):
        """The mode in words, as Django says it, but without its look through all choices for each row of a list."""
        return Mode(self.mode).label

    @property
    def is_cancelled(self):
        """Whether it was reversed."""
        return hasattr(self, "reversal")

    @property
    def settled_lines(self):
        """What the receipt said it settled: pairs of a name and rupees."""
        return [(name, Decimal(amount)) for name, amount in self.settled]

    @property
    def advance_after(self):
        """What it left in advance, in rupees."""
        return max(-self.balance_after, ZERO)


def normalised_reference(text):
    """A bank reference as it is compared: without spaces and dashes, letter case ignored."""
    return folded("".join(c for c in text if c.isalnum()))


def live_reference(payment):
    """What `LiveReference` keeps of a payment: its bank's reference; of a cheque the number with the student, since
    the cheques of two banks may bear one number. "" when it has none."""
    reference = normalised_reference(payment.reference)
    return (
        f"cheque{payment.student_id}.{reference}"
        if reference and payment.mode == Mode.CHEQUE
        else reference
    )


class LiveReference(models.Model):
    """A bank reference of a payment that stands; the void of the payment deletes it and frees the reference."""

    reference = models.CharField(max_length=90, primary_key=True)
    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="live_reference")

    def __str__(self):
        return self.reference
