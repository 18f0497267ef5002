"""The week's classes, and the calendar for phones: fetch, decide, render."""

import datetime
import hashlib
from dataclasses import dataclass, field

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.http import require_safe

from accounts import calendar_links
from accounts.roles import sees_whole_institute

from . import feed, schedule
from .calendar import Class
from .forms import ClassFilter, WeekForm
from .models import Batch, Institute

_WEEK = datetime.timedelta(days=7)
#: More classes than a person can read, or a phone load: then one day at a time, and of that the first so many.
MOST_CLASSES = 250


@dataclass
class Card:
    """One class on the page."""

    one: Class
    #: Whether its sheet is for who looks to take, and whether it exists.
    has_sheet: bool
    is_taken: bool


@dataclass
class Day:
    """One day of the week on the page."""

    day: datetime.date
    holiday: str = ""
    classes: list[Card] = field(default_factory=list)
    #: How many classes there are; more than ``classes`` when they are too many to show.
    number: int = 0

    @property
    def left_out(self):
        """How many classes are not shown."""
        return self.number - len(self.classes)


def week(request):
    user, today = request.user, timezone.localdate()
    asked = WeekForm(request.GET, today=today)
    timetable = schedule.timetable_of(user, asked.monday, asked.sunday)
    classes, filters = timetable.classes(), None
    if sees_whole_institute(user):
        filters = ClassFilter(request.GET, batches=timetable.batches)
        classes = filters.filter(classes)
    shown = asked.day
    if not shown and len(classes) > MOST_CLASSES:
        shown = today if asked.monday <= today <= asked.sunday else asked.monday
    days = _days(timetable, classes, user, today)
    return render(
        request,
        "academics/week.html",
        {
            "filters": filters,
            "days": [day for day in days if shown in (None, day.day)],
            "week": days if shown else [],
            "shown": shown,
            "today": today,
            "monday": asked.monday,
            "sunday": asked.sunday,
            "previous": asked.monday - _WEEK,
            "next": asked.monday + _WEEK,
            "is_this_week": asked.monday <= today <= asked.sunday,
        },
    )


def _days(timetable, classes, user, today):
    """The `Day`s of the week with their classes, as ``user`` sees them."""
    days = {day: Day(day, timetable.holidays.get(day, "")) for day in timetable.days()}
    keeps_sheets = user.has_perm("attendance.add_sheet")
    keeps_all = keeps_sheets and sees_whole_institute(user)
    taken = _taken(timetable) if keeps_sheets else set()
    for one in classes:
        day = days[one.day]
        day.number += 1
        if day.number <= MOST_CLASSES:
            is_theirs = keeps_all or (keeps_sheets and one.batch.instructor_id == user.pk)
            is_taken = (one.batch.pk, one.day) in taken
            day.classes.append(Card(one, is_theirs and one.day <= today and (is_taken or not one.off), is_taken))
    return list(days.values())


def _taken(timetable):
    """``{(batch id, day)}`` with an attendance sheet; `sheets` are the attendance app's rows. One query."""
    sheets = Batch.objects.filter(
        pk__in=[batch.pk for batch in timetable.batches],
        sheets__held_on__range=(timetable.first, timetable.last),
        sheets__is_open=False,
    )
    return set(sheets.values_list("pk", "sheets__held_on"))


@login_not_required
@require_safe
def calendar_feed(request, pk, token):
    """A person's classes for the calendar on their phone: who has the link reads it, signed in or not."""
    person = calendar_links.find(pk, token)
    if person is None:
        raise Http404
    text = feed.calendar_of(person, timezone.localdate(), institute=Institute.objects.for_page_heads())
    response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="classes.ics"'
    response["ETag"] = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    patch_cache_control(response, private=True, max_age=900)
    return get_conditional_response(request, etag=response["ETag"], response=response)
