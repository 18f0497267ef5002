"""Money: what is owed, what was received, and what was taken back. Rows are added, never changed."""

from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from simple_history.models import HistoricalRecords

from academics.models import Course, Enrollment, Institute
from accounts.models import StudentProfile
from accounts.scopes import ScopedQuerySet
from coachmaster.core.compiled import compiled
from coachmaster.core.constraints import Net, above_zero, day_bounds, errors_beside, one_of
from coachmaster.core.dates import DayField, day_words, financial_year_words
from coachmaster.core.money import NO_MONEY, ZERO, MoneyField, display
from coachmaster.core.reminders import SentReminder
from coachmaster.core.text import LineField, LinesField, folded

from .gst import place_of_supply


def _percent(percent):
    """Per cent as people write it: `40 %`, `12.5 %`."""
    return f"{percent.normalize():f} %"


class OwnRowsQuerySet(ScopedQuerySet):
    """Rows that belong to one student."""

    def owned_by(self, key):
        return self.filter(student=key)

    def total(self):
        """The sum of the amounts."""
        return self.aggregate(total=Coalesce(Sum("amount"), NO_MONEY))["total"]


class ChargeKind(models.TextChoices):
    """What a student is charged for."""

    TUITION = "tuition", "Tuition fee"
    REGISTRATION = "registration", "Registration fee"
    MATERIAL = "material", "Material"
    EXAM = "exam", "Exam fee"
    LATE_FEE = "late_fee", "Late fee"
    BOUNCE = "bounce", "Bounced cheque"
    OTHER = "other", "Other charge"


class ChargeQuerySet(OwnRowsQuerySet):
    LIVE = Q(cancelled_on=None)

    def live(self):
        """Charges that were not cancelled."""
        return self.filter(self.LIVE)

    def cancelled(self):
        """Charges that were cancelled, the last one first, with their batch."""
        found = self.filter(cancelled_on__isnull=False).select_related("enrollment__batch")
        return found.order_by("-cancelled_on", "-pk")

    def open(self):
        """Charges of which something is to be paid, now or later."""
        return self.filter(open_now__isnull=False)

    def standing(self, on):
        """Charges that stood on that day: posted by then, not cancelled by then."""
        return self.filter(Q(cancelled_on__gt=on) | Q(cancelled_on=None), posted_on__lte=on)


class LateFeeRule(models.Model):
    """When and how much a late fee is: a fixed amount, an amount a day up to a cap, or per cent of what is open."""

    class Kind(models.TextChoices):
        """How the late fee is reckoned."""

        FIXED = "fixed", "Fixed amount"
        PER_DAY = "per_day", "Amount a day"
        PERCENT = "percent", "Per cent of what is open"

    name = LineField(max_length=100)
    grace_days = models.PositiveSmallIntegerField(
        "days of grace", default=7, help_text="The late fee is posted when an installment is overdue for longer."
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    amount = MoneyField("amount (₹)", null=True, blank=True, help_text="For a fixed amount, or for each day.")
    percent = models.DecimalField("per cent", max_digits=5, decimal_places=2, null=True, blank=True)
    cap = MoneyField("at most (₹)", null=True, blank=True)
    is_active = models.BooleanField("in force", default=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="percent", percent__gt=0, percent__lte=100, amount=None)
                | (Q(kind__in=["fixed", "per_day"], percent=None) & Q(amount__gt=0)),
                name="late_fee_rule_has_its_figure",
                violation_error_message="Give an amount for a fixed or daily late fee, or per cent for the other kind.",
            ),
            models.CheckConstraint(condition=Q(cap__gt=0) | Q(cap=None), name="late_fee_cap_above_zero"),
        ]

    def __str__(self):
        return self.name

    @property
    def figure_words(self):
        """How much: `₹250.00`, `₹20.00 a day` or `2.5 % of what is open`."""
        if self.percent is not None:
            return f"{_percent(self.percent)} of what is open"
        return f"{display(self.amount)}{' a day' if self.kind == self.Kind.PER_DAY else ''}"


