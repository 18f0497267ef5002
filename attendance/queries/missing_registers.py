"""Classes that are over and have no saved sheet."""

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

#: Longest period that a list covers, however long instructors may correct attendance.
MAX_DAYS = 31


class MissingRegister(NamedTuple):
    day: datetime.date
    batch_id: int
    batch: str
    instructor_id: int | None
    instructor: str | None


MISSING_REGISTER_COLUMNS = [
    ExportColumn("Day", CellType.DATE, lambda row: row.day),
    ExportColumn("Batch", CellType.TEXT, lambda row: row.batch),
    ExportColumn("Instructor", CellType.TEXT, lambda row: row.instructor),
]


def days_back():
    return min(Institute.objects.current().attendance_edit_days, MAX_DAYS)


def missing_registers_for(user, *, days=None):
    days = days_back() if days is None else days
    return missing_registers(timezone.now(), days=days, instructor=restricted_id(user))


def missing_registers(now, *, days, instructor=None):
    """Return the classes of ``days`` days that ended before ``now``, newest first.

    ``instructor`` is an id, or None for all batches. Days without students do not count.
    """
    now = timezone.localtime(now)
    today = now.date()
    first = today - datetime.timedelta(days=days)
    running = Batch.objects.recorded_by(instructor).running(first, today)
    open_days = candidate_days(running, first, today).difference(
        _saved_days(first=first, last=today, instructor=instructor)
    )
    if not open_days:
        return []
    batches = list(running.filter(pk__in={pk for pk, _ in open_days}).for_timetable())
    timetable = Timetable(batches, min(day for _, day in open_days), today)
    by_id = {batch.pk: batch for batch in batches}
    missing = [
        (by_id[pk], day)
        for pk, day in open_days
        if pk in by_id and _has_ended_class(timetable.on(by_id[pk], day), now)
    ]
    periods = _EnrolledPeriods({batch.pk for batch, _ in missing}, first, today)
    rows = [
        MissingRegister(
            day,
            batch.pk,
            batch.name,
            batch.instructor_id,
            batch.instructor and batch.instructor.full_name,
        )
        for batch, day in missing
        if periods.include(batch.pk, day)
    ]
    return sorted(rows, key=lambda row: (-row.day.toordinal(), row.batch, row.batch_id))


def _saved_days(*, first, last, instructor):
    saved = Sheet.objects.between(first, last).recorded_by(instructor).filter(is_open=False)
    return saved.order_by().values_list("batch", "held_on")


def _has_ended_class(classes, now):
    return any(
        scheduled.day < now.date() or scheduled.slot.ends_at <= now.time() for scheduled in classes
    )


class _EnrolledPeriods:
    def __init__(self, batch_ids, first, last):
        self._periods = defaultdict(list)
        if batch_ids:
            enrollments = Enrollment.objects.filter(
                Q(ended_on__gt=first) | Q(ended_on=None),
                enrolled_on__lte=last,
                batch__in=batch_ids,
            )
            # One row for each end date: the earliest enrollment covers the others.
            rows = enrollments.order_by().values_list("batch", "ended_on")
            for batch, ended_on, enrolled_on in rows.annotate(Min("enrolled_on")):
                self._periods[batch].append((enrolled_on, ended_on))

    def include(self, batch_id, day):
        periods = self._periods[batch_id]
        return any(first <= day and (end is None or day < end) for first, end in periods)


def count_by_instructor(rows):
    """Return ``(instructor id, name, number of rows)``, highest number first."""
    counts = Counter((row.instructor_id, row.instructor) for row in rows)
    return [
        (*instructor, number)
        for instructor, number in sorted(
            counts.items(), key=lambda item: (-item[1], item[0][1] or "")
        )
    ]
