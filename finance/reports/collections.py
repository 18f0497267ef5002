"""Collections: money received and fees due by month, course and batch.

Cheques are received on the day they clear.
"""

import datetime
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.db.models import OuterRef, Subquery, Sum
from django.utils.functional import cached_property

from academics.models import Batch, Course, Enrollment
from coachmaster.core.dates import month_end, month_start
from coachmaster.core.exports import CellType, ExportColumn
from coachmaster.core.money import ZERO
from finance.models import Charge, ChequeClearing, Concession, DayTotal, Mode, Payment, Refund


@dataclass
class CollectionTotals:
    """Totals in rupees; ``due`` is less concessions."""

    due: Decimal = ZERO
    received: Decimal = ZERO
    refunded: Decimal = ZERO

    def __iadd__(self, other):
        self.due += other.due
        self.received += other.received
        self.refunded += other.refunded
        return self

    def add(self, name, amount):
        setattr(self, name, getattr(self, name) + amount)

    def __bool__(self):
        return bool(self.due or self.received or self.refunded)

    @property
    def net(self):
        return self.received - self.refunded

    @property
    def percent(self):
        """The net amount in whole percent of the amount due; None if nothing was due."""
        return int(self.net * 100 / self.due) if self.due > ZERO else None


@dataclass
class CollectionRow:
    month: datetime.date
    batch: Batch | None
    totals: CollectionTotals

    @property
    def course(self):
        return self.batch.course if self.batch else None

    @property
    def sort_key(self):
        return self.month, self.course.name if self.course else "", str(self.batch or "")


def months_of(year):
    """Return the first days of the months of the financial year beginning in ``year``."""
    return [datetime.date(year + (month < 4), month, 1) for month in (*range(4, 13), 1, 2, 3)]


