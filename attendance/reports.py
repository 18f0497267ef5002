"""Who came and what was not taken, over several batches: questions that write nothing and answer with plain data.

Each costs the same few queries however many batches there are, and none loads marks that it only counts.
"""

import datetime
from collections import defaultdict
from dataclasses import dataclass, field

from django.db.models import F, Max, Min, Prefetch, Q
from django.db.models.functions import Coalesce

from academics.class_times import Slot
from academics.models import Batch, ClassTime, Enrollment, Holiday, days_between
from coachmaster.ground.days import LAST_DAY

from .models import Mark, Sheet, Tally


@dataclass
class ClassDay:
    """One batch on one day: its classes that day, and its sheet once there is one."""

    batch: Batch
    day: datetime.date
    slots: list[Slot] = field(default_factory=list)
    sheet: Sheet | None = None

    @property
    def tally(self):
        """The Tally of the sheet, None before it is taken."""
        return self.sheet.tally if self.sheet else None

    @property
    def is_taken(self):
        """Whether the sheet exists."""
        return self.sheet is not None


def classes_on(day, batches):
    """A `ClassDay` for each of ``batches`` (a queryset) that has a class or a sheet on ``day``, by time of day.

    On a holiday there are only those whose sheet was taken before it was declared. Three queries.
    """
    sheets = {
        sheet.batch_id: sheet for sheet in Sheet.objects.filter(held_on=day).select_related("taken_by").with_tally()
    }
    that_day = Prefetch("class_times", ClassTime.objects.filter(weekday=day.weekday()), to_attr="class_times_that_day")
    with_class = Batch.objects.with_class_on(day).values("pk")
    found = (
        batches.filter(Q(pk__in=with_class) | Q(pk__in=sheets.keys()))
        .select_related("course", "instructor")
        .prefetch_related(that_day)
    )
    classes = [
        ClassDay(
            batch,
            day,
            slots=sorted(Slot(row.weekday, row.starts_at, row.ends_at) for row in batch.class_times_that_day),
            sheet=sheets.get(batch.pk),
        )
        for batch in found
    ]
    return sorted(classes, key=lambda one: (one.slots[0].starts_at if one.slots else datetime.time.max, one.batch.name))


def missing_sheets(batches, first, last):
    """``(batch, day)`` for each planned class of ``batches`` (a queryset) without a sheet, the newest day first.

    From ``first`` to ``last``, both included; holidays, and days before the first student came or after the last one
    went, are not missing. Five queries.
    """
    running = batches.filter(Q(ends_on__gte=first) | Q(ends_on=None), starts_on__lte=last)
    return missing_among(running.with_class_times(), first, last)


def missing_among(batches, first, last):
    """`missing_sheets` of ``batches`` that were loaded with their class times. Three queries."""
    batches = list(batches)
    holidays = set(Holiday.objects.filter(day__range=(first, last)).values_list("day", flat=True))
    taken = set(Sheet.objects.filter(batch__in=batches, held_on__range=(first, last)).values_list("batch", "held_on"))
    missing = [
        (batch, day)
        for batch in batches
        for day in class_days(batch, first, last, holidays)
        if (batch.pk, day) not in taken
    ]
    peopled = {
        batch: (joined, left)
        for batch, joined, left in Enrollment.objects.filter(batch__in={batch for batch, _ in missing})
        .order_by()
        .values_list("batch")
        .annotate(joined=Min("enrolled_on"), left=Max(Coalesce(F("ended_on"), LAST_DAY)))
    }
    missing = [
        (batch, day)
        for batch, day in missing
        if batch.pk in peopled and peopled[batch.pk][0] <= day < peopled[batch.pk][1]
    ]
    return sorted(missing, key=lambda found: (-found[1].toordinal(), found[0].name, found[0].pk))


def class_days(batch, first, last, holidays):
    """The days from ``first`` to ``last`` on which ``batch`` has a planned class and it is no holiday."""
    first, last = max(first, batch.starts_on), min(last, batch.ends_on or last)
    weekdays = {row.weekday for row in batch.class_times.all()}
    return [day for day in days_between(first, last) if day.weekday() in weekdays and day not in holidays]


def batch_tallies(batches, first=None, last=None):
    """``{batch id: Tally}`` with an entry for each of ``batches`` (any iterable), over all days or those given."""
    ids = [batch.pk for batch in batches]
    sheets = Sheet.objects.filter(batch__in=ids).between(first, last)
    found = Mark.objects.filter(sheet__in=sheets).tallies_by("sheet__batch")
    return {pk: found.get(pk, Tally()) for pk in ids}


def student_tally(student):
    """The Tally of all marks of ``student`` (a record or an id)."""
    return Mark.objects.filter(student=student).tally()


def enrollment_tallies(marks):
    """``{enrollment id: Tally}`` of the marks given."""
    return defaultdict(Tally, marks.tallies_by("enrollment"))