class Charge(models.Model):
    """Something a student owes from a due date on. Moving the date or the amount cancels it and posts another."""

    student = models.ForeignKey(StudentProfile, on_delete=models.PROTECT, related_name="charges")
    enrollment = models.ForeignKey(
        Enrollment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="charges",
        db_index=False,  # `charge_by_enrollment` is one
    )
    kind = models.CharField(max_length=12, choices=ChargeKind.choices, default=ChargeKind.TUITION)
    label = LineField(max_length=120, blank=True, help_text="What exactly it is for, like “Test series, December”.")
    #: One a posting of a charge to many: posted again, it charges nobody twice.
    token = models.CharField(max_length=64, blank=True)
    late_for = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="late_fees")
    late_rule = models.ForeignKey(LateFeeRule, on_delete=models.PROTECT, null=True, blank=True, related_name="charges")
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

    #: What is to be paid of it now, None when nothing is; cached by `ledger.save_statuses` like the account.
    open_now = MoneyField(null=True, editable=False)

    #: What was taken off it, in rupees, where the ledger has loaded that.
    conceded = ZERO

    objects = ChargeQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "pk"]
        indexes = [
            # All that sums of one student's charges ask for stands in it.
            models.Index(fields=["student", "due_on", "posted_on", "cancelled_on", "amount"], name="charge_by_student"),
            # All that the sums of a batch's charges ask for.
            models.Index(fields=["enrollment", "due_on", "cancelled_on", "amount"], name="charge_by_enrollment"),
            # All that the report of collections asks for.
            models.Index(
                fields=["due_on", "enrollment", "amount"], condition=Q(cancelled_on=None), name="charge_live_by_due"
            ),
            models.Index(
                fields=["due_on", "student", "open_now"],
                condition=Q(open_now__isnull=False),
                name="charge_open_by_due",
            ),
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
            models.CheckConstraint(
                condition=~Q(kind="tuition", enrollment=None), name="charge_tuition_has_an_enrollment"
            ),
            models.CheckConstraint(
                condition=Q(kind="late_fee", late_for__isnull=False, late_rule__isnull=False)
                | (~Q(kind="late_fee") & Q(late_for=None, late_rule=None)),
                name="charge_late_fee_names_its_installment",
            ),
            models.UniqueConstraint(
                fields=["late_for", "late_rule"],
                condition=Q(kind="late_fee"),
                name="charge_one_late_fee_a_rule",
            ),
            models.UniqueConstraint(
                fields=["student", "token"], condition=~Q(token=""), name="charge_posted_once_a_student"
            ),
            *day_bounds("charge", "posted_on", "due_on", "cancelled_on"),
        ]

    def __str__(self):
        words = self.label or self.get_kind_display()
        return f"{words}, {self.enrollment.batch}" if self.enrollment_id else words

    @property
    def is_cancelled(self):
        """Whether it is no longer owed."""
        return self.cancelled_on is not None


class ConcessionKind(models.TextChoices):
    """Why a student pays less."""

    SIBLING = "sibling", "Sibling"
    MERIT = "merit", "Merit"
    STAFF = "staff", "Child of staff"
    HARDSHIP = "hardship", "Hardship"
    LATE_FEE = "late_fee", "Late fee waived"
    OTHER = "other", "Other"


class ConcessionQuerySet(OwnRowsQuerySet):
    LIVE = Q(approved_on__isnull=False, cancelled_on=None, charge__cancelled_on=None)

    def live(self):
        """Concessions that count: approved, not taken back, on a charge that was not cancelled."""
        return self.filter(self.LIVE)

    def standing(self, on):
        """Concessions that counted on that day."""
        return self.filter(
            Q(cancelled_on__gt=on) | Q(cancelled_on=None),
            Q(charge__cancelled_on__gt=on) | Q(charge__cancelled_on=None),
            approved_on__lte=on,
        )

    def waiting(self):
        """Concessions that wait for an approval."""
        return self.filter(approved_on=None, cancelled_on=None, charge__cancelled_on=None)

    def count_each(self):
        """Return how many concessions these rows belong to."""
        return self.aggregate(number=Count("token", distinct=True))["number"]

    def one_each(self):
        """Of the rows of each concession only the first."""
        return self.filter(~Exists(self.filter(token=OuterRef("token"), pk__lt=OuterRef("pk"))))

    def with_total(self):
        """With what the whole concession takes off, in rupees (``total``)."""
        rows = Concession.objects.filter(token=OuterRef("token"), charge__cancelled_on=None)
        return self.annotate(total=sum_of(rows, by="token"))


