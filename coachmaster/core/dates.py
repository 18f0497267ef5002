"""Dates: one field with bounds that every database and every time zone can hold, and the Indian financial year."""

import datetime
from calendar import month_abbr

from django.core.exceptions import ValidationError

# Read once: the calendar's own lists are written anew for each look.
MONTHS = list(month_abbr)

# Year 1 and year 9999 fall out of range as soon as a time zone touches them, and then no page can read the row.
FIRST_DAY = datetime.date(1900, 1, 1)

LAST_DAY = datetime.date(2100, 1, 1)


def validate_date(value):
    """Raises ValidationError when ``value`` is not between 1900 and 2100."""
    if not FIRST_DAY <= value <= LAST_DAY:
        raise ValidationError("Enter a date between 1900 and 2100.")


def format_date(day):
    """A date as sentences name it: `24 Nov 2026`."""
    return f"{day.day} {MONTHS[day.month]} {day.year}"


def financial_year(day):
    """The year in which the financial year of ``day`` begins: April to March (Income-tax Act, section 2(9) and 3)."""
    return day.year if day.month >= 4 else day.year - 1


def financial_year_label(start):
    """A financial year as receipts write it: 2026 → `26-27`."""
    return f"{start % 100:02d}-{(start + 1) % 100:02d}"


def month_start(day):
    """The first day of the month of ``day``."""
    return day.replace(day=1)


def month_end(day):
    """The last day of the month of ``day``."""
    return month_start(month_start(day) + datetime.timedelta(days=31)) - datetime.timedelta(days=1)


def months_later(day, months):
    """The same day of a month so many months later, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    first = datetime.date(year, month + 1, 1)
    return first.replace(day=min(day.day, month_end(first).day))


def months_between(first, last):
    """The first days of the months from that of ``first`` to that of ``last``, the newest first."""
    months = [month_start(last)]
    while months[-1] > first:
        months.append(month_start(months[-1] - datetime.timedelta(days=1)))
    return months


def days_between(first, last):
    """Iterate over the days from ``first`` to ``last``, both included."""
    return (first + datetime.timedelta(days=number) for number in range((last - first).days + 1))
