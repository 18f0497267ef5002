"""Money: what is owed, what was received, and what was taken back. Rows are added, never changed."""

from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from academics.models import Enrollment
from accounts.models import StudentProfile
from accounts.roles import sees_whole_institute
from coachmaster.ground.constraints import Net, above_zero, day_bounds, one_of, text_limits
from coachmaster.ground.days import DayField, financial_year_words
from coachmaster.ground.money import NO_MONEY, ZERO, MoneyField
from coachmaster.ground.text import LineField, LinesField, folded


class OwnRowsQuerySet(models.QuerySet):
    """Rows that belong to one student."""

    def visible_to(self, user):
        """All for staff, one's own for others."""
        return self if sees_whole_institute(user) else self.filter(student=user.pk)

    def total(self):
        """The sum of the amounts."""
        return self.aggregate(total=Coalesce(Sum("amount"), NO_MONEY))["total"]


class ChargeKind(models.TextChoices):
    """What a student is charged for."""

    TUITION = "tuition", "Tuition fee"


class ChargeQuerySet(OwnRowsQuerySet):
    def live(self):
        """Charges that were not cancelled."""
        return self.filter(cancelled_on=None)

    def standing(self, on):
        """Charges that stood on that day: posted by then, not cancelled by then."""
        return self.filter(Q(cancelled_on__gt=on) | Q(cancelled_on=None), posted_on__lte=on)


class Charge(models.Model):
    """Something a student owes from a due date on. Moving the date or the amount cancels it and posts another."""

    student = models.ForeignKey(StudentProfile, on_delete=models.PROTECT, related_name="charges")
    enrollment = models.ForeignKey(Enrollment, on_delete=models.PROTECT, related_name="charges")
    kind = models.CharField(max_length=12, choices=ChargeKind.choices, default=ChargeKind.TUITION)
    amount = MoneyField()
    posted_on = DayField()
    due_on = DayField()
    posted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    cancelled_on = DayField(null=True, blank=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    cancel_reason = LineField(max_length=200, blank=True)

    objects = ChargeQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "pk"]
        indexes = [
            models.Index(fields=["student", "due_on"], name="charge_by_student"),
            models.Index(fields=["due_on"], condition=Q(cancelled_on=None), name="charge_live_by_due"),
        ]
        constraints = [
            above_zero("charge"),
            one_of("charge", "kind", ChargeKind),
            models.CheckConstraint(
                condition=Q(cancelled_on=None, cancel_reason="")
                | (Q(cancelled_on__isnull=False) & ~Q(cancel_reason="")),
                name="charge_cancelled_with_a_reason",
                violation_error_message="Say why the charge is cancelled.",
            ),
            *day_bounds("charge", "posted_on", "due_on", "cancelled_on"),
            *text_limits("charge", cancel_reason=200),
        ]

    def __str__(self):
        return f"{self.get_kind_display()}, {self.enrollment.batch}"

    @property
    def is_cancelled(self):
        """Whether it is no longer owed."""
        return self.cancelled_on is not None


class ReceiptSeries(models.Model):
    """The receipt numbers of one financial year (April to March), and the last one used.

    Numbers are consecutive, as rule 46(b) of the CGST Rules asks of invoices: at most 16 characters, unique for a
    financial year.
    """

    year = models.PositiveSmallIntegerField(primary_key=True, help_text="The year in which the financial year begins.")
    prefix = models.CharField(max_length=4)
    last_number = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "receipt series"
        ordering = ["-year"]
        constraints = [*text_limits("series", prefix=4)]

    def __str__(self):
        return f"{self.prefix}/{financial_year_words(self.year)}"

    def number(self, count):
        """The receipt number with that count: `CM/26-27/00042`."""
        return f"{self}/{count:05d}"


class Mode(models.TextChoices):
    """How money was received."""

    CASH = "cash", "Cash"
    CARD = "card", "Card"
    UPI = "upi", "UPI"
    BANK_TRANSFER = "bank_transfer", "Bank transfer"

    @property
    def needs_reference(self):
        """Whether the bank gives such a payment a reference that proves it."""
        return self in (Mode.UPI, Mode.BANK_TRANSFER)


