import datetime
from calendar import month_abbr

from django.core.exceptions import ValidationError

# A plain list, since `month_abbr` formats a date on each access.
MONTHS = list(month_abbr)

# Years 1 and 9999 overflow in some time zones, and then pages cannot read the row.
FIRST_DAY = datetime.date(1900, 1, 1)
LAST_DAY = datetime.date(2100, 1, 1)


def validate_date(value):
    if not FIRST_DAY <= value <= LAST_DAY:
        raise ValidationError("Enter a date between 1900 and 2100.")


def format_date(day):
    """Return a date like `24 Nov 2026`."""
    return f"{day.day} {MONTHS[day.month]} {day.year}"


def format_near_date(day, today):
    """Return `24 Nov`, with the year if it is another one than that of ``today``."""
    return f"{day.day} {MONTHS[day.month]}" if day.year == today.year else format_date(day)


def financial_year(day):
    """Return the year in which the financial year (April to March) starts."""
    return day.year if day.month >= 4 else day.year - 1


def financial_year_label(start):
    """Return `26-27` for 2026."""
    return f"{start % 100:02d}-{(start + 1) % 100:02d}"


def month_start(day):
    return day.replace(day=1)


def month_end(day):
    return month_start(month_start(day) + datetime.timedelta(days=31)) - datetime.timedelta(days=1)


def months_later(day, months):
    """Return the same day of a later month, or its last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    first = datetime.date(year, month + 1, 1)
    return first.replace(day=min(day.day, month_end(first).day))


def months_between(first, last):
    """Return the first days of the months, newest first."""
    months = [month_start(last)]
    while months[-1] > first:
        months.append(month_start(months[-1] - datetime.timedelta(days=1)))
    return months


def days_between(first, last):
    """Iterate over the days, both included."""
    return (first + datetime.timedelta(days=number) for number in range((last - first).days + 1))
