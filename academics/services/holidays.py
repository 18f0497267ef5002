import datetime
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction

from academics.models import Batch, Holiday
from coachmaster.core.dates import days_between

#: A longer holiday is probably a typing error.
LONGEST_HOLIDAY = datetime.timedelta(days=120)


class HolidayResult(NamedTuple):
    """Days added, days that were holidays before, attendance sheets on added days."""

    added: list
    existing: list
    sheets: int


@transaction.atomic
def add_holidays(*, name, first, last=None):
    """Add holidays; existing holidays and attendance are not changed."""
    last = last or first
    check_holiday_range(first, last)
    existing = {
        holiday.day: holiday for holiday in Holiday.objects.filter(day__range=(first, last))
    }
    added = [day for day in days_between(first, last) if day not in existing]
    if not added:
        raise ValidationError({"first": f"There is already a holiday: {existing[first]}."})
    holidays = [Holiday(day=day, name=name) for day in added]
    for holiday in holidays:
        holiday.clean_fields()
    Holiday.objects.bulk_create(holidays, ignore_conflicts=True)
    return HolidayResult(added, sorted(existing), count_sheets_on(added))


def consecutive_days(holiday):
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
def update_holidays(holidays, *, name, first, last=None):
    """Replace ``holidays`` by other days or another name."""
    last = last or first
    check_holiday_range(first, last)
    Holiday(day=first, name=name).clean_fields()
    wanted = set(days_between(first, last))
    stored = {holiday.day: holiday.pk for holiday in holidays}
    other = Holiday.objects.filter(day__in=wanted).exclude(pk__in=stored.values()).first()
    if other:
        raise ValidationError({"first": f"There is already a holiday: {other}."})
    added = sorted(wanted - stored.keys())
    removed = [pk for day, pk in stored.items() if day not in wanted]
    Holiday.objects.filter(pk__in=removed).delete()
    Holiday.objects.filter(pk__in=stored.values()).update(name=name)
    Holiday.objects.bulk_create(Holiday(day=day, name=name) for day in added)
    return HolidayResult(added, [], count_sheets_on(added))


def check_holiday_range(first, last):
    if last < first:
        raise ValidationError({"last": "The last day cannot be before the first."})
    if last - first >= LONGEST_HOLIDAY:
        raise ValidationError(
            {"last": f"At most {LONGEST_HOLIDAY.days} days at once. Check the year."}
        )


def count_sheets_on(days):
    return Batch.objects.filter(sheets__held_on__in=days).count()


def existing_sheets_message(number):
    if number == 1:
        return "Attendance was already marked: 1 attendance sheet is kept and counted."
    return f"Attendance was already marked: {number} attendance sheets are kept and counted."