class PaymentQuerySet(OwnRowsQuerySet):
    def live(self):
        """Payments that stand."""
        return self.filter(reversal=None)

    def standing(self, on):
        """Payments that stood on that day: received by then, not voided by then."""
        return self.filter(Q(reversal=None) | Q(reversal__voided_on__gt=on), paid_on__lte=on)

    def newest_first(self):
        """With everything a row of a list shows."""
        return self.select_related("student__user", "enrollment__batch", "received_by", "reversal").order_by(
            "-paid_on", "-pk"
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
        help_text="What it was taken for; reports by course and batch use it.",
    )
    amount = MoneyField()
    paid_on = DayField("date")
    mode = models.CharField(max_length=15, choices=Mode.choices)
    reference = LineField(max_length=60, blank=True)
    notes = LinesField(max_length=500, blank=True)
    series = models.ForeignKey(ReceiptSeries, on_delete=models.PROTECT, related_name="payments")
    number = models.PositiveIntegerField()
    receipt_number = models.CharField(max_length=16, unique=True)
    token = models.CharField(max_length=64, unique=True, help_text="One a form, so that a form sent twice pays once.")
    received_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    recorded_at = models.DateTimeField(default=timezone.now)
    #: What the receipt said on the day, as text: later changes must not alter a paper that was handed out.
    settled = models.JSONField(default=list, help_text="What it settled: pairs of a name and an amount.")
    balance_after = MoneyField()

    objects = PaymentQuerySet.as_manager()

    class Meta:
        ordering = ["-paid_on", "-pk"]
        indexes = [
            models.Index(fields=["student", "-paid_on"], name="payment_by_student"),
            models.Index(fields=["-paid_on", "-id"], name="payment_by_day"),
            models.Index(fields=["paid_on", "mode"], name="payment_by_day_and_mode"),
            models.Index(fields=["-recorded_at"], name="payment_by_newest"),
        ]
        constraints = [
            above_zero("payment"),
            one_of("payment", "mode", Mode),
            models.UniqueConstraint(fields=["series", "number"], name="payment_number_unique"),
            Net(condition=~Q(token=""), name="payment_has_a_token"),
            *day_bounds("payment", "paid_on"),
            *text_limits("payment", reference=60, notes=500, receipt_number=16, token=64),
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

    @property
    def is_void(self):
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


class LiveReference(models.Model):
    """A bank reference of a payment that stands; the void of the payment deletes it and frees the reference."""

    reference = models.CharField(max_length=60, primary_key=True)
    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="live_reference")

    class Meta:
        constraints = [*text_limits("live_reference", reference=60)]

    def __str__(self):
        return self.reference


class Reversal(models.Model):
    """The void of a payment that was entered wrongly. One to one: a second void cannot be written."""

    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="reversal")
    voided_on = DayField()
    reason = LineField(max_length=200)
    voided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    voided_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-voided_at"]
        constraints = [
            Net(condition=~Q(reason=""), name="reversal_has_a_reason"),
            *day_bounds("reversal", "voided_on"),
            *text_limits("reversal", reason=200),
        ]

    def __str__(self):
        return f"Void of {self.payment}"


class AccountQuerySet(models.QuerySet):
    def owing(self):
        """Students who owe something, now or later."""
        return self.filter(balance__gt=0)

    def with_overdue(self, on):
        """With what of the balance was owed before that day (``overdue``): payments settle the oldest charge first, so
        it is the balance less what is not yet overdue, and never below zero."""
        not_yet = _sum_of(Charge.objects.live().filter(student=OuterRef("pk"), due_on__gte=on))
        return self.annotate(not_yet=not_yet, overdue_or_less=F("balance") - not_yet).annotate(
            overdue=models.Case(
                models.When(overdue_or_less__gt=NO_MONEY, then=F("overdue_or_less")),
                default=NO_MONEY,
                output_field=MoneyField(),
            )
        )


def _sum_of(rows, by="student"):
    """The sum of the amounts of ``rows``, which all have the same ``by``, as a subquery."""
    return Coalesce(
        Subquery(rows.order_by().values(by).values(total=Sum("amount"))), NO_MONEY, output_field=MoneyField()
    )


class Account(models.Model):
    """A student's balance, kept so that sums over everybody are quick.

    It is never added to: `ledger.refresh_accounts` writes what the equation says, in the transaction that changed a row
    of it. The account's row is also the lock that keeps two acts on one student apart.
    """

    student = models.OneToOneField(StudentProfile, on_delete=models.PROTECT, primary_key=True, related_name="account")
    balance = MoneyField(default=0, db_index=True)

    objects = AccountQuerySet.as_manager()

    def __str__(self):
        return f"{self.student}: {self.balance}"


class DayTotal(models.Model):
    """What was received on a day in one mode by payments that stand; kept like `Account`, for charts and dashboards."""

    paid_on = DayField()
    mode = models.CharField(max_length=15, choices=Mode.choices)
    amount = MoneyField()
    receipts = models.PositiveIntegerField()

    class Meta:
        ordering = ["paid_on", "mode"]
        constraints = [models.UniqueConstraint(fields=["paid_on", "mode"], name="day_total_unique")]

    def __str__(self):
        return f"{self.paid_on} {self.mode}: {self.amount}"
