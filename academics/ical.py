"""Classes as an iCalendar feed for phones."""

import datetime
import functools

from django.conf import settings
from django.utils import timezone
from icalendar import Calendar, Event, Timezone, vDuration

from .personal_timetable import personal_timetable

WEEKS_BACK, WEEKS_AHEAD = datetime.timedelta(weeks=4), datetime.timedelta(weeks=12)
REFRESH_INTERVAL = datetime.timedelta(hours=1)
_ONE_DAY = datetime.timedelta(days=1)


def class_feed(person, today, *, institute):
    """Return the feed as bytes, the same for a whole day while nothing changes."""
    timetable = personal_timetable(person, today - WEEKS_BACK, today + WEEKS_AHEAD)
    stamp = datetime.datetime.combine(today, datetime.time(), datetime.UTC)
    calendar = _empty_calendar(institute)
    calendar.add_component(
        _timezone(settings.TIME_ZONE, timetable.first, timetable.last + _ONE_DAY)
    )
    for scheduled in timetable.classes():
        # A moved class is listed only on the day it was moved to.
        if not (scheduled.is_called_off and scheduled.change.to_day):
            calendar.add_component(_class_event(scheduled, stamp, institute))
    for day, name in sorted(timetable.holidays.items()):
        calendar.add_component(_holiday_event(day, name, stamp))
    return calendar.to_ical()


def _empty_calendar(institute):
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//CoachMaster//Classes//EN")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", institute.name)
    # The same interval for RFC 7986 and for Outlook.
    calendar.add("refresh-interval", REFRESH_INTERVAL, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH_INTERVAL))
    return calendar


# Searching a zone for changes of its clocks takes 10 ms; the dates change once a day.
@functools.lru_cache(maxsize=2)
def _timezone(name, first, last):
    return Timezone.from_tzid(name, first_date=first, last_date=last)


def _class_event(scheduled, stamp, institute):
    batch = scheduled.batch
    details = [batch.course.name, str(scheduled.instructor or ""), scheduled.note]
    event = Event()
    event.add("uid", f"{_class_uid(scheduled)}@{_host()}")
    event.add("dtstamp", stamp)
    event.add("dtstart", _local(scheduled.day, scheduled.slot.starts_at))
    event.add("dtend", _local(scheduled.day, scheduled.slot.ends_at))
    event.add("summary", f"Cancelled: {batch}" if scheduled.not_held_reason else str(batch))
    event.add("location", ", ".join(filter(None, [scheduled.room, institute.name])))
    event.add("description", "\n".join(filter(None, details)))
    event.add("url", f"{settings.SITE_URL}{batch.get_absolute_url()}")
    event.add("status", "CANCELLED" if scheduled.not_held_reason else "CONFIRMED")
    return event


def _class_uid(scheduled):
    """Return an id that stays the same when a class is moved."""
    change = scheduled.change
    if change and change.is_extra:
        return f"extra-{change.pk}"
    day, starts_at = scheduled.day, scheduled.slot.starts_at
    if change:
        day, starts_at = change.day, change.starts_at
    return f"class-{scheduled.batch.pk}-{day:%Y%m%d}-{starts_at:%H%M}"


def _holiday_event(day, name, stamp):
    event = Event()
    event.add("uid", f"holiday-{day:%Y%m%d}@{_host()}")
    event.add("dtstamp", stamp)
    event.add("dtstart", day)
    event.add("dtend", day + _ONE_DAY)
    event.add("summary", f"Holiday: {name}")
    event.add("transp", "TRANSPARENT")
    return event


def _host():
    return settings.SITE_URL.partition("://")[2]


def _local(day, time):
    return datetime.datetime.combine(day, time, timezone.get_default_timezone())
