"""A person's classes as iCalendar (RFC 5545), for the calendar on their phone."""

import datetime

from django.conf import settings
from django.utils import timezone

from .own_timetable import own_timetable

#: What the feed reaches back and ahead.
BACK, AHEAD = datetime.timedelta(weeks=4), datetime.timedelta(weeks=12)
_ONE_DAY = datetime.timedelta(days=1)


def calendar_of(person, today, *, institute):
    """The iCalendar text of what ``person`` teaches or attends around ``today``, with the institute's holidays.

    The same on every call of a day while nothing changes. Three queries.
    """
    timetable = own_timetable(person, today - BACK, today + AHEAD)
    stamp = f"{today:%Y%m%d}T000000Z"
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//CoachMaster//Classes//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_text(institute.name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        *_zone(timetable.first, timetable.last),
    ]
    for one in timetable.classes():
        if not (
            one.is_taken_out and one.change.to_day
        ):  # a moved class stands once, where it is held
            lines += _class(one, stamp, institute)
    for day, name in sorted(timetable.holidays.items()):
        lines += _holiday(day, name, stamp)
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _class(one, stamp, institute):
    place = ", ".join(filter(None, [one.room, institute.name]))
    said = [one.batch.course.name, str(one.instructor or ""), one.note]
    return [
        "BEGIN:VEVENT",
        f"UID:{_key(one)}@{_host()}",
        f"DTSTAMP:{stamp}",
        _local("DTSTART", one.day, one.slot.starts_at),
        _local("DTEND", one.day, one.slot.ends_at),
        f"SUMMARY:{_text(f'Cancelled: {one.batch}' if one.off else str(one.batch))}",
        f"LOCATION:{_text(place)}",
        f"DESCRIPTION:{_text(chr(10).join(filter(None, said)))}",
        f"URL:{settings.SITE_URL}{one.batch.get_absolute_url()}",
        f"STATUS:{'CANCELLED' if one.off else 'CONFIRMED'}",
        "END:VEVENT",
    ]


def _key(one):
    """What names a class for good: where it was planned, so that one that moves is the same event on the phone."""
    change = one.change
    if change and change.is_extra:
        return f"extra-{change.pk}"
    day, starts_at = (change.day, change.starts_at) if change else (one.day, one.slot.starts_at)
    return f"class-{one.batch.pk}-{day:%Y%m%d}-{starts_at:%H%M}"


def _holiday(day, name, stamp):
    return [
        "BEGIN:VEVENT",
        f"UID:holiday-{day:%Y%m%d}@{_host()}",
        f"DTSTAMP:{stamp}",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
        f"DTEND;VALUE=DATE:{day + _ONE_DAY:%Y%m%d}",
        f"SUMMARY:{_text(f'Holiday: {name}')}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _host():
    return settings.SITE_URL.partition("://")[2]


def _local(name, day, time):
    return f"{name};TZID={settings.TIME_ZONE}:{day:%Y%m%d}T{time:%H%M%S}"


def _zone(first, last):
    """The institute's time zone over these days: one observance, and one more for each change of the clocks."""
    zone = timezone.get_default_timezone()

    def offset(day):
        return datetime.datetime.combine(day, datetime.time(12), zone).strftime("%z")

    lines, before, day = ["BEGIN:VTIMEZONE", f"TZID:{settings.TIME_ZONE}"], offset(first), first
    while day <= last:
        if day == first or offset(day) != before:
            lines += [
                "BEGIN:STANDARD",
                f"DTSTART:{day:%Y%m%d}T000000",
                f"TZOFFSETFROM:{before}",
                f"TZOFFSETTO:{offset(day)}",
                "END:STANDARD",
            ]
            before = offset(day)
        day += _ONE_DAY
    return [*lines, "END:VTIMEZONE"]


def _text(words):
    """Text as a value: backslash, semicolon, comma and line breaks are written with a backslash."""
    words = words.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return words.replace("\r\n", "\n").replace("\n", "\\n")


def _folded(line):
    """A line of at most 75 octets, continued on lines that begin with a space; no character is torn."""
    parts, length = [""], 0
    for character in line:
        size = len(character.encode())
        if length + size > 75:
            parts.append(" ")
            length = 1
        parts[-1] += character
        length += size
    return "\r\n".join(parts)
