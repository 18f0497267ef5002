from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from academics.models import Enrollment
from accounts.models import StudentProfile
from coachmaster.core.constraints import amount_above_zero, date_bounds, valid_choice
from coachmaster.core.fields import BoundedDateField, MoneyField, SingleLineField
from coachmaster.core.money import ZERO

from .late_fee_rules import LateFeeRule
from .querysets import OwnRowsQuerySet


class ChargeKind(models.TextChoices):
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
        return self.filter(self.ACTIVE)

    def cancelled(self):
        charges = self.filter(cancelled_on__isnull=False).select_related("enrollment__batch")
        return charges.order_by("-cancelled_on", "-pk")

    def unpaid(self):
        return self.filter(open_now__isnull=False)

    def as_of(self, on):
        return self.filter(Q(cancelled_on__gt=on) | Q(cancelled_on=None), posted_on__lte=on)


class Charge(models.Model):
    """An amount to be paid. A new date or amount cancels it and posts another one."""

    student = models.ForeignKey(StudentProfile, on_delete=models.PROTECT, related_name="charges")
    enrollment = models.ForeignKey(
        Enrollment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="charges",
        db_index=False,  # see `charge_by_enrollment`
    )
    kind = models.CharField(max_length=12, choices=ChargeKind.choices, default=ChargeKind.TUITION)
    label = SingleLineField(
        max_length=120,
        blank=True,
        help_text="Shown on statements, for example “Test series, December”.",
    )
    #: Shared by the charges of one form, so that a form sent twice charges nobody twice.
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

    #: Cancelled because its bulk action was undone. Such a late fee can be charged again.
    is_undone = models.BooleanField(default=False, editable=False)

    #: Cached unpaid amount, None if nothing is unpaid: see `balances.save_statuses`.
    open_now = MoneyField(null=True, editable=False)

    #: The approved concessions in rupees, annotated by the ledger.
    conceded = ZERO

    objects = ChargeQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "pk"]
        indexes = [
            # Covers the totals of a student.
            models.Index(
                fields=["student", "due_on", "posted_on", "cancelled_on", "amount"],
                name="charge_by_student",
            ),
            # Covers the totals of a batch.
            models.Index(
                fields=["enrollment", "due_on", "cancelled_on", "amount"],
                name="charge_by_enrollment",
            ),
            # Covers the collections report.
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
            amount_above_zero("charge"),
            valid_choice("charge", "kind", ChargeKind),
            models.CheckConstraint(
                condition=Q(cancelled_on=None, cancel_reason="")
                | (Q(cancelled_on__isnull=False) & ~Q(cancel_reason="")),
                name="charge_cancelled_with_a_reason",
                violation_error_message="Enter the reason for cancelling the charge.",
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
                fields=["late_for", "late_rule", "due_on"],
                condition=Q(kind="late_fee", is_undone=False),
                name="charge_one_late_fee_a_rule_and_day",
            ),
            models.CheckConstraint(
                condition=Q(is_undone=False) | Q(cancelled_on__isnull=False),
                name="charge_undone_is_cancelled",
            ),
            models.UniqueConstraint(
                fields=["student", "token"],
                condition=~Q(token=""),
                name="charge_posted_once_a_student",
            ),
            *date_bounds("charge", "posted_on", "due_on", "cancelled_on"),
        ]

    def __str__(self):
        label = self.label or self.get_kind_display()
        return f"{label}, {self.enrollment.batch}" if self.enrollment_id else label

    @property
    def is_cancelled(self):
        return self.cancelled_on is not None
