"""The institute, its courses and batches with their class times, holidays, and who is enrolled where."""

from decimal import Decimal

from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import Q
from simple_history.models import HistoricalRecords

from academics.validators import (
    validate_absence_message,
    validate_attendance_reminder,
    validate_fee_reminder,
    validate_gstin,
    validate_upi_id,
)
from coachmaster.core.fields import (
    LowercaseEmailField,
    MoneyField,
    MultiLineField,
    PhoneField,
    SingleLineField,
)
from coachmaster.core.money import ZERO
from coachmaster.core.states import State

_CACHE_KEY = "institute"


class InstituteManager(models.Manager):
    def current(self):
        """The institute's row, read now; `migrate` made it. What decides anything by the settings asks here."""
        return self.get(pk=Institute.ONLY)

    def cached(self):
        """The institute's row, at most a minute old in other processes: for what is only shown."""
        return cache.get_or_set(_CACHE_KEY, self.current, 60)


class Institute(models.Model):
    """The one row about the institute itself."""

    ONLY = 1

    name = SingleLineField(max_length=120, default="My institute")
    address = MultiLineField(max_length=300, blank=True)
    state = models.CharField(max_length=2, choices=State.choices, blank=True)
    phone = PhoneField()
    email = LowercaseEmailField("e-mail", blank=True)
    receipt_prefix = SingleLineField(
        max_length=4,
        default="CM",
        validators=[
            RegexValidator(
                r"^[A-Z0-9]{1,4}$", "Use one to four capital letters or digits, like CM."
            )
        ],
        help_text="Receipts read CM/26-27/00042. A change takes effect with the next financial year's first receipt.",
    )
    gstin = SingleLineField(
        "GSTIN",
        max_length=15,
        blank=True,
        validators=[validate_gstin],
        help_text="With it, receipts become tax invoices. Without it they name no tax.",
    )
    gst_percent = models.DecimalField(
        "GST rate (%)",
        max_digits=4,
        decimal_places=2,
        default=Decimal("18.00"),
        validators=[MinValueValidator(0), MaxValueValidator(28)],
        help_text="Fees include it. Coaching is taxed at 18 % (SAC 999293).",
    )
    upi_id = SingleLineField(
        "UPI id",
        max_length=100,
        blank=True,
        validators=[validate_upi_id],
        help_text="Like sunrise@okaxis. With it, statements show a code to pay by.",
    )
    concession_limit = MoneyField(
        "concessions up to (₹)",
        default=Decimal("5000.00"),
        help_text="A larger concession waits for the approval of somebody who may approve.",
    )
    back_dating_days = models.PositiveSmallIntegerField(
        "days to back-date payments", default=30, validators=[MaxValueValidator(3650)]
    )
    cash_ceiling = MoneyField(
        "cash ceiling (₹)",
        default=Decimal("200000.00"),
        help_text="Cash of this much or more from one student in a day, or for one enrollment, is refused: "
        "section 269ST of the Income-tax Act sets two lakh rupees.",
    )
    bounce_charge = MoneyField("charge for a bounced cheque (₹)", default=ZERO)
    leaving_deduction_percent = models.PositiveSmallIntegerField(
        "deduction on leaving (% of the fee)", default=10, validators=[MaxValueValidator(100)]
    )
    refund_days = models.PositiveSmallIntegerField(
        "days to pay a refund in",
        default=15,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
    )
    reminder_days = models.PositiveSmallIntegerField(
        "days between reminders",
        default=7,
        validators=[MaxValueValidator(365)],
        help_text="A reminder sooner than that after the last one asks first.",
    )
    fee_reminder = MultiLineField(
        "text of a fee reminder",
        max_length=1000,
        validators=[validate_fee_reminder],
        default="Dear parent, {amount} of the fees of {name} ({admission_number}) was due on {due_on}. "
        "Please pay at {institute}. {upi_link}",
        help_text="May name {name}, {admission_number}, {amount}, {due_on}, {institute}, {phone} and {upi_link}.",
    )
    several_batches_at_once = models.BooleanField(
        default=False,
        help_text="On: a student may be enrolled in several batches at the same time.",
    )
    attendance_edit_days = models.PositiveSmallIntegerField(
        "days to correct attendance",
        default=7,
        validators=[MaxValueValidator(365)],
        help_text="How many days back instructors may take or correct a sheet. Admins always may.",
    )
    low_attendance_percent = models.PositiveSmallIntegerField(
        "low attendance below (%)",
        default=75,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="A course may have its own.",
    )
    low_attendance_classes = models.PositiveSmallIntegerField(
        "judged from so many classes on",
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="Before, nobody's attendance is called low.",
    )
    absences_in_a_row = models.PositiveSmallIntegerField(
        "absences in a row to be told of",
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
    )
    late_after_minutes = models.PositiveSmallIntegerField(
        "late after (minutes)",
        default=10,
        validators=[MaxValueValidator(120)],
        help_text="Who checks in, or is read by a device, later than that after the class began is late.",
    )
    check_in_by_code = models.BooleanField(
        "check-in by code",
        default=False,
        help_text="On: an instructor can show a code for the class, and students scan it with their own phones.",
    )
    attendance_reminder = MultiLineField(
        "text about attendance",
        max_length=1000,
        validators=[validate_attendance_reminder],
        default="Dear parent, {name} ({admission_number}) has attended {attended} of {counted} classes of {batch}: "
        "{percent} %, where {expected} % are expected. Please call {institute}, {phone}.",
        help_text="May name {name}, {admission_number}, {batch}, {attended}, {counted}, {percent}, {expected}, {absences} "
        "(in a row), {institute} and {phone}.",
    )
    absence_message = MultiLineField(
        "text about an absence",
        max_length=1000,
        validators=[validate_absence_message],
        default="Dear parent, {name} ({admission_number}) was absent from {batch} on {day}. Please call {institute}, {phone}.",
        help_text="From the list of who is absent. May name {name}, {admission_number}, {batch}, {day}, {institute} and "
        "{phone}.",
    )

    objects = InstituteManager()
    history = HistoricalRecords()

    class Meta:
        verbose_name_plural = "institute"
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="institute_one_row"),
            models.CheckConstraint(
                condition=Q(low_attendance_percent__range=(1, 100)),
                name="institute_low_attendance_is_a_percentage",
            ),
            models.CheckConstraint(
                condition=Q(
                    concession_limit__gte=ZERO, cash_ceiling__gt=ZERO, bounce_charge__gte=ZERO
                ),
                name="institute_amounts_not_negative",
            ),
        ]

    def __str__(self):
        return self.name

    def save(self, **kwargs):
        super().save(**kwargs)
        cache.delete(_CACHE_KEY)
        transaction.on_commit(
            lambda: cache.delete(_CACHE_KEY)
        )  # somebody may have read the former row meanwhile

    def clean(self):
        of = self.gstin[:2]
        if self.state and of in State.values and of != self.state:
            raise ValidationError(
                {"gstin": f"This GSTIN is of {State(of).label}. Compare it with the state above."}
            )
