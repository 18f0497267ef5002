"""Registers not taken: classes that are over and have no sheet. And the mail that reminds of them."""

import datetime
from collections import Counter, defaultdict
from typing import NamedTuple

from django.db.models import Min, Q
from django.utils import timezone

from academics.models import Batch, Enrollment, Institute
from academics.timetable import Timetable, candidate_days
from attendance.models import Sheet
from coachmaster.core.exports import CellType, ExportColumn
from coachmaster.core.querysets import restricted_id

#: No list reaches further back, however long instructors may correct.
MAX_DAYS = 31


class MissingRegister(NamedTuple):
    """One batch on one day without a sheet, or with one that students checked in to and nobody saved."""

    day: datetime.date
    batch_id: int
    batch: str
    instructor_id: int | None
    instructor: str | None


#: The list as a file.
MISSING_REGISTER_COLUMNS = [
    ExportColumn("Day", CellType.DATE, lambda row: row.day),
    ExportColumn("Batch", CellType.TEXT, lambda row: row.batch),
    ExportColumn("Instructor", CellType.TEXT, lambda row: row.instructor),
]


def days_back():
    """How many days before today are looked at: those that instructors may still take, at most `MOST_DAYS`."""
    return min(Institute.objects.current().attendance_edit_days, MAX_DAYS)


def missing_registers(now, *, days, instructor=None):
    """Return a `Missing` for each class without a sheet at the moment ``now``, newest first.

    Of today classes that have ended, and all of ``days`` days before; of one ``instructor`` (an id), or of all batches.
    Holidays, classes called off, and days on which nobody was enrolled are not missing.
    """
    now = timezone.localtime(now)
    today = now.date()
    first = today - datetime.timedelta(days=days)
    running = Batch.objects.recorded_by(instructor).running(first, today)
    open_days = candidate_days(running, first, today).difference(
        _taken(first=first, last=today, instructor=instructor)
    )
    if not open_days:
        return []
    batches = list(running.filter(pk__in={pk for pk, _ in open_days}).for_timetable())
    timetable = Timetable(batches, min(day for _, day in open_days), today)
    by_id = {batch.pk: batch for batch in batches}
    found = [
        (by_id[pk], day)
        for pk, day in open_days
        if pk in by_id and _has_class(timetable.on(by_id[pk], day), ended_at=now)
    ]
    enrolled = _Enrolled({batch.pk for batch, _ in found}, first, today)
    rows = [
        MissingRegister(
            day,
            batch.pk,
            batch.name,
            batch.instructor_id,
            batch.instructor and batch.instructor.full_name,
        )
        for batch, day in found
        if enrolled.on(batch.pk, day)
    ]
    return sorted(rows, key=lambda row: (-row.day.toordinal(), row.batch, row.batch_id))


def missing_registers_for(user, *, days=None):
    """The `Missing` that ``user`` has to see to now, so many days back (None: `days_back`): of all batches for staff, of
    those they teach for others."""
    days = days_back() if days is None else days
    return missing_registers(timezone.now(), days=days, instructor=restricted_id(user))


def _taken(*, first, last, instructor):
    """Return ``(batch id, day)`` of the sheets that were saved."""
    saved = Sheet.objects.between(first, last).recorded_by(instructor).filter(is_open=False)
    return saved.order_by().values_list("batch", "held_on")


def _has_class(classes, ended_at):
    """Whether one of these classes of a day has ended at that moment."""
    return any(one.day < ended_at.date() or one.slot.ends_at <= ended_at.time() for one in classes)


class _Enrolled:
    """Whether anybody was enrolled in a batch on a day from ``first`` to ``last``."""

    def __init__(self, batch_ids, first, last):
        self._spans = defaultdict(list)
        if batch_ids:
            # Of those who end on the same day, the first to come covers the days of all.
            found = Enrollment.objects.filter(
                Q(ended_on__gt=first) | Q(ended_on=None), enrolled_on__lte=last
            )
            found = found.filter(batch__in=batch_ids).order_by().values_list("batch", "ended_on")
            for batch, ended_on, enrolled_on in found.annotate(Min("enrolled_on")):
                self._spans[batch].append((enrolled_on, ended_on))

    def on(self, batch_id, day):
        return any(
            first <= day and (end is None or day < end) for first, end in self._spans[batch_id]
        )


def count_by_instructor(rows):
    """``(instructor's id, name, number)`` of `Missing` rows, the most first; nobody is (None, None, …)."""
    counted = Counter((row.instructor_id, row.instructor) for row in rows)
    return [
        (*who, number)
        for who, number in sorted(counted.items(), key=lambda of: (-of[1], of[0][1] or ""))
    ]