class Concession(models.Model):
    """What is taken off one charge. It changes nothing before it is approved; taking it back cancels it."""

    student = models.ForeignKey(StudentProfile, on_delete=models.PROTECT, related_name="concessions")
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="concessions")
    amount = MoneyField()
    kind = models.CharField(max_length=10, choices=ConcessionKind.choices)
    reason = LineField(max_length=200)
    #: The rows of one concession that was spread over several charges; approved and taken back together.
    token = models.CharField(max_length=64, db_index=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    approved_on = DayField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    cancelled_on = DayField(null=True, blank=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    cancel_reason = LineField(max_length=200, blank=True)

    objects = ConcessionQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at", "-pk"]
        permissions = [("approve_concession", "Can approve concessions above the limit")]
        indexes = [
            models.Index(fields=["student"], name="concession_by_student"),
            models.Index(
                fields=["asked_at"], condition=Q(approved_on=None, cancelled_on=None), name="concession_waiting"
            ),
        ]
        constraints = [
            above_zero("concession"),
            one_of("concession", "kind", ConcessionKind),
            Net(condition=~Q(reason=""), name="concession_has_a_reason"),
            models.UniqueConstraint(fields=["token", "charge"], name="concession_once_a_charge"),
            models.CheckConstraint(
                condition=Q(cancelled_on=None, cancel_reason="")
                | (Q(cancelled_on__isnull=False) & ~Q(cancel_reason="")),
                name="concession_cancelled_with_a_reason",
                violation_error_message="Say why the concession is taken back.",
            ),
            *day_bounds("concession", "approved_on", "cancelled_on"),
        ]

    def __str__(self):
        return f"{self.get_kind_display()} concession on {self.charge}"

    @property
    def is_waiting(self):
        """Whether somebody has to approve it first."""
        return self.approved_on is None and self.cancelled_on is None


class FeePlan(models.Model):
    """How a course's fee may be paid: at once, or in parts."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="fee_plans")
    name = LineField(max_length=100)
    is_active = models.BooleanField("offered", default=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["course", "name"],
                name="fee_plan_name_unique",
                violation_error_message="The course has a plan of this name already.",
            ),
        ]

    def __str__(self):
        return self.name

    def validate_constraints(self, exclude=None):
        with errors_beside(self, fee_plan_name_unique="name"):
            super().validate_constraints(exclude)


class FeePlanPartQuerySet(models.QuerySet):
    def of_offered_plans(self, course):
        """The parts of the plans that a course offers, by plan and in their order."""
        rows = self.filter(plan__course=course, plan__is_active=True).select_related("plan")
        return rows.order_by("plan__name", "plan", "position")


class FeePlanPart(models.Model):
    """One part of a plan: per cent of the fee or an amount, due some days after enrolling or on a fixed date."""

    plan = models.ForeignKey(FeePlan, on_delete=models.CASCADE, related_name="parts")
    position = models.PositiveSmallIntegerField()
    percent = models.DecimalField("per cent", max_digits=5, decimal_places=2, null=True, blank=True)
    amount = MoneyField("amount (₹)", null=True, blank=True)
    days = models.PositiveSmallIntegerField("days after enrolling", null=True, blank=True)
    due_on = DayField("or on", null=True, blank=True)

    objects = FeePlanPartQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "position"], name="fee_plan_part_position_unique"),
            models.CheckConstraint(
                condition=Q(percent__gt=0, amount=None) | Q(percent=None, amount__gt=0),
                name="fee_plan_part_has_a_share",
                violation_error_message="Give each part either per cent or an amount.",
            ),
            models.CheckConstraint(
                condition=Q(days__isnull=False, due_on=None) | Q(days=None, due_on__isnull=False),
                name="fee_plan_part_has_a_day",
                violation_error_message="Give each part either days after enrolling or a date.",
            ),
            *day_bounds("fee_plan_part", "due_on"),
        ]

    def __str__(self):
        return f"{self.plan}, part {self.position}"

    @property
    def share_words(self):
        """How much: `40 %` or `₹5,000.00`."""
        return display(self.amount) if self.percent is None else _percent(self.percent)

    @property
    def day_words(self):
        """When: `on enrolling`, `after 30 days` or `on 24 Nov 2026`."""
        if self.due_on is not None:
            return f"on {day_words(self.due_on)}"
        return f"after {self.days} day{'s' if self.days != 1 else ''}" if self.days else "on enrolling"


class ReceiptSeries(models.Model):
    """The receipt numbers of one financial year (April to March), and the last one used.

    Numbers are consecutive, as rule 46(b) of the CGST Rules asks of invoices: at most 16 characters, unique for a
    financial year.
    """

    class Kind(models.TextChoices):
        """What the numbers stand on."""

        RECEIPT = "receipt", "Receipts"
        REFUND = "refund", "Refund vouchers"
        OPENING = "opening", "Opening payments"

        @property
        def prefix(self):
            """What its numbers begin with; of receipts the institute says it."""
            return {"refund": "RV", "opening": "OP"}.get(self.value, "")

    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.RECEIPT)
    year = models.PositiveSmallIntegerField(help_text="The year in which the financial year begins.")
    prefix = models.CharField(max_length=4)
    first_number = models.PositiveIntegerField(default=1, help_text="Set once, before the first receipt of the year.")
    last_number = models.PositiveIntegerField(default=0)

    #: The last day that whoever makes an entry has closed, where `locks.lock_entry` has asked.
    last_closed = None

    class Meta:
        verbose_name_plural = "receipt series"
        ordering = ["-year", "kind"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "year"], name="series_one_a_year"),
        ]

    def __str__(self):
        return f"{self.prefix}/{financial_year_words(self.year)}"

    def number(self, count):
        """The receipt number with that count: `CM/26-27/00042`."""
        return f"{self}/{count:0{DIGITS}d}"


#: How many digits a receipt number has, and more only where it needs them; it has room for two more.
DIGITS = 5


def _numbers_that_begin(digits):
    """Ranges of the numbers that are written with these ``digits`` first."""
    for more in range(max(DIGITS - len(digits), 0), DIGITS + 3 - len(digits)):
        first = int(digits) * 10**more
        if len(digits) + more == DIGITS or digits[0] != "0":
            yield first, first + 10**more - 1


@compiled  # 1.2 to 0.2 ms, with each payment and refund
def institute_with_letterhead():
    same = Letterhead.objects.filter(**{name: OuterRef(name) for name in Letterhead.KEPT})
    return Institute.objects.annotate(letterhead=same.values("pk")[:1]).filter(pk=Institute.ONLY)


class LetterheadManager(models.Manager):
    def now(self):
        """The institute as it is now and its letterhead, which is made when something of it has changed."""
        (institute,) = institute_with_letterhead()
        kept = {name: getattr(institute, name) for name in Letterhead.KEPT}
        if institute.letterhead is None:
            return institute, self.get_or_create(**kept)[0]
        return institute, Letterhead(pk=institute.letterhead, **kept)


class Letterhead(models.Model):
    """The institute as receipts and vouchers show it: one row for each way it ever looked. Only ever added, so that a paper
    keeps the head, and a receipt the tax, that it was given with."""

    KEPT = ["name", "address", "phone", "email", "gstin", "state", "gst_percent"]

    name = models.CharField(max_length=120)
    address = models.CharField(max_length=300, blank=True)
    phone = models.CharField(max_length=16, blank=True)
    email = models.CharField(max_length=254, blank=True)
    gstin = models.CharField("GSTIN", max_length=15, blank=True)
    state = models.CharField(max_length=2, blank=True)
    gst_percent = models.DecimalField("GST rate (%)", max_digits=4, decimal_places=2)

    objects = LetterheadManager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["name", "address", "phone", "email", "gstin", "state", "gst_percent"], name="letterhead_unique"
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def home(self):
        """The state that the institute is registered in, by its code."""
        return self.state or self.gstin[:2]

    def place_of_supply(self, student):
        """The state whose tax is in what ``student`` pays: that on record for them, else the institute's; "" without tax."""
        return place_of_supply(student.state, self.home) if self.gstin else ""


class Mode(models.TextChoices):
    """How money was received."""

    CASH = "cash", "Cash"
    CARD = "card", "Card"
    UPI = "upi", "UPI"
    BANK_TRANSFER = "bank_transfer", "Bank transfer"
    CHEQUE = "cheque", "Cheque"

    @property
    def needs_reference(self):
        """Whether such a payment has a number that proves it: of the bank, or of the cheque."""
        return self in (Mode.UPI, Mode.BANK_TRANSFER, Mode.CHEQUE)


class PaymentQuerySet(OwnRowsQuerySet):
    #: By the column that joins the two: of another one PostgreSQL guesses that nearly none stands.
    LIVE = Q(reversal__payment=None)

    def live(self):
        """Payments that stand."""
        return self.filter(self.LIVE)

    def standing(self, on):
        """Payments that stood on that day: received by then, not voided by then."""
        return self.filter(self.LIVE | Q(reversal__voided_on__gt=on), paid_on__lte=on)

    def numbered(self, words):
        """Those in whose receipt number ``words`` with a `/` occur: told as series and numbers, since a part of a text has no
        index."""
        head, _, digits = words.upper().rpartition("/")
        found = Q(pk__in=[])
        for series in ReceiptSeries.objects.exclude(kind=ReceiptSeries.Kind.REFUND):
            if words.upper() in f"{series}/":
                found |= Q(series=series)
            elif str(series).endswith(head) and digits.isascii() and digits.isdigit():
                for first, last in _numbers_that_begin(digits):
                    found |= Q(series=series, number__range=(first, last))
        return self.filter(found)

    def with_refunded(self):
        """With what was given back of each payment (``refunded``)."""
        return self.annotate(refunded=sum_of(Refund.objects.filter(payment=OuterRef("pk")), by="payment"))

    def for_paper(self):
        """With all that a receipt says, and whether it ``was_printed`` already."""
        return (
            self.with_refunded()
            .select_related(
                "student__user", "enrollment__batch__course", "received_by", "reversal__voided_by", "letterhead"
            )
            .annotate(was_printed=Exists(ReceiptPrint.objects.filter(payment=OuterRef("pk"))))
        )

    def for_list(self):
        """With what a row of a list shows."""
        return self.select_related("student__user", "enrollment__batch", "received_by", "reversal").only(
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


class RefundQuerySet(OwnRowsQuerySet):
    def standing(self, on):
        """Refunds paid by that day."""
        return self.filter(refunded_on__lte=on)


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
    paid_on = DayField("date")
    #: The day in whose book it stands: `paid_on`, or the next open day when that day was closed by who received it.
    booked_on = DayField("counted on")
    mode = models.CharField(max_length=15, choices=Mode.choices)
    reference = LineField(max_length=60, blank=True)
    cheque_on = DayField("date of the cheque", null=True, blank=True)
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
    letterhead = models.ForeignKey(Letterhead, on_delete=models.PROTECT, related_name="payments")
    #: The state whose tax is in it, by its code; "" without tax.
    place_of_supply = models.CharField(max_length=2, blank=True)

    #: Whether `record_payment` was asked for it again, and so has not written it just now.
    is_known = False

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
                condition=Q(mode="cheque", cheque_on__isnull=False) | (~Q(mode="cheque") & Q(cheque_on=None)),
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


def live_reference(payment):
    """What `LiveReference` keeps of a payment: its bank's reference; of a cheque the number with the student, since
    the cheques of two banks may bear one number. "" when it has none."""
    reference = normalised_reference(payment.reference)
    return f"cheque{payment.student_id}.{reference}" if reference and payment.mode == Mode.CHEQUE else reference


class LiveReference(models.Model):
    """A bank reference of a payment that stands; the void of the payment deletes it and frees the reference."""

    reference = models.CharField(max_length=90, primary_key=True)
    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="live_reference")

    def __str__(self):
        return self.reference


class ReceiptPrint(models.Model):
    """One printing of a receipt, on paper or as a PDF. The first is the original, all others say "Duplicate"."""

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="prints")
    copy = models.PositiveIntegerField(help_text="1 is the original.")
    printed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    printed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["payment", "copy"]
        constraints = [
            models.UniqueConstraint(fields=["payment", "copy"], name="receipt_print_copy_unique"),
            models.CheckConstraint(condition=Q(copy__gte=1), name="receipt_print_copy_from_one"),
        ]

    def __str__(self):
        return f"{self.payment}, copy {self.copy}"


class Reversal(models.Model):
    """The void of a payment that was entered wrongly, or of a cheque that bounced. One to one: a second cannot be
    written."""

    class Kind(models.TextChoices):
        """Why the money does not count."""

        VOID = "void", "Wrong entry"
        BOUNCED = "bounced", "Cheque bounced"

    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="reversal")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.VOID)
    voided_on = DayField()
    booked_on = DayField("counted on")
    reason = LineField(max_length=200)
    voided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
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
    def word(self):
        """One word for it, beside the receipt's number."""
        return "Bounced" if self.kind == self.Kind.BOUNCED else "Void"


