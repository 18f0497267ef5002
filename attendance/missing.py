"""Registers not taken: expected classes that are over, of which there is no sheet. And the mail that reminds of them."""

import datetime
from collections import Counter
from functools import cache
from itertools import groupby
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import DateField, Exists, OuterRef, Q, Value
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, Enrollment, Institute
from accounts import mails
from accounts.models import User
from accounts.scopes import scope_of
from coachmaster.ground.prepared import Prepared
from coachmaster.ground.tables import Column, Kind

from .models import RegisterReminder, Sheet

#: No list reaches further back, however long instructors may correct.
MOST_DAYS = 31


class Missing(NamedTuple):
    """One batch on one day without a sheet, or with one that students checked in to and nobody saved."""

    day: datetime.date
    batch_id: int
    batch: str
    instructor_id: int | None
    instructor: str | None


#: The list as a file.
COLUMNS = [
    Column("Day", Kind.DAY, lambda row: row.day),
    Column("Batch", Kind.TEXT, lambda row: row.batch),
    Column("Instructor", Kind.TEXT, lambda row: row.instructor),
]


def days_back():
    """How many days before today are looked at: those that instructors may still take, at most `MOST_DAYS`."""
    return min(Institute.objects.for_page_heads().attendance_edit_days, MOST_DAYS)


def missing(now, *, days, instructor=None):
    """A `Missing` for each class that should have a sheet at the moment ``now``, newest first; of one ``instructor`` (a key), or of
    all batches.

    Of today once a class has ended, and of ``days`` days before. Holidays, classes called off, and days on which nobody
    was enrolled are not missing. One query, however many batches and days.
    """
    now = timezone.localtime(now)
    values = {f"day_{number}": now.date() - datetime.timedelta(number) for number in range(days + 1)}
    if instructor:
        values["instructor"] = instructor
    found = _of_days(days, instructor is not None)(time=now.time(), **values)
    return sorted(map(Missing._make, found), key=lambda row: (-row.day.toordinal(), row.batch, row.batch_id))


def to_see_to(user, *, days=None):
    """The `Missing` that ``user`` has to see to now, so many days back (None: `days_back`): of all batches for staff, of
    those they teach for others."""
    days = days_back() if days is None else days
    return missing(timezone.now(), days=days, instructor=scope_of(user))


@cache
def _of_days(days, of_one_instructor):
    """The question for so many days back: every dashboard asks it, and it is long."""

    def build(time, day_0, instructor=None, **earlier):
        batches = Batch.objects.filter(instructor=instructor) if of_one_instructor else Batch.objects.all()
        found = [_of_day(batches, day, of_one_instructor) for day in earlier.values()]
        return _of_day(batches, day_0, of_one_instructor, ended_by=time).union(*found, all=True)

    return Prepared(build)


def _of_day(batches, day, are_few, ended_by=None):
    taken = Sheet.objects.filter(held_on=day, is_open=False)
    # Of all batches by the sheets of the day, which are read at once; of a few by the sheet of each.
    is_taken = Exists(taken.filter(batch=OuterRef("pk"))) if are_few else Q(pk__in=taken.values("batch"))
    without = batches.filter(~is_taken).with_class_on(day, ended_by=ended_by)
    without = without.filter(Exists(Enrollment.objects.on_roll(day).filter(batch=OuterRef("pk"))))
    return without.order_by().values_list(
        Value(day, output_field=DateField()), "pk", "name", "instructor", "instructor__full_name"
    )


def by_instructor(rows):
    """``(instructor's id, name, number)`` of `Missing` rows, the most first; nobody is (None, None, …)."""
    counted = Counter((row.instructor_id, row.instructor) for row in rows)
    return [(*who, number) for who, number in sorted(counted.items(), key=lambda of: (-of[1], of[0][1] or ""))]


# The reminder ----------------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """What became of the reminder of one instructor: ``outcome`` is mailed, told, failed or unreachable."""

    instructor: User
    rows: list
    outcome: str


def remind(now, *, dry_run=False):
    """Mail each active instructor the list of their registers that are missing, once a day. Returns a `Told` for each.

    With ``dry_run`` nothing is mailed nor kept, and the outcome is what it would be.
    """
    rows = [row for row in missing(now, days=days_back()) if row.instructor_id]
    rows.sort(key=lambda row: (row.instructor_id, row.day, row.batch))
    people = User.objects.filter(is_active=True).in_bulk({row.instructor_id for row in rows})
    today = timezone.localdate(now)
    told_today = set(RegisterReminder.objects.filter(sent_on=today).values_list("instructor", flat=True))
    found = []
    for key, own in groupby(rows, key=lambda row: row.instructor_id):
        if person := people.get(key):
            own = list(own)
            if key in told_today:
                outcome = "told"
            elif not person.email:
                outcome = "unreachable"
            else:
                outcome = "mailed" if dry_run else _mail(person, own, today)
            found.append(Told(person, own, outcome))
    return sorted(found, key=lambda told: (told.instructor.full_name, told.instructor.pk))


def _mail(person, rows, today):
    """Mail one instructor unless somebody does so at this moment; the outcome."""
    try:
        with transaction.atomic():
            kept = RegisterReminder.objects.create(instructor=person, sent_on=today, registers=len(rows))
    except IntegrityError:
        return "told"
    links = [(row, settings.SITE_URL + reverse("attendance:sheet", args=[row.batch_id, row.day])) for row in rows]
    number = f"{len(rows)} register{'s' if len(rows) > 1 else ''}"
    message = mails.compose("attendance/mail/registers", f"{number} to take", person.email, user=person, links=links)
    if mails.send(message):
        return "mailed"
    kept.delete()
    return "failed"
