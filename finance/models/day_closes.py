from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from coachmaster.core.constraints import date_bounds
from coachmaster.core.fields import BoundedDateField, MoneyField, SingleLineField
from coachmaster.core.querysets import owned_through


class DayClose(models.Model):
    """The closed day book of a person."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    closed_on = BoundedDateField("day")
    counted_cash = MoneyField("cash counted (₹)")
    system_cash = MoneyField("expected cash (₹)")
    note = SingleLineField(max_length=200, blank=True)
    closed_at = models.DateTimeField(default=timezone.now)

    objects = owned_through("person")

    class Meta:
        verbose_name = "day close"
        ordering = ["-closed_on", "person"]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "closed_on"],
                name="day_close_once",
                violation_error_message="This day is already closed.",
            ),
            models.CheckConstraint(
                condition=Q(counted_cash=F("system_cash")) | ~Q(note=""),
                name="day_close_difference_has_a_note",
                violation_error_message="Explain the difference in the note.",
            ),
            *date_bounds("day_close", "closed_on"),
        ]

    def __str__(self):
        return f"{self.person}, {self.closed_on}"

    @property
    def difference(self):
        """In rupees; negative if money is missing."""
        return self.counted_cash - self.system_cash
