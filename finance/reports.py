"""Sums of money over many students, as plain data."""

import datetime
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, Sum, Value

from coachmaster.ground.days import month_start
from coachmaster.ground.money import ZERO
from coachmaster.ground.prepared import Prepared, sums

from .models import Account, Charge, DayTotal, Mode


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
    rows = _received(on=on, **{f"month_{index}": first for index, first in enumerate(months)})
    found = {name: amount or ZERO for name, amount in rows}
    by_mode = [(mode, found.get(mode.value, ZERO)) for mode in Mode]
    month = sum((amount for _, amount in by_mode), ZERO)
    before = [(first, found[f"month_{index}"]) for index, first in enumerate(months[:-1])]
    return Collections(
        today=found["today"],
        month=month,
        by_mode=[(mode, amount) for mode, amount in by_mode if amount],
        months=[*before, (months[-1], month)],
    )


@Prepared
def _received(*, on, **months):
    """Sums by name: of each month but the last, of the last month by mode, of the day."""
    firsts = list(months.values())
    spans = {
        name: Q(paid_on__gte=first, paid_on__lt=end)
        for (name, first), end in zip(months.items(), firsts[1:], strict=False)
    }
    rows = [
        sums(DayTotal.objects.filter(span), amount=Sum("amount")).values_list(Value(name), "amount")
        for name, span in {**spans, "today": Q(paid_on=on)}.items()
    ]
    this_month = DayTotal.objects.filter(paid_on__gte=firsts[-1], paid_on__lte=on).order_by()
    return this_month.values_list("mode").annotate(amount=Sum("amount")).union(*rows, all=True)


@dataclass
class Owed:
    """What all students together owe, in rupees, and how many they are."""

    amount: Decimal
    students: int
    overdue: Decimal
    overdue_students: int


def owed(on):
    """What is owed now or later, and what of it was owed before the day ``on``, by one query."""
    found = {of: sums for of, *sums in _owed(on=on)}
    (amount, students, overdue_students), (overdue, *_) = found["accounts"], found["charges"]
    return Owed(amount or ZERO, students, overdue or ZERO, overdue_students)


@Prepared
def _owed(*, on):
    accounts, late = Account.objects.owing(), Charge.objects.open().filter(due_on__lt=on)
    count_late = Count("pk", filter=Q(first_due_on__lt=on))
    of_accounts = sums(accounts, amount=Sum("balance"), students=Count("pk"), late_students=count_late)
    of_charges = sums(late, amount=Sum("open_now")).values_list(Value("charges"), "amount", Value(0), Value(0))
    return of_accounts.values_list(Value("accounts"), "amount", "students", "late_students").union(of_charges, all=True)
