"""Who came and what was not taken, over several batches: questions that write nothing and answer with plain data.

Each costs the same few queries however many batches there are, and none loads marks that it only counts.
"""

import datetime
from dataclasses import dataclass, field

from django.db.models import Max, Min

from academics.models import Batch
from academics.timetable import ScheduledClass, Timetable, class_days
from attendance.models import Sheet
from attendance.percentages import MarkStatus
from coachmaster.core.compiled import compiled


@dataclass
class ClassDay:
    """One batch on one day: its classes that day, and its sheet once there is one."""

    batch: Batch
    day: datetime.date
    #: By time; those that are not held too.
    classes: list[ScheduledClass] = field(default_factory=list)
    sheet: Sheet | None = None
    #: When its first class begins that was not called off, the end of the day without one.
    first_at: datetime.time = datetime.time.max

    def by_time(self):
        """What the classes of a day are sorted by."""
        return self.first_at, self.batch.name, self.batch.pk

    @property
    def slots(self):
        """The times of the classes that are held."""
        return [one.slot for one in self.classes if not one.not_held_reason]

    @property
    def notes(self):
        """What is unusual about its classes, in words."""
        return [one.note for one in self.classes if one.note]

    @property
    def tally(self):
        """The Tally of the sheet, None before it is taken."""
        return self.sheet.tally if self.sheet else None

    @property
    def is_taken(self):
        """Whether the sheet was saved; one that students check in to is still to be."""
        return self.sheet is not None and not self.sheet.is_open


@compiled  # 0.7 to 0.4 ms, with each dashboard of staff
def _sheets(*, day, scope):
    counts = Sheet.objects.filter(held_on=day).recorded_by(scope).order_by()
    return counts.only("batch", "is_open", *MarkStatus.values)


def classes_on(day, scope=None):
    """A `ClassDay` for each batch `recorded_by` that ``scope`` that has a class or a sheet on ``day``, by time of day.

    On a holiday, or where the class was called off, there are only those whose sheet was taken before.
    """
    # Not `prefetch_related`: on SQLite it fails with more than a thousand instructors.
    batches = Batch.objects.recorded_by(scope).select_related("course", "instructor").order_by()
    batches = batches.only(
        "name", "room", "starts_on", "ends_on", "course__name", "instructor__full_name"
    )
    return _class_days(
        day, batches, Sheet.objects.filter(held_on=day).recorded_by(scope).for_list().order_by()
    )


def _class_days(day, kept, sheets):
    """The `ClassDay`s of the batches ``kept`` (a queryset) with their ``sheets`` of the day."""
    sheets = {sheet.batch_id: sheet for sheet in sheets}
    batches = list(kept.running(day))
    if others := sheets.keys() - {batch.pk for batch in batches}:
        batches += kept.filter(pk__in=others)
    timetable = Timetable(batches, day, day)
    rows = []
    for batch in batches:
        plan, sheet = timetable.schedule(batch, day), sheets.get(batch.pk)
        if sheet or any(not one.not_held_reason for one in plan.classes):
            rows.append(
                ClassDay(batch, day, plan.classes, sheet, plan.first_at or datetime.time.max)
            )
    return sorted(rows, key=ClassDay.by_time)


@dataclass
class DaySummary:
    """The classes of a day, counted, and the first of them."""

    total: int
    taken: int
    #: One for each class that somebody missed.
    absences: int
    first: list[ClassDay]


def day_summary(day, number, scope=None):
    """The `DayInBrief` of `classes_on` with the first ``number`` of them, those first whose attendance is not taken yet."""
    batches = Batch.objects.recorded_by(scope).for_timetable().order_by()
    rows = _class_days(day, batches, _sheets(day=day, scope=scope))
    taken = [row for row in rows if row.is_taken]
    first = sorted(rows, key=lambda row: row.is_taken)[:number]
    return DaySummary(len(rows), len(taken), sum(row.sheet.absent for row in taken), first)


def adjacent_class_day(batch, day, *, forward, last):
    """The next class day of ``batch`` after ``day``, or the one before it; None without one. Not after ``last``.

    A class day is a planned one, or one with a sheet. At most three queries.
    """
    one = datetime.timedelta(days=1)
    first, last = (
        (max(day + one, batch.starts_on), last)
        if forward
        else (batch.starts_on, min(day - one, last))
    )
    held = batch.sheets.between(first, last).aggregate(
        day=Min("held_on") if forward else Max("held_on")
    )["day"]
    found = [*class_days(batch, first, last), *([held] if held else [])]
    return (min if forward else max)(found, default=None)


def nearby_class_days(batch, day, first, last):
    """The planned class days closest to ``day`` on both sides and the last one, out of those from ``first`` to ``last``."""
    days = class_days(batch, first, last)
    before, after = [one for one in days if one < day], [one for one in days if one > day]
    return sorted({*before[-1:], *after[:1], *days[-1:]})
