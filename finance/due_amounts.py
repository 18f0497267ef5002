"""The wording of dues: each amount next to its own status and date."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import models
from django.utils import timezone

from coachmaster.core.dates import format_date, format_near_date
from coachmaster.core.money import ZERO, short


class PaymentStatus(models.TextChoices):
    ADVANCE = "advance", "In advance"
    PAID = "paid", "Paid"
    OVERDUE = "overdue", "Overdue"
    DUE = "due", "Due today"
    UPCOMING = "upcoming", "Upcoming"


@dataclass(frozen=True)
class DueAmount:
    """Rupees of one status: `₹4,000 overdue since 5 Nov`; None for cheques."""

    status: PaymentStatus | None
    amount: Decimal
    when: str

    def __str__(self):
        return f"{short(self.amount)} {self.when}"


class DueAmounts:
    """The unpaid amounts of a student as of the day ``on``; all figures in rupees.

    ``unpaid`` are pairs of a due date and an amount. The text is like `₹4,000 overdue since 5 Nov ·
    ₹19,200 due today · ₹28,800 later`. ``uncleared`` are the cheques that are not subtracted.
    """

    def __init__(
        self,
        on: datetime.date,
        unpaid: Iterable[tuple[datetime.date, Decimal]],
        *,
        advance: Decimal = ZERO,
        uncleared: Decimal = ZERO,
        has_fees: bool = True,
    ):
        self.on, self.advance, self.has_fees = on, advance, has_fees
        self.uncleared = uncleared
        self.by_day: dict[datetime.date, Decimal] = {}
        for day, amount in sorted(pair for pair in unpaid if pair[1] > ZERO):
            self.by_day[day] = self.by_day.get(day, ZERO) + amount

    @property
    def total(self):
        return sum(self.by_day.values(), ZERO)

    @property
    def overdue(self):
        return sum((amount for day, amount in self.by_day.items() if day < self.on), ZERO)

    @property
    def due_today(self):
        return self.by_day.get(self.on, ZERO)

    @property
    def due_now(self):
        return self.overdue + self.due_today

    @property
    def later(self):
        return sum((amount for day, amount in self.by_day.items() if day > self.on), ZERO)

    @property
    def first(self):
        """The oldest due date with all that is unpaid of it, or None."""
        return next(iter(self.by_day.items()), None)

    @property
    def overdue_since(self):
        return next((day for day in self.by_day if day < self.on), None)

    @property
    def next_on(self):
        """The first due date after ``on``, or None."""
        return next((day for day in self.by_day if day > self.on), None)

    @property
    def if_cleared(self):
        """The amounts if all cheques clear. Nobody is asked for more."""
        rest, unpaid = self.uncleared, []
        for day, amount in self.by_day.items():
            part = min(amount, rest)
            rest -= part
            unpaid.append((day, amount - part))
        return DueAmounts(self.on, unpaid, advance=self.advance + rest, has_fees=self.has_fees)

    @property
    def status(self):
        if self.overdue:
            return PaymentStatus.OVERDUE
        if self.due_today:
            return PaymentStatus.DUE
        if self.by_day:
            return PaymentStatus.UPCOMING
        return PaymentStatus.ADVANCE if self.advance else PaymentStatus.PAID

    @property
    def parts(self):
        """The DueAmounts that are above zero, oldest first."""
        return self._parts(
            format_day=lambda day: format_near_date(day, self.on),
            today="due today" if self.on == timezone.localdate() else "",
        )

    @property
    def dated(self):
        """The text with full dates and the next one, for paper that is read on another day."""
        return self._text(self._parts(format_day=format_date, today="", names_next=True))

    def _parts(self, *, format_day, today, names_next=False):
        parts = []
        if self.overdue:
            since = f"overdue since {format_day(self.overdue_since)}"
            parts.append(DueAmount(PaymentStatus.OVERDUE, self.overdue, since))
        if self.due_today:
            when = today or f"due on {format_day(self.on)}"
            parts.append(DueAmount(PaymentStatus.DUE, self.due_today, when))
        later = self.later
        if later and (names_next or not parts):
            amount = self.by_day[self.next_on]
            when = f"due on {format_day(self.next_on)}"
            parts.append(DueAmount(PaymentStatus.UPCOMING, amount, when))
            later -= amount
        if later:
            parts.append(DueAmount(PaymentStatus.UPCOMING, later, "later"))
        if self.advance:
            parts.append(DueAmount(PaymentStatus.ADVANCE, self.advance, "in advance"))
        if self.uncleared:
            parts.append(DueAmount(None, self.uncleared, "by cheque, not cleared"))
        return parts

    def _text(self, parts):
        return " · ".join(map(str, parts)) or ("Paid" if self.has_fees else "No fees yet")

    def __str__(self):
        return self._text(self.parts)
