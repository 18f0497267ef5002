"""The week's classes, and the calendar for phones: fetch, decide, render."""

import datetime
import hashlib
from collections import Counter
from dataclasses import dataclass, field

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.http import require_safe

from academics.forms.timetable import ClassFilter, WeekForm
from academics.models import Batch, Holiday, Institute
from academics.personal_timetable import personal_timetable
from academics.timetable import ScheduledClass, Timetable
from accounts.roles import sees_whole_institute
from accounts.services import calendar_links
from coachmaster.core.dates import days_between

_WEEK = datetime.timedelta(days=7)
#: More classes than a person can read, or a phone load: then one day at a time, and of that the first so many.
MOST_CLASSES = 150


@dataclass
class WeekClass:
    """One class on the page."""

    one: ScheduledClass
    #: Whether its sheet is for who looks to take, and whether it exists.
    has_sheet: bool
    is_taken: bool


@dataclass
class WeekDay:
    """One day of the week on the page."""

    day: datetime.date
    holiday: str = ""
    #: How many classes are held, shown or not.
    number: int = 0
    classes: list[WeekClass] = field(default_factory=list)
    #: How many are not among ``classes``, being too many.
    left_out: int = 0


def week(request):
    user, today = request.user, timezone.localdate()
    asked = WeekForm(request.GET, today=today)
    first, last, shown = asked.monday, asked.sunday, asked.day
    if sees_whole_institute(user):
        batches = list(Batch.objects.running(first, last).for_timetable())
        filters = ClassFilter(request.GET, batches=batches)
        classes = filters.filter(Timetable(filters.narrow(batches), first, last).classes())
    else:
        filters = None
        classes = personal_timetable(user, first, last).classes()
    if len(classes) > MOST_CLASSES and not shown:
        shown = today if first <= today <= last else first
    numbers = Counter(one.day for one in classes if not one.not_held_reason)
    holidays = dict(Holiday.objects.filter(day__range=(first, last)).values_list("day", "name"))
    days = {
        day: WeekDay(day, holidays.get(day, ""), numbers[day]) for day in days_between(first, last)
    }
    _fill(days, classes, user, today)
    return render(
        request,
        "academics/timetable/week.html",
        {
            "filters": filters,
            "days": [days[shown]] if shown else days.values(),
            "week": days.values() if shown else [],
            "shown": shown,
            "today": today,
            "monday": first,
            "sunday": last,
            "previous": first - _WEEK,
            "next": first + _WEEK,
            "is_this_week": first <= today <= last,
        },
    )


def _fill(days, classes, user, today):
    """Put the first of ``classes`` on their ``days``, as ``user`` sees them."""
    keeps_sheets = user.has_perm("attendance.add_sheet")
    keeps_all = keeps_sheets and sees_whole_institute(user)
    found = []
    for one in classes:
        day = days[one.day]
        if len(day.classes) < MOST_CLASSES:
            card = WeekClass(
                one, keeps_all or (keeps_sheets and one.batch.instructor_id == user.pk), False
            )
            day.classes.append(card)
            found.append(card)
        else:
            day.left_out += 1
    if not (keeps_sheets and found):
        return
    shown = {card.one.batch.pk for card in found}
    taken = set(_taken(shown, found[0].one.day, found[-1].one.day))
    for card in found:
        one = card.one
        card.is_taken = (one.batch.pk, one.day) in taken
        card.has_sheet = (
            card.has_sheet and one.day <= today and (card.is_taken or not one.not_held_reason)
        )


def _taken(batches, first, last):
    """Return batch and day of each attendance sheet; `sheets` are the attendance app's rows."""
    sheets = Batch.objects.filter(
        pk__in=batches, sheets__held_on__range=(first, last), sheets__is_open=False
    )
    return sheets.order_by().values_list("pk", "sheets__held_on")


@login_not_required
@require_safe
def calendar_feed(request, pk, token):
    """Serve a person's classes to a phone, which has the token of the link and no session."""
    person = calendar_links.link_owner(pk, token)
    if person is None:
        raise Http404
    # 0.1 s and 10 MB, which no other page needs.
    from academics.ical import class_feed

    feed = class_feed(person, timezone.localdate(), institute=Institute.objects.cached())
    response = HttpResponse(feed, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="classes.ics"'
    response["ETag"] = f'"{hashlib.sha256(feed).hexdigest()[:32]}"'
    patch_cache_control(response, private=True, max_age=900)
    return get_conditional_response(request, etag=response["ETag"], response=response)
