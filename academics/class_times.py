"""Weekly class times as text: `Mon, Wed 17:00-18:30; Sat 09:00-11:00`."""

import datetime
import itertools
import re
from typing import NamedTuple

from django.core.exceptions import ValidationError

WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_HELP = "Write class times like “Mon, Wed, Fri 17:00-18:30; Sat 09:00-11:00”."
#: The code of the error for text that is not written as class times at all.
NOT_A_TIME = "not_a_class_time"
_PART = re.compile(
    r"(?P<days>[a-z][a-z,\s\-–]*?)\s+"
    r"(?P<starts>\d{1,2}[:.]\d{2})\s*(?:-|–|to)\s*(?P<ends>\d{1,2}[:.]\d{2})",
    re.IGNORECASE,
)


class Slot(NamedTuple):
    weekday: int
    starts_at: datetime.time
    ends_at: datetime.time


def _time(text):
    hours, minutes = re.split("[:.]", text)
    try:
        return datetime.time(int(hours), int(minutes))
    except ValueError as error:
        raise ValidationError(f"“{text}” is not a time of day. {_HELP}") from error


def _weekday(word):
    for number, name in enumerate(WEEKDAYS):
        if len(word) >= 3 and word.lower().startswith(name.lower()):
            return number
    raise ValidationError(f"“{word}” is not a day of the week. {_HELP}")


def _days(text):
    for part in re.split(r"[,\s]+", re.sub(r"\s*[-–]\s*", "-", text).strip(" ,")):
        first, _, last = part.partition("-")
        start, end = _weekday(first), _weekday(last or first)
        yield from range(start, end + 1) if start <= end else [*range(start, 7), *range(end + 1)]


def parse(text):
    """Return the slots in order; `Mon-Fri` is a range."""
    slots = set()
    for part in filter(None, (piece.strip() for piece in re.split(r"[;\n]", text))):
        match = _PART.fullmatch(part)
        if not match:
            raise ValidationError(f"“{part}” is not a class time. {_HELP}", code=NOT_A_TIME)
        starts_at, ends_at = _time(match["starts"]), _time(match["ends"])
        for weekday in _days(match["days"]):
            slots.add(Slot(weekday, starts_at, ends_at))
    return check(sorted(slots))


def check(slots):
    """Return ``slots``; raise ValidationError if one ends before it starts or two overlap."""
    for slot in slots:
        if slot.ends_at <= slot.starts_at:
            raise ValidationError(f"A class on {WEEKDAYS[slot.weekday]} must end after it starts.")
    for earlier, later in itertools.pairwise(slots):
        if earlier.weekday == later.weekday and later.starts_at < earlier.ends_at:
            raise ValidationError(f"Two classes on {WEEKDAYS[later.weekday]} overlap.")
    return slots


def _format_days(weekdays):
    if len(weekdays) >= 3 and weekdays == list(range(weekdays[0], weekdays[-1] + 1)):
        return f"{WEEKDAYS[weekdays[0]]}-{WEEKDAYS[weekdays[-1]]}"
    return ", ".join(WEEKDAYS[weekday] for weekday in weekdays)


def group_by_time(slots):
    """Return (weekdays, starts_at, ends_at) for each time of day."""
    groups: dict[tuple[datetime.time, datetime.time], list[int]] = {}
    for slot in sorted(slots):
        groups.setdefault((slot.starts_at, slot.ends_at), []).append(slot.weekday)
    return [(weekdays, *times) for times, weekdays in groups.items()]


def format_slots(slots):
    return "; ".join(
        f"{_format_days(weekdays)} {starts_at:%H:%M}-{ends_at:%H:%M}"
        for weekdays, starts_at, ends_at in group_by_time(slots)
    )
