from decimal import Decimal

from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import Q
from simple_history.models import HistoricalRecords

from academics.validators import (
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

from .reminder_texts import ReminderTexts

_CACHE_KEY = "institute"


class InstituteManager(models.Manager):
    def current(self):
        """Read the settings anew, as every rule must."""
        return self.get(pk=Institute.ONLY)

    def cached(self):
        """Return the settings for display, at most a minute old."""
        return cache.get_or_set(_CACHE_KEY, self.current, 60)


class Institute(ReminderTexts):
    """The settings: a single row, created by `migrate`."""

    ONLY = 1

    name = SingleLineField(max_length=120, default="My institute")
    address = MultiLineField(max_length=300, blank=True)
    state = models.CharField(max_length=2, choices=State.choices, blank=True)
    phone = PhoneField()
    email = LowercaseEmailField("email", blank=True)
    #: The digest of a Logo; "" without one.
    logo = models.CharField(max_length=64, blank=True, editable=False)
    receipt_prefix = SingleLineField(
        max_length=4,
        default="CM",
        validators=[
            RegexValidator(
                r"^[A-Z0-9]{1,4}$", "Use one to four capital letters or digits, like CM."
            )
        ],
        help_text="Receipt numbers look like CM/26-27/00042. A change applies from the first "
        "receipt of the next financial year.",
    )
    gstin = SingleLineField(
        "GSTIN",
        max_length=15,
        blank=True,
        validators=[validate_gstin],
        help_text="With a GSTIN, receipts are tax invoices. Without it they show no tax.",
    )
    gst_percent = models.DecimalField(
        "GST rate (%)",
        max_digits=4,
        decimal_places=2,
        default=Decimal("18.00"),
        validators=[MinValueValidator(0), MaxValueValidator(28)],
        help_text="Included in the fees. Coaching is taxed at 18 % (SAC 999293).",
    )
    upi_id = SingleLineField(
        "UPI id",
        max_length=100,
        blank=True,
        validators=[validate_upi_id],
        help_text="Like sunrise@okaxis. With it, statements show a QR code for payment.",
    )
    concession_limit = MoneyField(
        "concessions without approval up to (₹)",
        default=Decimal("5000.00"),
        help_text="A larger concession must be approved.",
    )
    back_dating_days = models.PositiveSmallIntegerField(
        "days to back-date payments", default=30, validators=[MaxValueValidator(3650)]
    )
    cash_ceiling = MoneyField(
        "cash ceiling (₹)",
        default=Decimal("200000.00"),
        help_text="Cash of this amount or more from one student in a day, or for one enrollment, "
        "is refused. Section 269ST of the Income-tax Act sets ₹2,00,000.",
    )
    bounce_charge = MoneyField("charge for a bounced cheque (₹)", default=ZERO)
    leaving_deduction_percent = models.PositiveSmallIntegerField(
        "deduction on withdrawal (% of the fee)", default=10, validators=[MaxValueValidator(100)]
    )
    refund_days = models.PositiveSmallIntegerField(
        "days to pay a refund",
        default=15,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
    )
    reminder_days = models.PositiveSmallIntegerField(
        "days between reminders",
        default=7,
        validators=[MaxValueValidator(365)],
        help_text="Ask before sending another reminder within this many days.",
    )
    several_batches_at_once = models.BooleanField(
        default=False,
        help_text="Allow a student to be enrolled in several batches at the same time.",
    )
    attendance_edit_days = models.PositiveSmallIntegerField(
        "days to correct attendance",
        default=7,
        validators=[MaxValueValidator(365)],
        help_text="Instructors can mark or correct attendance for this many days. "
        "Admins always can.",
    )
    low_attendance_percent = models.PositiveSmallIntegerField(
        "low attendance below (%)",
        default=75,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="A course can have its own percentage.",
    )
    low_attendance_classes = models.PositiveSmallIntegerField(
        "minimum classes before a warning",
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="With fewer classes, no student is shown with low attendance.",
    )
    absences_in_a_row = models.PositiveSmallIntegerField(
        "absences in a row before a warning",
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
    )
    late_after_minutes = models.PositiveSmallIntegerField(
        "late after (minutes)",
        default=10,
        validators=[MaxValueValidator(120)],
        help_text="Students who check in later than this after the start of class are marked late.",
    )
    check_in_by_code = models.BooleanField(
        "check-in by code",
        default=False,
        help_text="Instructors show a code in class, and students scan it with their own phones.",
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
        # Another request may have cached the old row before the commit.
        transaction.on_commit(lambda: cache.delete(_CACHE_KEY))

    def clean(self):
        code = self.gstin[:2]
        if self.state and code in State.values and code != self.state:
            raise ValidationError(
                {"gstin": f"This GSTIN is of {State(code).label}. Check it and the state."}
            )
