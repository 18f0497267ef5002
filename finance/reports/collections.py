"""What was received and what fell due, by month, course and batch: plain data for the report and its files."""

import datetime
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.db.models import OuterRef, Subquery, Sum
from django.utils.functional import cached_property

from academics.models import Batch, Course, Enrollment
from coachmaster.core.dates import month_end, month_start
from coachmaster.core.exports import Column, Kind
from coachmaster.core.money import ZERO
from finance.models import Charge, Concession, DayTotal, Payment, Refund


@dataclass
class CollectionTotals:
    """Money of a period, in rupees: what fell ``due`` in it less concessions, what was ``received`` by payments that stand,
    and what was ``refunded``."""

    due: Decimal = ZERO
    received: Decimal = ZERO
    refunded: Decimal = ZERO

    def __iadd__(self, other):
        self.due += other.due
        self.received += other.received
        self.refunded += other.refunded
        return self

    def add(self, part, amount):
        """Add ``amount`` to that part."""
        setattr(self, part, getattr(self, part) + amount)

    def __bool__(self):
        return bool(self.due or self.received or self.refunded)

    @property
    def net(self):
        """What was received less what was given back."""
        return self.received - self.refunded

    @property
    def percent(self):
        """What was kept of what fell due, in whole per cent; None when nothing fell due."""
        return int(self.net * 100 / self.due) if self.due > ZERO else None


@dataclass
class CollectionRow:
    """A line of the report."""

    first: datetime.date | None
    batch: Batch | None
    totals: CollectionTotals

    @property
    def course(self):
        """The batch's course, or None for what belongs to no batch."""
        return self.batch.course if self.batch else None


def months_of(year):
    """The first days of the months of the financial year that begins in ``year``."""
    return [datetime.date(year + (month < 4), month, 1) for month in (*range(4, 13), 1, 2, 3)]


