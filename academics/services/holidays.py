import datetime
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction

from academics.models import Batch, Holiday
from coachmaster.core.dates import days_between

#: More days in one go are a typing error.
LONGEST_HOLIDAY = datetime.timedelta(days=120)


class HolidayResult(NamedTuple):
    """What adding holidays did: the days that are new, those that were holidays before, and sheets on the new ones."""

    new: list
    known: list
    sheets: int


@transaction.atomic
def add_holidays(*, name, first, last=None):
    """Make the days from ``first`` to ``last`` (left out: that one day) holidays; days that are holidays keep their name.

    Attendance that was taken on them stays. Raises ValidationError when the days are in the wrong order, too many, or
    all holidays already.
    """
    last = last or first
    check_holiday_range(first, last)
    standing = {
        holiday.day: holiday for holiday in Holiday.objects.filter(day__range=(first, last))
    }
    new = [day for day in days_between(first, last) if day not in standing]
    if not new:
        raise ValidationError({"first": f"There is a holiday already: {standing[first]}."})
    holidays = [Holiday(day=day, name=name) for day in new]
    for holiday in holidays:
        holiday.clean_fields()
    Holiday.objects.bulk_create(holidays, ignore_conflicts=True)
    return HolidayResult(new, sorted(standing), count_sheets_on(new))


def consecutive_days(holiday):
    """The days in a row that have the name of ``holiday``, itself among them, in order."""
    one = datetime.timedelta(days=1)
    around = (holiday.day - LONGEST_HOLIDAY, holiday.day + LONGEST_HOLIDAY)
    named = {row.day: row for row in Holiday.objects.filter(name=holiday.name, day__range=around)}
    first = last = holiday.day
    while first - one in named:
        first -= one
    while last + one in named:
        last += one
    return [named[day] for day in days_between(first, last)]


@transaction.atomic
def update_holidays(run, *, name, first, last=None):
    """Make the days of ``run`` (Holidays) those from ``first`` to ``last``, all with that name; returns HolidayResult.

    Attendance that was taken on them stays. Raises ValidationError as `add_holidays`, and when another holiday is there.
    """
    last = last or first
    check_holiday_range(first, last)
    Holiday(day=first, name=name).clean_fields()
    wanted = set(days_between(first, last))
    standing = {holiday.day: holiday.pk for holiday in run}
    other = Holiday.objects.filter(day__in=wanted).exclude(pk__in=standing.values()).first()
    if other:
        raise ValidationError({"first": f"There is a holiday already: {other}."})
    new = sorted(wanted - standing.keys())
    Holiday.objects.filter(
        pk__in=[pk for day, pk in standing.items() if day not in wanted]
    ).delete()
    Holiday.objects.filter(pk__in=standing.values()).update(name=name)
    Holiday.objects.bulk_create(Holiday(day=day, name=name) for day in new)
    return HolidayResult(new, [], count_sheets_on(new))


def check_holiday_range(first, last):
    """Raises ValidationError when the days are in the wrong order, or too many at once."""
    if last < first:
        raise ValidationError({"last": "The last day cannot be before the first."})
    if last - first >= LONGEST_HOLIDAY:
        raise ValidationError(
            {"last": f"At most {LONGEST_HOLIDAY.days} days at once. Check the year."}
        )


def count_sheets_on(days):
    """How many attendance sheets there are of ``days``."""
    return Batch.objects.filter(sheets__held_on__in=days).count()


def existing_sheets_message(number):
    """What a holiday over ``number`` sheets leaves as it is, as a sentence."""
    sheets = "1 attendance sheet" if number == 1 else f"{number} attendance sheets"
    return f"Attendance was taken already: {sheets} will be kept, and counted."
