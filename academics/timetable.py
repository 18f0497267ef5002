"""Which classes batches have on which days."""

import datetime
import itertools
from collections import defaultdict
from operator import attrgetter
from typing import NamedTuple

from django.utils import timezone

from coachmaster.core.compiled import compiled
from coachmaster.core.dates import days_between

from .class_times import Slot
from .models import Batch, ClassChange, ClassTime, Holiday

#: How far ahead to look for the next class.
LOOK_AHEAD = datetime.timedelta(days=366)
#: Above this number, class times of all batches are read instead of naming each batch.
MANY_BATCHES = 500


class ScheduledClass(NamedTuple):
    batch: Batch
    day: datetime.date
    slot: Slot
    room: str
    change: ClassChange | None = None
    #: Whether ``change`` cancels it or moves it away.
    is_called_off: bool = False
    #: Name of the holiday on this day, or "".
    holiday: str = ""

    @property
    def not_held_reason(self):
        """`Cancelled: fever`, `Moved to Tue 2 Jun, 18:00: fever`, `Holiday: Diwali` or ""."""
        if self.is_called_off and self.change:
            return self.change.called_off_note
        return f"Holiday: {self.holiday}" if self.holiday else ""

    @property
    def instructor(self):
        return self.batch.instructor

    @property
    def note(self):
        return self.not_held_reason or (self.change.held_note if self.change else "")


# Asked on every sheet, dashboard and batch page. Compiled: 0.1 ms instead of 0.4.
@compiled
def _weekly_times(*, batches, weekdays):
    times = ClassTime.objects.filter(weekday__in=weekdays)
    if batches is not None:
        times = times.filter(batch__in=batches)
    return times.order_by().values_list("batch", "weekday", "starts_at", "ends_at")


# Compiled: 0.1 ms instead of 0.5.
@compiled
def _changes(*, batches, first, last):
    changes = ClassChange.objects.touching(first, last).order_by()
    return changes if batches is None else changes.filter(batch__in=batches)


# Compiled: 0.06 ms instead of 0.22.
@compiled
def _holidays(*, first, last):
    return Holiday.objects.filter(day__range=(first, last)).values_list("day", "name")


class DaySchedule(NamedTuple):
    #: All classes, held or not.
    classes: list[ScheduledClass]
    #: Name of the holiday, or "".
    holiday: str
    #: The first change that cancels a class or moves it away.
    called_off: ClassChange | None

    @property
    def is_planned(self):
        """Whether a class is left after changes, even on a holiday."""
        return any(not scheduled.is_called_off for scheduled in self.classes)

    @property
    def first_at(self):
        return next(
            (scheduled.slot.starts_at for scheduled in self.classes if not scheduled.is_called_off),
            None,
        )


