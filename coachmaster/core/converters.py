"""URL converters."""

import datetime

from .dates import FIRST_DAY, LAST_DAY


class TimeConverter:
    """`1730`."""

    regex = r"[0-2]\d[0-5]\d"

    def to_python(self, value):
        return datetime.time(int(value[:2]), int(value[2:]))

    def to_url(self, time):
        return f"{time:%H%M}"


class DateConverter:
    """`2026-11-24`, between 1900 and 2100."""

    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, value):
        day = datetime.date.fromisoformat(value)
        if not FIRST_DAY <= day <= LAST_DAY:
            raise ValueError(value)
        return day

    def to_url(self, day):
        return day.isoformat()
