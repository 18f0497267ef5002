from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from coachmaster.core.fields import MoneyField, SingleLineField
from coachmaster.core.money import display

from .querysets import percent


class LateFeeRule(models.Model):
    """When and how much a late fee is: a fixed amount, an amount a day up to a cap, or per cent of what is open."""

    class Kind(models.TextChoices):
        """How the late fee is reckoned."""

        FIXED = "fixed", "Fixed amount"
        PER_DAY = "per_day", "Amount a day"
        PERCENT = "percent", "Per cent of what is open"

    name = SingleLineField(max_length=100)
    grace_days = models.PositiveSmallIntegerField(
        "days of grace",
        default=7,
        help_text="The late fee is posted when an installment is overdue for longer.",
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    amount = MoneyField(
        "amount (₹)", null=True, blank=True, help_text="For a fixed amount, or for each day."
    )
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
            models.CheckConstraint(
                condition=Q(cap__gt=0) | Q(cap=None), name="late_fee_cap_above_zero"
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def rate_label(self):
        """How much: `₹250.00`, `₹20.00 a day` or `2.5 % of what is open`."""
        if self.percent is not None:
            return f"{percent(self.percent)} of what is open"
        return f"{display(self.amount)}{' a day' if self.kind == self.Kind.PER_DAY else ''}"
