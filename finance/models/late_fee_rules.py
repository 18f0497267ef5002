from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from coachmaster.core.fields import MoneyField, SingleLineField
from coachmaster.core.money import display
from coachmaster.core.text import format_percent


class LateFeeRule(models.Model):
    class Kind(models.TextChoices):
        FIXED = "fixed", "Fixed amount"
        PER_DAY = "per_day", "Amount per day"
        PERCENT = "percent", "Percent of the unpaid amount"

    name = SingleLineField(max_length=100)
    grace_days = models.PositiveSmallIntegerField(
        "grace period (days)",
        default=7,
        help_text="The late fee is charged when an installment is overdue for longer.",
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    amount = MoneyField(
        "amount (₹)", null=True, blank=True, help_text="Fixed amount, or amount per day."
    )
    percent = models.DecimalField("percent", max_digits=5, decimal_places=2, null=True, blank=True)
    cap = MoneyField("maximum (₹)", null=True, blank=True)
    is_active = models.BooleanField("active", default=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="percent", percent__gt=0, percent__lte=100, amount=None)
                | (Q(kind__in=["fixed", "per_day"], percent=None) & Q(amount__gt=0)),
                name="late_fee_rule_has_its_figure",
                violation_error_message="Enter an amount, or a percentage for that kind of rule.",
            ),
            models.CheckConstraint(
                condition=Q(cap__gt=0) | Q(cap=None), name="late_fee_cap_above_zero"
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def rate_label(self):
        """`₹250.00`, `₹20.00 per day` or `2.5 % of the unpaid amount`."""
        if self.percent is not None:
            return f"{format_percent(self.percent)} of the unpaid amount"
        return f"{display(self.amount)}{' per day' if self.kind == self.Kind.PER_DAY else ''}"
