"""The calendar of a batch: on which days it has class. Weekly class times within its dates, less holidays.

A day with two classes is one class day. Days and clock times are the institute's.
"""

import datetime
from typing import NamedTuple

from django.db.models import prefetch_related_objects
from django.utils import timezone

from .class_times import Slot
from .models import Batch, Holiday, days_between

#: How far ahead the next class is looked for; a break is never longer.
_LOOK_AHEAD = datetime.timedelta(days=366)


class Class(NamedTuple):
    """One class of a batch on one day."""

    day: datetime.date
    slot: Slot


def holidays_between(first, last):
    """The set of days without classes from ``first`` to ``last``, both included."""
    return set(Holiday.objects.filter(day__range=(first, last)).values_list("day", flat=True))


def class_days(batch, first, last, *, holidays=None):
    """The days from ``first`` to ``last``, both included, on which ``batch`` has class by plan, in order.

    ``holidays`` saves a query for each batch of a list: the set that `holidays_between` gave.
    """
    first = max(first, batch.starts_on)
    last = min(last, batch.ends_on or last)
    weekdays = {slot.weekday for slot in batch.slots}
    if first > last or not weekdays:
        return []
    if holidays is None:
        holidays = holidays_between(first, last)
    return [day for day in days_between(first, last) if day.weekday() in weekdays and day not in holidays]


def next_class(batch, after, *, holidays=None):
    """The first class of ``batch`` that has not ended at the moment ``after``, or None: one that goes on counts."""
    after = timezone.localtime(after)
    first = max(after.date(), batch.starts_on)
    for day in class_days(batch, first, first + _LOOK_AHEAD, holidays=holidays):
        for slot in batch.slots:
            is_over = day == after.date() and slot.ends_at <= after.time()
            if slot.weekday == day.weekday() and not is_over:
                return Class(day, slot)
    return None


class NextClass(NamedTuple):
    """The class that comes next among several batches."""

    batch: Batch
    day: datetime.date
    slot: Slot


def next_class_of(batches, after):
    """The first `NextClass` of ``batches`` (a list) that has not ended at the moment ``after``, or None. Two queries."""
    prefetch_related_objects(batches, "class_times")
    first = timezone.localdate(after)
    holidays = holidays_between(first, first + _LOOK_AHEAD) if batches else set()
    found = [NextClass(batch, *coming) for batch in batches if (coming := next_class(batch, after, holidays=holidays))]
    return min(found, key=lambda one: (one.day, one.slot.starts_at), default=None)
