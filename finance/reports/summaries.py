import datetime
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, Sum

from coachmaster.core.dates import month_start
from coachmaster.core.money import ZERO
from finance.models import Account, Charge, ChequeClearing, DayTotal, Mode


@dataclass
class CollectionsSummary:
    """Money received, in rupees; cheques from the day they cleared."""

    today: Decimal
    month: Decimal
    by_mode: list[tuple[Mode, Decimal]]  # of this month, without empty modes
    months: list[tuple[datetime.date, Decimal]]  # the last twelve, oldest first


def last_months(on, count=12):
    """Return the first days of the months up to that of ``on``, oldest first."""
    months = [month_start(on)]
    while len(months) < count:
        months.insert(0, month_start(months[0] - datetime.timedelta(days=1)))
    return months


def cheques_by_day(first, last):
    """Return pairs of a day and the rupees of the cheques that cleared on it."""
    cleared = ChequeClearing.objects.active().filter(cleared_on__range=(first, last)).order_by()
    return cleared.values_list("cleared_on").annotate(Sum("payment__amount"))


def collections_summary(on):
    firsts = last_months(on)
    days = DayTotal.objects.filter(paid_on__lte=on, amount__gt=0).exclude(mode=Mode.CHEQUE)
    days = days.order_by()
    by_day = defaultdict(
        lambda: ZERO,
        days.filter(paid_on__gte=firsts[0]).values_list("paid_on").annotate(Sum("amount")),
    )
    this_month = days.filter(paid_on__gte=firsts[-1]).values_list("mode")
    by_mode = defaultdict(lambda: ZERO, this_month.annotate(Sum("amount")))
    for day, amount in cheques_by_day(firsts[0], on):
        by_day[day] += amount
        if day >= firsts[-1]:
            by_mode[Mode.CHEQUE] += amount
    # Grouped by day, because SQLite calls Python for the month of each row.
    by_month = defaultdict(lambda: ZERO)
    for day, amount in by_day.items():
        by_month[month_start(day)] += amount
    return CollectionsSummary(
        today=by_day[on],
        month=by_month[firsts[-1]],
        by_mode=[(mode, by_mode[mode]) for mode in Mode if mode in by_mode],
        months=[(first, by_month[first]) for first in firsts],
    )


@dataclass
class DuesSummary:
    amount: Decimal
    students: int
    overdue: Decimal
    overdue_students: int
    due_today: Decimal
    uncleared: Decimal  # cheques of these students

    @property
    def later(self):
        return self.amount - self.overdue - self.due_today


def dues_summary(on):
    numbers = Account.objects.with_dues().aggregate(
        amount=Sum("balance"),
        students=Count("pk"),
        uncleared=Sum("uncleared"),
        overdue_students=Count("pk", filter=Q(first_due_on__lt=on)),
    )
    due = (
        Charge.objects.unpaid()
        .filter(due_on__lte=on)
        .aggregate(
            overdue=Sum("open_now", filter=Q(due_on__lt=on)),
            today=Sum("open_now", filter=Q(due_on=on)),
        )
    )
    return DuesSummary(
        amount=numbers["amount"] or ZERO,
        students=numbers["students"],
        overdue=due["overdue"] or ZERO,
        overdue_students=numbers["overdue_students"],
        due_today=due["today"] or ZERO,
        uncleared=numbers["uncleared"] or ZERO,
    )
