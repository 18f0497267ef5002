from django.db import models
from django.db.models import Q

from academics.models import Course
from coachmaster.core.constraints import date_bounds, errors_by_field
from coachmaster.core.dates import format_date
from coachmaster.core.fields import BoundedDateField, MoneyField, SingleLineField
from coachmaster.core.money import display
from coachmaster.core.text import format_percent


class FeePlan(models.Model):
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="fee_plans")
    name = SingleLineField(max_length=100)
    is_active = models.BooleanField("offered", default=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["course", "name"],
                name="fee_plan_name_unique",
                violation_error_message="The course already has a plan with this name.",
            ),
        ]

    def __str__(self):
        return self.name

    def validate_constraints(self, exclude=None):
        with errors_by_field(self, fee_plan_name_unique="name"):
            super().validate_constraints(exclude)


class FeePlanPartQuerySet(models.QuerySet):
    def offered_for(self, course):
        rows = self.filter(plan__course=course, plan__is_active=True).select_related("plan")
        return rows.order_by("plan__name", "plan", "position")


class FeePlanPart(models.Model):
    plan = models.ForeignKey(FeePlan, on_delete=models.CASCADE, related_name="parts")
    position = models.PositiveSmallIntegerField()
    percent = models.DecimalField("percent", max_digits=5, decimal_places=2, null=True, blank=True)
    amount = MoneyField("amount (₹)", null=True, blank=True)
    days = models.PositiveSmallIntegerField("days after enrolling", null=True, blank=True)
    due_on = BoundedDateField("or on", null=True, blank=True)

    objects = FeePlanPartQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "position"], name="fee_plan_part_position_unique"
            ),
            models.CheckConstraint(
                condition=Q(percent__gt=0, amount=None) | Q(percent=None, amount__gt=0),
                name="fee_plan_part_has_a_share",
                violation_error_message="Enter a percentage or an amount for each installment.",
            ),
            models.CheckConstraint(
                condition=Q(days__isnull=False, due_on=None) | Q(days=None, due_on__isnull=False),
                name="fee_plan_part_has_a_day",
                violation_error_message="Enter the days or a date for each installment.",
            ),
            *date_bounds("fee_plan_part", "due_on"),
        ]

    def __str__(self):
        return f"{self.plan}, installment {self.position}"

    @property
    def share_label(self):
        """`40 %` or `₹5,000.00`."""
        return display(self.amount) if self.percent is None else format_percent(self.percent)

    @property
    def due_label(self):
        """`on enrolling`, `after 30 days` or `on 24 Nov 2026`."""
        if self.due_on is not None:
            return f"on {format_date(self.due_on)}"
        if not self.days:
            return "on enrolling"
        return f"after {self.days} day{'s' if self.days != 1 else ''}"
