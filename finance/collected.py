"""What was received and what fell due, by month, course and batch: plain data for the report and its files."""

import datetime
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, Sum

from academics.models import Batch
from coachmaster.ground.days import month_end
from coachmaster.ground.money import ZERO
from coachmaster.ground.tables import Column, Kind

from .models import Charge, Concession, Payment, Refund


@dataclass
class Flow:
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

    def __bool__(self):
        return bool(self.due or self.received or self.refunded)

    @property
    def kept(self):
        """What was received less what was given back."""
        return self.received - self.refunded

    @property
    def percent(self):
        """What was kept of what fell due, in whole per cent; None when nothing fell due."""
        return int(self.kept * 100 / self.due) if self.due > ZERO else None


@dataclass
class Row:
    """A line of the report."""

    first: datetime.date | None
    batch: Batch | None
    flow: Flow

    @property
    def course(self):
        """The batch's course, or None for what belongs to no batch."""
        return self.batch.course if self.batch else None


def months_of(year):
    """The first days of the months of the financial year that begins in ``year``."""
    return [datetime.date(year + (month < 4), month, 1) for month in (*range(4, 13), 1, 2, 3)]


class Collected:
    """The flows of ``months`` (their first days), by five queries; of one ``course`` (a key) alone when given."""

    def __init__(self, months, course=None):
        self.months = months
        flows = defaultdict(Flow)
        for name, sign, rows, day, batch in (
            ("due", 1, Charge.objects.live(), "due_on", "enrollment__batch"),
            ("due", -1, Concession.objects.live(), "charge__due_on", "charge__enrollment__batch"),
            ("received", 1, Payment.objects.live(), "paid_on", "enrollment__batch"),
            ("refunded", 1, Refund.objects.all(), "refunded_on", "payment__enrollment__batch"),
        ):
            for key, sums in self._sums(rows, day, batch):
                for first, amount in sums:
                    flow = flows[first, key]
                    setattr(flow, name, getattr(flow, name) + sign * amount)
        batches = Batch.objects.select_related("course").in_bulk({key for _, key in flows if key})
        self.rows = [
            Row(first, batches.get(key), flow)
            for (first, key), flow in flows.items()
            if flow and (course is None or (key and batches[key].course_id == course))
        ]
        self.rows.sort(key=lambda row: (row.first, row.course.name if row.course else "", str(row.batch or "")))

    def _sums(self, rows, day, batch):
        """For each batch its key and its sums by month: one statement, and the database need not know months."""
        conditions = {
            f"month_{index}": Sum("amount", filter=Q(**{f"{day}__range": (first, month_end(first))}))
            for index, first in enumerate(self.months)
        }
        rows = rows.filter(**{f"{day}__range": (self.months[0], month_end(self.months[-1]))})
        for key, *sums in rows.order_by().values_list(batch).annotate(**conditions):
            yield key, [(first, amount) for first, amount in zip(self.months, sums, strict=True) if amount]

    @property
    def in_all(self):
        """Everything together."""
        together = Flow()
        for row in self.rows:
            together += row.flow
        return together

    def by_month(self):
        """Pairs of a month's first day and its Flow."""
        flows = self._grouped(lambda row: row.first)
        return [(first, flows.get(first, Flow())) for first in self.months]

    def by_course(self):
        """Pairs of a course (None: of no batch) and its Flow, the largest first."""
        return self._largest_first(lambda row: row.course)

    def by_batch(self):
        """The same by batch."""
        return self._largest_first(lambda row: row.batch)

    def _grouped(self, key):
        flows = defaultdict(Flow)
        for row in self.rows:
            flows[key(row)] += row.flow
        return flows

    def _largest_first(self, key):
        return sorted(self._grouped(key).items(), key=lambda pair: (-pair[1].received, str(pair[0] or "")))


COLUMNS = [
    Column("Month", Kind.TEXT, lambda row: f"{row.first:%Y-%m}"),
    Column("Course", Kind.TEXT, lambda row: row.course.name if row.course else ""),
    Column("Batch", Kind.TEXT, lambda row: row.batch.name if row.batch else ""),
    Column("Fell due", Kind.AMOUNT, lambda row: row.flow.due),
    Column("Received", Kind.AMOUNT, lambda row: row.flow.received),
    Column("Refunded", Kind.AMOUNT, lambda row: row.flow.refunded),
    Column("Received less refunds", Kind.AMOUNT, lambda row: row.flow.kept),
]