class CollectionsReport:
    """The flows of ``months`` (their first days); of one ``course`` (an id) alone when given."""

    def __init__(self, months, course=None):
        self.months, self.course = months, course

    def _in_months(self, rows, day):
        return rows.filter(
            **{f"{day}__gte": self.months[0], f"{day}__lte": month_end(self.months[-1])}
        ).order_by()

    def _of_course(self, rows, enrollment="enrollment"):
        return (
            rows
            if self.course is None
            else rows.filter(**{f"{enrollment}__batch__course": self.course})
        )

    @property
    def _charges(self):
        return self._in_months(Charge.objects.active(), "due_on")

    @property
    def _payments(self):
        return self._in_months(Payment.objects.active(), "paid_on")

    @cached_property
    def _few(self):
        """Sums of concessions and refunds, which are few: part of a flow, month, batch and rupees."""
        terms = [
            ("due", -1, Concession.objects.active(), "charge__due_on", "charge__enrollment"),
            ("refunded", 1, Refund.objects.all(), "refunded_on", "payment__enrollment"),
        ]
        return [
            (part, month_start(on), batch, sign * amount)
            for part, sign, rows, day, enrollment in terms
            for on, batch, amount in (
                self._of_course(self._in_months(rows, day), enrollment)
                .values_list(day, f"{enrollment}__batch")
                .annotate(Sum("amount"))
            )
        ]

    def _by_day(self):
        """Return ``{month: Flow}``. The database groups by day: it would call Python for the month of each row on SQLite."""
        # Of all courses the totals of each day are kept.
        if self.course is None:
            payments = self._in_months(DayTotal.objects.all(), "paid_on")
        else:
            payments = self._of_course(self._payments)
        flows = defaultdict(CollectionTotals)
        for part, rows, day in [
            ("due", self._of_course(self._charges), "due_on"),
            ("received", payments, "paid_on"),
        ]:
            for on, amount in rows.values_list(day).annotate(Sum("amount")):
                flows[month_start(on)].add(part, amount)
        for part, month, _, amount in self._few:
            flows[month].add(part, amount)
        return flows

    def _by_batch(self):
        """Return ``{batch: Flow}``.

        SQLite sums charges and payments for each enrollment along its index, in half of the time that it takes to look up
        the enrollment of each row. PostgreSQL joins the tables at once, in a sixth of the time.
        """
        flows = defaultdict(CollectionTotals)
        for part, rows in [("due", self._charges), ("received", self._payments)]:
            if connection.vendor == "sqlite":
                sums = self._along_enrollments(rows)
            else:
                sums = (
                    self._of_course(rows).values_list("enrollment__batch").annotate(Sum("amount"))
                )
            for batch, amount in sums:
                flows[batch].add(part, amount or ZERO)
        for part, _, batch, amount in self._few:
            flows[batch].add(part, amount)
        return {key: flow for key, flow in flows.items() if flow}

    def _along_enrollments(self, rows):
        """Return pairs of a batch and the sum of the amounts of its ``rows``."""
        own = (
            rows.filter(enrollment=OuterRef("pk")).values("enrollment").values(total=Sum("amount"))
        )
        enrollments = Enrollment.objects.order_by()
        if self.course is not None:
            enrollments = enrollments.filter(batch__course=self.course)
        sums = enrollments.values_list("batch").annotate(total=Sum(Subquery(own)))
        return (
            sums
            if self.course is not None
            else [*sums, (None, rows.filter(enrollment=None).total())]
        )

    @cached_property
    def total(self):
        """Everything together."""
        return _sum(flow for _, flow in self.by_month)

    @cached_property
    def by_month(self):
        """Pairs of a month's first day and its Flow."""
        flows = self._by_day()
        return [(first, flows[first]) for first in self.months]

    @cached_property
    def by_batch(self):
        """Pairs of a batch's id (None: of no batch) and its Flow, the largest first."""
        return _largest_first(self._by_batch().items())

    @cached_property
    def by_course(self):
        """Pairs of a course (None: of no batch) and its Flow, the largest first."""
        course_of = dict(Batch.objects.order_by().values_list("pk", "course"))
        flows = defaultdict(CollectionTotals)
        for batch, flow in self.by_batch:
            flows[course_of.get(batch)] += flow
        courses = Course.objects.in_bulk([key for key in flows if key])
        return _largest_first((courses.get(key), flow) for key, flow in flows.items())

    @cached_property
    def rows(self):
        """A Row for each month and batch, in their order."""
        flows = defaultdict(CollectionTotals)
        for part, rows, day in [
            ("due", self._charges, "due_on"),
            ("received", self._payments, "paid_on"),
        ]:
            of_batches = self._of_course(rows).values_list(day, "enrollment__batch")
            for on, batch, amount in of_batches.annotate(Sum("amount")):
                flows[month_start(on), batch].add(part, amount)
        for part, month, batch, amount in self._few:
            flows[month, batch].add(part, amount)
        batches = batches_by_id({batch for _, batch in flows})
        rows = [
            CollectionRow(first, batches.get(batch), flow)
            for (first, batch), flow in flows.items()
            if flow
        ]
        return sorted(
            rows,
            key=lambda row: (
                row.first,
                row.course.name if row.course else "",
                str(row.batch or ""),
            ),
        )


def batches_by_id(keys):
    """``{key: batch}`` of these batches."""
    return Batch.objects.select_related("course").in_bulk([key for key in keys if key])


def _sum(flows):
    total = CollectionTotals()
    for flow in flows:
        total += flow
    return total


def _largest_first(pairs):
    return sorted(pairs, key=lambda pair: -pair[1].received)


COLUMNS = [
    Column("Month", Kind.TEXT, lambda row: f"{row.first:%Y-%m}"),
    Column("Course", Kind.TEXT, lambda row: row.course.name if row.course else ""),
    Column("Batch", Kind.TEXT, lambda row: row.batch.name if row.batch else ""),
    Column("Fell due", Kind.AMOUNT, lambda row: row.totals.due),
    Column("Received", Kind.AMOUNT, lambda row: row.totals.received),
    Column("Refunded", Kind.AMOUNT, lambda row: row.totals.refunded),
    Column("Received less refunds", Kind.AMOUNT, lambda row: row.totals.net),
]