class Timetable:
    """The classes of a list of batches in a period, loaded by three queries."""

    def __init__(self, batches, first, last):
        self.batches, self.first, self.last = list(batches), first, last
        self.holidays = {}
        self._weekly = defaultdict(list)
        self._called_off = defaultdict(dict)
        self._added = defaultdict(list)
        if self.batches and first <= last:
            self._load()

    def _load(self):
        batches = {batch.pk: batch for batch in self.batches}
        ids = list(batches) if len(batches) <= MANY_BATCHES else None
        weekdays = [day.weekday() for day in self.days(7)]
        for pk, weekday, starts_at, ends_at in _weekly_times(batches=ids, weekdays=weekdays):
            self._weekly[pk].append(Slot(weekday, starts_at, ends_at))
        for change in _changes(batches=ids, first=self.first, last=self.last):
            if batch := batches.get(change.batch_id):
                change.batch = batch
                if change.day:
                    self._called_off[batch.pk, change.day][change.starts_at] = change
                if change.to_day:
                    self._added[batch.pk, change.to_day].append(change)
        self.holidays = dict(_holidays(first=self.first, last=self.last))

    def all_on(self, batch, day):
        """Return all classes by time, held or not."""
        if not batch.is_running(day) or not self.first <= day <= self.last:
            return []
        pk, weekday, holiday = batch.pk, day.weekday(), self.holidays.get(day, "")
        changes = self._called_off.get((pk, day), {})
        found = []
        for slot in self._weekly.get(pk, ()):
            if slot.weekday != weekday:
                continue
            change = changes.get(slot.starts_at)
            if change is None or not change.keeps_start:
                is_off = change is not None
                found.append(ScheduledClass(batch, day, slot, batch.room, change, is_off, holiday))
        for change in self._added.get((pk, day), ()):
            slot = Slot(weekday, change.to_starts_at, change.to_ends_at)
            room = change.room or batch.room
            found.append(ScheduledClass(batch, day, slot, room, change, False, holiday))
        if len(found) > 1:
            found.sort(key=lambda scheduled: (scheduled.slot, scheduled.is_called_off))
        return found

    def schedule(self, batch, day):
        changes = self._called_off.get((batch.pk, day))
        called_off = changes[min(changes)] if changes else None
        return DaySchedule(self.all_on(batch, day), self.holidays.get(day, ""), called_off)

    def at(self, batch, day, starts_at):
        """Return the class that begins at that time, even on a holiday, or None."""
        left = (scheduled for scheduled in self.all_on(batch, day) if not scheduled.is_called_off)
        return next(
            (scheduled for scheduled in left if scheduled.slot.starts_at == starts_at), None
        )

    def on(self, batch, day):
        return [scheduled for scheduled in self.all_on(batch, day) if not scheduled.not_held_reason]

    def held(self, batch, first=None, last=None):
        first = max(self.first, batch.starts_on, first or self.first)
        last = min(self.last, batch.ends_on or self.last, last or self.last)
        return (scheduled for day in days_between(first, last) for scheduled in self.on(batch, day))

    def next_class(self, batch, after):
        """Return the first class that ends after the datetime ``after``, or None."""
        after = timezone.localtime(after)
        coming = self.held(batch, after.date())
        return next(
            (
                scheduled
                for scheduled in coming
                if scheduled.day > after.date() or scheduled.slot.ends_at > after.time()
            ),
            None,
        )

    def days(self, number=None):
        return itertools.islice(days_between(self.first, self.last), number)

    def class_days(self, batch, first=None, last=None):
        return list(dict.fromkeys(scheduled.day for scheduled in self.held(batch, first, last)))

    def classes(self):
        """Return all classes by day and time, held or not."""
        batches = sorted(self.batches, key=lambda batch: (batch.name, batch.pk))
        found = []
        for day in self.days():
            found += sorted(
                (scheduled for batch in batches for scheduled in self.all_on(batch, day)),
                key=attrgetter("slot"),
            )
        return found


def candidate_days(batches, first, last):
    """Return (batch id, day) wherever there may be class, also where cancelled or over."""
    days, holidays = defaultdict(list), dict(_holidays(first=first, last=last))
    for day in days_between(first, last):
        if day not in holidays:
            days[day.weekday()].append(day)
    weekly = (
        ClassTime.objects.filter(batch__in=batches.order_by())
        .order_by()
        .values_list("batch", "weekday")
    )
    found = {(batch, day) for batch, weekday in weekly for day in days[weekday]}
    added = (
        (change.batch_id, change.to_day)
        for change in _changes(batches=None, first=first, last=last)
    )
    return found.union(
        (batch, day) for batch, day in added if day and first <= day <= last and day not in holidays
    )


def class_days(batch, first, last):
    return Timetable([batch], first, last).class_days(batch)


def next_class(batch, after):
    return earliest_class([batch], after)


def earliest_class(batches, after):
    if not batches:
        return None
    today = timezone.localdate(after)
    first = max(today, min(batch.starts_on for batch in batches))
    timetable = Timetable(batches, first, first + LOOK_AHEAD)
    coming = filter(None, (timetable.next_class(batch, after) for batch in timetable.batches))
    return min(coming, key=lambda scheduled: (scheduled.day, scheduled.slot), default=None)