class CollectionsReport:
    """The collections of ``months`` (their first days), or of one ``course`` (an id)."""

    def __init__(self, months, course=None):
        self.months, self.course = months, course

    @cached_property
    def total(self):
        total = CollectionTotals()
        for _, totals in self.by_month:
            total += totals
        return total

    @cached_property
    def by_month(self):
        totals = self._totals_by_month()
        return [(month, totals[month]) for month in self.months]

    @cached_property
    def by_batch(self):
        """Pairs of the id of a batch (or None) and its totals, largest first."""
        return _largest_first(self._totals_by_batch().items())

    @cached_property
    def by_course(self):
        course_of = dict(Batch.objects.order_by().values_list("pk", "course"))
        by_course = defaultdict(CollectionTotals)
        for batch, totals in self.by_batch:
            by_course[course_of.get(batch)] += totals
        courses = Course.objects.in_bulk([key for key in by_course if key])
        return _largest_first((courses.get(key), totals) for key, totals in by_course.items())

    @cached_property
    def rows(self):
        by_month_and_batch = defaultdict(CollectionTotals)
        for name, rows, day in [
            ("due", self._charges, "due_on"),
            ("received", self._payments, "paid_on"),
        ]:
            sums = self._of_course(rows).values_list(day, "enrollment__batch")
            for on, batch, amount in sums.annotate(Sum("amount")):
                by_month_and_batch[month_start(on), batch].add(name, amount)
        for name, month, batch, amount in self._other_terms:
            by_month_and_batch[month, batch].add(name, amount)
        batches = batches_by_id({batch for _, batch in by_month_and_batch})
        rows = [
            CollectionRow(month, batches.get(batch), totals)
            for (month, batch), totals in by_month_and_batch.items()
            if totals
        ]
        return sorted(rows, key=lambda row: row.sort_key)

    def _totals_by_month(self):
        # Grouped by day, because SQLite calls Python for the month of each row.
        if self.course is None:
            payments = self._in_months(DayTotal.objects.exclude(mode=Mode.CHEQUE), "paid_on")
        else:
            payments = self._of_course(self._payments)
        by_month = defaultdict(CollectionTotals)
        for name, rows, day in [
            ("due", self._of_course(self._charges), "due_on"),
            ("received", payments, "paid_on"),
        ]:
            for on, amount in rows.values_list(day).annotate(Sum("amount")):
                by_month[month_start(on)].add(name, amount)
        for name, month, _, amount in self._other_terms:
            by_month[month].add(name, amount)
        return by_month

    def _totals_by_batch(self):
        by_batch = defaultdict(CollectionTotals)
        for name, rows in [("due", self._charges), ("received", self._payments)]:
            for batch, amount in self._sums_by_batch(rows):
                by_batch[batch].add(name, amount or ZERO)
        for name, _, batch, amount in self._other_terms:
            by_batch[batch].add(name, amount)
        return {batch: totals for batch, totals in by_batch.items() if totals}

    def _sums_by_batch(self, rows):
        # SQLite needs half the time if it adds up the rows of each enrollment along their index;
        # PostgreSQL needs a sixth of the time if it joins the tables.
        if connection.vendor != "sqlite":
            return self._of_course(rows).values_list("enrollment__batch").annotate(Sum("amount"))
        own = rows.filter(enrollment=OuterRef("pk")).values("enrollment")
        total = Sum(Subquery(own.values(total=Sum("amount"))))
        enrollments = Enrollment.objects.order_by()
        if self.course is not None:
            enrollments = enrollments.filter(batch__course=self.course)
            return enrollments.values_list("batch").annotate(total=total)
        without_batch = rows.filter(enrollment=None).total()
        return [*enrollments.values_list("batch").annotate(total=total), (None, without_batch)]

    @cached_property
    def _other_terms(self):
        """Concessions, refunds and cheques."""
        concessions, cheques = Concession.objects.active(), ChequeClearing.objects.active()
        of_charge, of_payment = "charge__enrollment", "payment__enrollment"
        terms = [
            ("due", -1, concessions, "charge__due_on", of_charge, "amount"),
            ("refunded", 1, Refund.objects.all(), "refunded_on", of_payment, "amount"),
            ("received", 1, cheques, "cleared_on", of_payment, "payment__amount"),
        ]
        return [
            (name, month_start(on), batch, sign * amount)
            for name, sign, rows, day, enrollment, column in terms
            for on, batch, amount in (
                self._of_course(self._in_months(rows, day), enrollment)
                .values_list(day, f"{enrollment}__batch")
                .annotate(Sum(column))
            )
        ]

    @property
    def _charges(self):
        return self._in_months(Charge.objects.active(), "due_on")

    @property
    def _payments(self):
        payments = Payment.objects.active().exclude(mode=Mode.CHEQUE)
        return self._in_months(payments, "paid_on")

    def _in_months(self, rows, day):
        first, last = self.months[0], month_end(self.months[-1])
        return rows.filter(**{f"{day}__gte": first, f"{day}__lte": last}).order_by()

    def _of_course(self, rows, enrollment="enrollment"):
        if self.course is None:
            return rows
        return rows.filter(**{f"{enrollment}__batch__course": self.course})


def batches_by_id(keys):
    return Batch.objects.select_related("course").in_bulk([key for key in keys if key])


def _largest_first(pairs):
    return sorted(pairs, key=lambda pair: -pair[1].received)


COLUMNS = [
    ExportColumn("Month", CellType.TEXT, lambda row: f"{row.month:%Y-%m}"),
    ExportColumn("Course", CellType.TEXT, lambda row: row.course.name if row.course else ""),
    ExportColumn("Batch", CellType.TEXT, lambda row: row.batch.name if row.batch else ""),
    ExportColumn("Due", CellType.AMOUNT, lambda row: row.totals.due),
    ExportColumn("Received", CellType.AMOUNT, lambda row: row.totals.received),
    ExportColumn("Refunded", CellType.AMOUNT, lambda row: row.totals.refunded),
    ExportColumn("Received less refunds", CellType.AMOUNT, lambda row: row.totals.net),
]
