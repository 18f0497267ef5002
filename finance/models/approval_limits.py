from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from coachmaster.core.fields import MoneyField
from coachmaster.core.money import ZERO


class ApprovalLimit(models.Model):
    """How much the people of a role may concede on an enrollment."""

    group = models.OneToOneField(
        Group,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="approval_limit",
        verbose_name="role",
    )
    gives_up_to = MoneyField(
        "gives without approval up to (₹)",
        null=True,
        blank=True,
        help_text="Empty: as other roles.",
    )
    approves_up_to = MoneyField(
        "approves up to (₹)", null=True, blank=True, help_text="Empty: any amount."
    )

    history = HistoricalRecords()

    class Meta:
        ordering = ["group__name"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(gives_up_to=None) | Q(gives_up_to__gte=ZERO))
                & (Q(approves_up_to=None) | Q(approves_up_to__gte=ZERO)),
                name="approval_limit_not_negative",
                violation_error_message="An amount cannot be negative.",
            )
        ]

    def __str__(self):
        return str(self.group)
