"""The timetable of batches: which classes stand on which days.

Weekly class times within the dates of the batch, less holidays, with single classes cancelled, moved or added. Everything
that asks whether there is a class on a day asks here, or `BatchQuerySet.as_of`, which lets the database answer the same.
Days and clock times are the institute's; a day with two classes is one class day.
"""

import datetime
import enum
import itertools
from collections import defaultdict, namedtuple
from typing import NamedTuple

from django.db.models import BigIntegerField, CharField, DateField, F, IntegerField, Q, TimeField, Value
from django.db.models.functions import Cast
from django.utils import timezone

from coachmaster.ground.prepared import Prepared

from .class_times import Slot
from .models import Batch, ClassChange, ClassTime, Holiday, days_between

#: How far ahead the next class is looked for; a break is never longer.
LOOK_AHEAD = datetime.timedelta(days=366)


class Class(NamedTuple):
    """One class of a batch on one day."""

    batch: Batch
    day: datetime.date
    slot: Slot
    room: str
    #: The change that took it out or put it in, if any.
    change: ClassChange | None = None
    is_taken_out: bool = False
    #: The name of the holiday it falls on, or "".
    holiday: str = ""

    @property
    def off(self):
        """Why it is not held: `Cancelled: fever`, `Moved to Tue 2 Jun, 18:00: fever`, `Holiday: Diwali`; or ""."""
        if self.is_taken_out and self.change:
            return self.change.words_there
        return f"Holiday: {self.holiday}" if self.holiday else ""

    @property
    def instructor(self):
        """Who teaches it; None while nobody does."""
        return self.batch.instructor

    @property
    def note(self):
        """What is unusual about it, as words, or ""."""
        return self.off or (self.change.words_here if self.change else "")


class _Kind(enum.IntEnum):
    """What a row of `_rows` is."""

    WEEKLY, CHANGE, HOLIDAY = range(3)


_COLUMNS = {
    "kind": IntegerField,
    "batch": BigIntegerField,
    "weekday": IntegerField,
    "pk": BigIntegerField,
    "day": DateField,
    "starts_at": TimeField,
    "ends_at": TimeField,
    "to_day": DateField,
    "to_starts_at": TimeField,
    "to_ends_at": TimeField,
    "room": CharField,
    "reason": CharField,
}
_Row = namedtuple("_Row", _COLUMNS)  # type: ignore[misc]


def _rows(ids, first, last):
    """Changes, weekly classes and holidays as `_Row`s, by one query: the pages that ask have few to spend."""
    weekdays = [day.weekday() for day in itertools.islice(days_between(first, last), 7)]
    # Beyond some number of batches it is quicker to read those of all.
    found = _read(batches=ids if len(ids) <= 500 else None, weekdays=weekdays, first=first, last=last)
    return map(_Row._make, found)


@Prepared
def _read(*, batches, weekdays, first, last):
    """The rows; a column that a table does not have is None, and of a holiday the reason is its name."""
    of_these = Q() if batches is None else Q(batch__in=batches)

    def read(rows, kind, *own, **renamed):
        columns = {"kind": Value(kind), **{name: F(name) for name in own}, **renamed}
        values = [Cast(columns.get(name, Value(None)), of()) for name, of in _COLUMNS.items()]
        return rows.order_by().values_list(*values)

    changes = ClassChange.objects.filter(of_these).touching(first, last)
    weekly = ClassTime.objects.filter(of_these, weekday__in=weekdays)
    holidays = Holiday.objects.filter(day__range=(first, last))
    return read(changes, _Kind.CHANGE, "batch", *list(_COLUMNS)[3:]).union(
        read(weekly, _Kind.WEEKLY, "batch", "weekday", "starts_at", "ends_at"),
        read(holidays, _Kind.HOLIDAY, "day", reason=F("name")),
        all=True,
    )


