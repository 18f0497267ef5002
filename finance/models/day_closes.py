from django.conf import settings
from django.db import models
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from coachmaster.core.constraints import date_bounds
from coachmaster.core.fields import ZERO_VALUE, BoundedDateField, MoneyField, SingleLineField
from coachmaster.core.money import ZERO
from coachmaster.core.querysets import ScopedQuerySet

_DIFFERENCE = F("counted_cash") + F("banked_cash") - F("opening_cash") - F("system_cash")


class DayCloseQuerySet(ScopedQuerySet):
    owner = "person"

    def with_difference(self):
        return self.exclude(counted_cash=F("opening_cash") + F("system_cash") - F("banked_cash"))

    def totals(self):
        """Return the cash taken to the bank and the sum of the differences, in rupees."""
        return self.aggregate(
            banked=Coalesce(Sum("banked_cash"), ZERO_VALUE),
            difference=Coalesce(Sum(_DIFFERENCE), ZERO_VALUE),
        )


class DayClose(models.Model):
    """The closed day book of a person, with the cash of their drawer. Append-only.

    Opening cash, plus the cash of the day, less cash taken to the bank, is the expected cash. The
    cash counted is the opening cash of the person's next close; the first one opens with the cash
    of all days before.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    closed_on = BoundedDateField("day")
    opening_cash = MoneyField("opening cash (₹)", default=ZERO)
    #: Why the opening cash is not the cash counted at the last close.
    opening_note = SingleLineField("reason for another opening cash", max_length=200, blank=True)
    #: Cash receipts, less cancelled cash receipts and cash refunds.
    system_cash = MoneyField("cash of the day (₹)")
    banked_cash = MoneyField("cash taken to the bank (₹)", default=ZERO)
    counted_cash = MoneyField("cash counted (₹)")
    note = SingleLineField(max_length=200, blank=True)
    #: None in closes from before it was recorded: people closed their own day only.
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    closed_at = models.DateTimeField(default=timezone.now)

    objects = DayCloseQuerySet.as_manager()

    class Meta:
        verbose_name = "day close"
        ordering = ["-closed_on", "person"]
        permissions = [("close_day_of_others", "Can close the day of others")]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "closed_on"],
                name="day_close_once",
                violation_error_message="This day is already closed.",
            ),
            models.CheckConstraint(
                condition=Q(counted_cash=F("opening_cash") + F("system_cash") - F("banked_cash"))
                | ~Q(note=""),
                name="day_close_difference_has_a_note",
                violation_error_message="Explain the difference in the note.",
            ),
            models.CheckConstraint(
                condition=Q(counted_cash__gte=ZERO) | ~Q(note=""),
                name="day_close_below_zero_has_a_note",
                violation_error_message="Explain in the note why the cash is below zero.",
            ),
            models.CheckConstraint(
                condition=Q(banked_cash__gte=ZERO),
                name="day_close_banked_not_negative",
                violation_error_message="Cash taken to the bank cannot be below zero.",
            ),
            *date_bounds("day_close", "closed_on"),
        ]

    def __str__(self):
        return f"{self.person}, {self.closed_on}"

    def get_absolute_url(self):
        return reverse("finance:day-close-detail", args=[self.pk])

    @property
    def expected_cash(self):
        return self.opening_cash + self.system_cash - self.banked_cash

    @property
    def difference(self):
        """In rupees; negative if money is missing."""
        return self.counted_cash - self.expected_cash

    @property
    def is_closed_by_another(self):
        return self.closed_by_id not in (None, self.person_id)
