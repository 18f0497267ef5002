"""Money: what is owed, what was received, and what was taken back. Rows are added, never changed."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from academics.models import Enrollment
from accounts.models import StudentProfile
from coachmaster.core.constraints import above_zero, day_bounds, one_of
from coachmaster.core.fields import BoundedDateField, MoneyField, SingleLineField
from coachmaster.core.money import ZERO

from .late_fees import LateFeeRule
from .querysets import OwnRowsQuerySet


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
    ACTIVE = Q(cancelled_on=None)

    def active(self):
        """Charges that were not cancelled."""
        return self.filter(self.ACTIVE)

    def cancelled(self):
        """Charges that were cancelled, the last one first, with their batch."""
        found = self.filter(cancelled_on__isnull=False).select_related("enrollment__batch")
        return found.order_by("-cancelled_on", "-pk")

    def unpaid(self):
        """Charges of which something is to be paid, now or later."""
        return self.filter(open_now__isnull=False)

    def as_of(self, on):
        """Charges that stood on that day: posted by then, not cancelled by then."""
        return self.filter(Q(cancelled_on__gt=on) | Q(cancelled_on=None), posted_on__lte=on)


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
    label = SingleLineField(
        max_length=120,
        blank=True,
        help_text="What exactly it is for, like “Test series, December”.",
    )
    #: One a posting of a charge to many: posted again, it charges nobody twice.
    token = models.CharField(max_length=64, blank=True)
    late_for = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="late_fees"
    )
    late_rule = models.ForeignKey(
        LateFeeRule, on_delete=models.PROTECT, null=True, blank=True, related_name="charges"
    )
    amount = MoneyField()
    posted_on = BoundedDateField()
    due_on = BoundedDateField()
    posted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    cancelled_on = BoundedDateField(null=True, blank=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    cancel_reason = SingleLineField(max_length=200, blank=True)

    #: What is to be paid of it now, None when nothing is; cached by `ledger.save_statuses` like the account.
    open_now = MoneyField(null=True, editable=False)

    #: What was taken off it, in rupees, where the ledger has loaded that.
    conceded = ZERO

    objects = ChargeQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "pk"]
        indexes = [
            # All that sums of one student's charges ask for stands in it.
            models.Index(
                fields=["student", "due_on", "posted_on", "cancelled_on", "amount"],
                name="charge_by_student",
            ),
            # All that the sums of a batch's charges ask for.
            models.Index(
                fields=["enrollment", "due_on", "cancelled_on", "amount"],
                name="charge_by_enrollment",
            ),
            # All that the report of collections asks for.
            models.Index(
                fields=["due_on", "enrollment", "amount"],
                condition=Q(cancelled_on=None),
                name="charge_live_by_due",
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
                condition=~Q(kind="tuition", enrollment=None),
                name="charge_tuition_has_an_enrollment",
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
                fields=["student", "token"],
                condition=~Q(token=""),
                name="charge_posted_once_a_student",
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