class Timetable:
    """The classes of ``batches`` (loaded) from ``first`` to ``last``, both included. One query, however many batches."""

    def __init__(self, batches, first, last):
        self.batches, self.first, self.last = list(batches), first, last
        self.holidays = {}
        self._weekly, self._out, self._in = defaultdict(list), {}, defaultdict(list)
        if self.batches and first <= last:
            self._read()

    def _read(self):
        batches = {batch.pk: batch for batch in self.batches}
        for row in _rows(list(batches), self.first, self.last):
            if row.kind == _Kind.HOLIDAY:
                self.holidays[row.day] = row.reason
            elif row.kind == _Kind.WEEKLY:
                self._weekly[row.batch, row.weekday].append(Slot(row.weekday, row.starts_at, row.ends_at))
            elif batch := batches.get(row.batch):
                values = row._asdict()
                change = ClassChange(**{name: values[name] for name in list(_COLUMNS)[3:]}, batch=batch)
                if change.day:
                    self._out[row.batch, change.day, change.starts_at] = change
                if change.to_day:
                    self._in[row.batch, change.to_day].append(change)

    def all_on(self, batch, day):
        """Every class of ``batch`` on that day by time, those that are not held too."""
        if not batch.is_running(day) or not self.first <= day <= self.last:
            return []
        holiday = self.holidays.get(day, "")
        found = []
        for slot in self._weekly.get((batch.pk, day.weekday()), ()):
            change = self._out.get((batch.pk, day, slot.starts_at))
            if change is None or not change.keeps_its_start:
                found.append(Class(batch, day, slot, batch.room, change, change is not None, holiday))
        for change in self._in.get((batch.pk, day), ()):
            slot = Slot(day.weekday(), change.to_starts_at, change.to_ends_at)
            found.append(Class(batch, day, slot, change.room or batch.room, change, False, holiday))
        return sorted(found, key=lambda one: (one.slot, one.is_taken_out))

    def at(self, batch, day, starts_at):
        """The class of ``batch`` that begins at that time and was not called off, or None. It may fall on a holiday."""
        standing = (one for one in self.all_on(batch, day) if not one.is_taken_out)
        return next((one for one in standing if one.slot.starts_at == starts_at), None)

    def on(self, batch, day):
        """The classes of ``batch`` that are held on that day, by time."""
        return [one for one in self.all_on(batch, day) if not one.off]

    def held(self, batch, first=None, last=None):
        """Every class of ``batch`` that is held, one after the other; from ``first`` to ``last`` where these are given."""
        first = max(self.first, batch.starts_on, first or self.first)
        last = min(self.last, batch.ends_on or self.last, last or self.last)
        return (one for day in days_between(first, last) for one in self.on(batch, day))

    def next_class(self, batch, after):
        """The first class of ``batch`` that has not ended at the moment ``after``, or None: one that goes on counts."""
        after = timezone.localtime(after)
        coming = self.held(batch, after.date())
        return next((one for one in coming if one.day > after.date() or one.slot.ends_at > after.time()), None)

    def days(self, number=None):
        """Its days, or the first ``number`` of them."""
        return itertools.islice(days_between(self.first, self.last), number)

    def class_days(self, batch, first=None, last=None):
        """The days on which ``batch`` has class, in order, within the bounds of `held`."""
        return list(dict.fromkeys(one.day for one in self.held(batch, first, last)))

    def classes(self):
        """Every class of all batches, those that are not held too, by day and time."""
        found = [
            one
            for day in days_between(self.first, self.last)
            for batch in self.batches
            for one in self.all_on(batch, day)
        ]
        return sorted(found, key=lambda one: (one.day, one.slot, one.batch.name, one.batch.pk))


def expected(batches, first, last):
    """Every `Class` of ``batches`` that is held from ``first`` to ``last``, both included, by day and time."""
    return [one for one in Timetable(batches, first, last).classes() if not one.off]


def class_days(batch, first, last):
    """The days from ``first`` to ``last``, both included, on which ``batch`` has class by plan, in order."""
    return Timetable([batch], first, last).class_days(batch)


def next_class(batch, after):
    """The first `Class` of ``batch`` that has not ended at the moment ``after``, or None: one that goes on counts."""
    return next_class_of([batch], after)


def next_class_of(batches, after):
    """The first `Class` of ``batches`` (loaded) that has not ended at the moment ``after``, or None. One query."""
    if not batches:
        return None
    today = timezone.localdate(after)
    first = max(today, min(batch.starts_on for batch in batches))
    timetable = Timetable(batches, first, first + LOOK_AHEAD)
    coming = filter(None, (timetable.next_class(batch, after) for batch in timetable.batches))
    return min(coming, key=lambda one: (one.day, one.slot), default=None)