class Refund(models.Model):
    """Money given back of one payment, with a voucher of its own series. Only ever added."""

    student = models.ForeignKey(StudentProfile, on_delete=models.PROTECT, related_name="refunds")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount = MoneyField()
    refunded_on = DayField("date")
    booked_on = DayField("counted on")
    mode = models.CharField(max_length=15, choices=Mode.choices)
    reference = LineField(max_length=60, blank=True)
    reason = LineField(max_length=200)
    series = models.ForeignKey(ReceiptSeries, on_delete=models.PROTECT, related_name="refunds")
    number = models.PositiveIntegerField()
    voucher_number = models.CharField(max_length=16, unique=True)
    token = models.CharField(max_length=64, unique=True)
    refunded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    recorded_at = models.DateTimeField(default=timezone.now)
    #: None in vouchers of before it was kept.
    letterhead = models.ForeignKey(Letterhead, on_delete=models.PROTECT, null=True, related_name="refunds")

    objects = RefundQuerySet.as_manager()

    class Meta:
        ordering = ["-refunded_on", "-pk"]
        indexes = [
            models.Index(fields=["student", "refunded_on"], name="refund_by_student"),
            models.Index(fields=["booked_on"], name="refund_by_day"),
        ]
        constraints = [
            above_zero("refund"),
            one_of("refund", "mode", Mode),
            models.UniqueConstraint(fields=["series", "number"], name="refund_number_unique"),
            Net(condition=~Q(reason=""), name="refund_has_a_reason"),
            *day_bounds("refund", "refunded_on", "booked_on"),
        ]

    def __str__(self):
        return self.voucher_number

    def get_absolute_url(self):
        return reverse("finance:refund", args=[self.pk])

    @property
    def head(self):
        """The institute as the voucher shows it; where that was not kept, as the receipt of the payment has it."""
        return self.letterhead or self.payment.letterhead


