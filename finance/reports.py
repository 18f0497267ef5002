"""Sums of money over many students, as plain data."""

import datetime
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, Sum

from coachmaster.ground.days import month_start
from coachmaster.ground.money import ZERO
from coachmaster.ground.prepared import Prepared, sums

from .models import Charge, DayTotal, Mode


@dataclass
class Collections:
    """What was received by payments that stand, in rupees."""

    today: Decimal
    month: Decimal
    by_mode: list[tuple[Mode, Decimal]]  # of this month, modes with something only
    months: list[tuple[datetime.date, Decimal]]  # the last twelve by their first days, the oldest first


def last_months(on, count=12):
    """The first days of the ``count`` months that end with the month of ``on``, the oldest first."""
    months = [month_start(on)]
    while len(months) < count:
        months.insert(0, month_start(months[0] - datetime.timedelta(days=1)))
    return months


def collections(on):
    """What was received on the day ``on``, in its month, and in the twelve months up to it, by one query."""
    months = last_months(on)
    found = _received.first(on=on, **{f"month_{index}": first for index, first in enumerate(months)})
    by_mode = [(mode, getattr(found, f"mode_{mode.value}") or ZERO) for mode in Mode]
    by_month = [(first, getattr(found, f"month_{index}") or ZERO) for index, first in enumerate(months)]
    return Collections(
        today=found.today or ZERO,
        month=by_month[-1][1],
        by_mode=[(mode, amount) for mode, amount in by_mode if amount],
        months=by_month,
    )


@Prepared
def _received(*, on, **months):
    firsts = list(months.values())
    periods = {
        name: Q(paid_on__gte=first, **({"paid_on__lt": end} if end else {}))
        for (name, first), end in zip(months.items(), [*firsts[1:], None], strict=True)
    }
    by_mode = {f"mode_{mode.value}": Q(paid_on__gte=firsts[-1], mode=mode) for mode in Mode}
    conditions = {**periods, "today": Q(paid_on=on), **by_mode}
    return sums(
        DayTotal.objects.filter(paid_on__gte=firsts[0], paid_on__lte=on),
        **{name: Sum("amount", filter=condition) for name, condition in conditions.items()},
    )


@dataclass
class Owed:
    """What all students together owe, in rupees, and how many they are."""

    amount: Decimal
    students: int
    overdue: Decimal
    overdue_students: int


def owed(on):
    """What is owed now or later, and what of it was owed before the day ``on``, by one query."""
    amount, students, overdue, overdue_students = _owed.first(on=on)
    return Owed(amount or ZERO, students, overdue or ZERO, overdue_students)


@Prepared
def _owed(*, on):
    is_late = Q(due_on__lt=on)
    return sums(
        Charge.objects.open(),
        amount=Sum("open_now"),
        students=Count("student", distinct=True),
        late=Sum("open_now", filter=is_late),
        late_students=Count("student", distinct=True, filter=is_late),
    )
