"""Sums of money over many students, as plain data."""

import datetime
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, Sum

from coachmaster.core.dates import month_start
from coachmaster.core.money import ZERO
from finance.models import Account, Charge, DayTotal, Mode


@dataclass
class CollectionsSummary:
    """What was received by payments that stand, in rupees."""

    today: Decimal
    month: Decimal
    by_mode: list[tuple[Mode, Decimal]]  # of this month, modes with something only
    months: list[
        tuple[datetime.date, Decimal]
    ]  # the last twelve by their first days, the oldest first


def last_months(on, count=12):
    """The first days of the ``count`` months that end with the month of ``on``, the oldest first."""
    months = [month_start(on)]
    while len(months) < count:
        months.insert(0, month_start(months[0] - datetime.timedelta(days=1)))
    return months


def collections_summary(on):
    """What was received on the day ``on``, in its month, and in the twelve months up to it."""
    firsts = last_months(on)
    days = DayTotal.objects.filter(paid_on__lte=on).order_by()
    by_day = dict(
        days.filter(paid_on__gte=firsts[0]).values_list("paid_on").annotate(Sum("amount"))
    )
    # Not by the database's months, which SQLite asks Python for, row by row.
    by_month = defaultdict(lambda: ZERO)
    for day, amount in by_day.items():
        by_month[month_start(day)] += amount
    this_month = days.filter(paid_on__gte=firsts[-1], amount__gt=0).values_list("mode")
    by_mode = dict(this_month.annotate(Sum("amount")))
    return CollectionsSummary(
        today=by_day.get(on, ZERO),
        month=by_month[firsts[-1]],
        by_mode=[(mode, by_mode[mode]) for mode in Mode if mode in by_mode],
        months=[(first, by_month[first]) for first in firsts],
    )


@dataclass
class DuesSummary:
    """What all students together owe, in rupees, and how many they are."""

    amount: Decimal
    students: int
    overdue: Decimal
    overdue_students: int


def dues_summary(on):
    """What is owed now or later, and what of it was owed before the day ``on``."""
    late = Count("pk", filter=Q(first_due_on__lt=on))
    found = Account.objects.owing().aggregate(
        amount=Sum("balance"), students=Count("pk"), overdue_students=late
    )
    overdue = (
        Charge.objects.unpaid().filter(due_on__lt=on).aggregate(total=Sum("open_now"))["total"]
    )
    return DuesSummary(
        found["amount"] or ZERO, found["students"], overdue or ZERO, found["overdue_students"]
    )