class DayClose(models.Model):
    """A person's day at the desk, counted and closed: what they enter later stands in the book of their next open day."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    closed_on = DayField("day")
    counted_cash = MoneyField("cash counted (₹)")
    system_cash = MoneyField("cash by the book (₹)")
    note = LineField(max_length=200, blank=True)
    closed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "day close"
        ordering = ["-closed_on", "person"]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "closed_on"],
                name="day_close_once",
                violation_error_message="This day was closed already.",
            ),
            models.CheckConstraint(
                condition=Q(counted_cash=F("system_cash")) | ~Q(note=""),
                name="day_close_difference_has_a_note",
                violation_error_message="Say in the note where the difference comes from.",
            ),
            *day_bounds("day_close", "closed_on"),
        ]

    def __str__(self):
        return f"{self.person}, {self.closed_on}"

    @property
    def difference(self):
        """Counted less booked, in rupees: below zero when money is missing."""
        return self.counted_cash - self.system_cash


class Reminder(SentReminder):
    """A reminder about fees that somebody sent or opened to send."""

    student = models.ForeignKey(StudentProfile, on_delete=models.CASCADE, related_name="fee_reminders")
    amount = MoneyField()

    class Meta:
        ordering = ["-sent_at"]
        indexes = [models.Index(fields=["student", "-sent_at"], name="reminder_by_student")]

    def __str__(self):
        return f"{self.student}, {self.sent_at:%d %b %Y}"


class AccountQuerySet(models.QuerySet):
    def owing(self):
        """Students who owe something, now or later."""
        return self.filter(balance__gt=0)

    def overdue(self, on):
        """Those who owed something before that day."""
        return self.filter(first_due_on__lt=on)

    def with_last_contact(self, on, end):
        """With the day of the last active payment (``last_paid_on``) and the time of the last reminder (``reminded_at``), both
        as of the day ``on``, which ends at the moment ``end``."""
        paid = Payment.objects.standing(on).filter(student=OuterRef("pk")).order_by("-paid_on")
        reminders = Reminder.objects.filter(student=OuterRef("pk"), sent_at__lt=end).order_by("-sent_at")
        return self.annotate(
            last_paid_on=Subquery(paid.values("paid_on")[:1]), reminded_at=Subquery(reminders.values("sent_at")[:1])
        )


def sum_of(rows, by="student"):
    """The sum of the amounts of ``rows``, which all have the same ``by``, as a subquery."""
    return Coalesce(
        Subquery(rows.order_by().values(by).values(total=Sum("amount"))), NO_MONEY, output_field=MoneyField()
    )


class Account(models.Model):
    """A student's cached balance, and since when something of it is due, so that sums over everybody are quick.

    `ledger.save_statuses` writes it in the transaction that changed a row of the student. The account's row is also the
    lock that keeps two actions on one student apart.
    """

    student = models.OneToOneField(StudentProfile, on_delete=models.PROTECT, primary_key=True, related_name="account")
    balance = MoneyField(default=0)
    #: When the oldest charge was due of which something is open; None when nothing is.
    first_due_on = DayField(null=True, editable=False, db_index=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        # All that the list of dues sorts, counts and sums by.
        indexes = [models.Index(fields=["balance", "student", "first_due_on"], name="account_by_balance")]

    def __str__(self):
        return f"{self.student}: {self.balance}"


class DayTotal(models.Model):
    """The cached total of a day and mode, of payments that were not reversed, for charts and dashboards.

    A payment is added to it by `ledger.add_to_day`, everything else recalculates it by `ledger.refresh_days`, while the
    receipt series of the day is locked.
    """

    paid_on = DayField()
    mode = models.CharField(max_length=15, choices=Mode.choices)
    amount = MoneyField()
    receipts = models.PositiveIntegerField()

    class Meta:
        ordering = ["paid_on", "mode"]
        indexes = [models.Index(fields=["paid_on", "mode", "amount"], name="day_total_sums")]
        constraints = [models.UniqueConstraint(fields=["paid_on", "mode"], name="day_total_unique")]

    def __str__(self):
        return f"{self.paid_on} {self.mode}: {self.amount}"
