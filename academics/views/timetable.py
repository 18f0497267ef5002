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
#: With more classes in a week, the page shows a single day, up to this number of classes.
MAX_CLASSES = 150


@dataclass
class WeekClass:
    scheduled: ScheduledClass
    #: Whether to link to the attendance sheet.
    has_sheet: bool
    is_marked: bool = False


@dataclass
class WeekDay:
    day: datetime.date
    holiday: str = ""
    #: Classes held, shown or not.
    number: int = 0
    classes: list[WeekClass] = field(default_factory=list)
    #: Classes not shown because there are too many.
    hidden: int = 0


def week(request):
    user, today = request.user, timezone.localdate()
    form = WeekForm(request.GET, today=today)
    first, last, selected = form.monday, form.sunday, form.day
    filters, classes = _filtered_classes(request, first, last)
    if len(classes) > MAX_CLASSES and not selected:
        selected = today if first <= today <= last else first
    numbers = Counter(scheduled.day for scheduled in classes if not scheduled.not_held_reason)
    holidays = dict(Holiday.objects.filter(day__range=(first, last)).values_list("day", "name"))
    days = {
        day: WeekDay(day, holidays.get(day, ""), numbers[day]) for day in days_between(first, last)
    }
    _add_classes(days, classes, user, today)
    return render(
        request,
        "academics/timetable/week.html",
        {
            "filters": filters,
            "days": [days[selected]] if selected else days.values(),
            "week": days.values() if selected else [],
            "selected": selected,
            "today": today,
            "monday": first,
            "sunday": last,
            "previous": first - _WEEK,
            "next": first + _WEEK,
            "is_this_week": first <= today <= last,
        },
    )


def _filtered_classes(request, first, last):
    if not sees_whole_institute(request.user):
        return None, personal_timetable(request.user, first, last).classes()
    batches = list(Batch.objects.running(first, last).for_timetable())
    filters = ClassFilter(request.GET, batches=batches)
    timetable = Timetable(filters.narrow(batches), first, last)
    return filters, filters.filter(timetable.classes())


def _add_classes(days, classes, user, today):
    marks = user.has_perm("attendance.add_sheet")
    marks_all = marks and sees_whole_institute(user)
    shown = []
    for scheduled in classes:
        day = days[scheduled.day]
        if len(day.classes) < MAX_CLASSES:
            own = marks and scheduled.batch.instructor_id == user.pk
            item = WeekClass(scheduled, marks_all or own)
            day.classes.append(item)
            shown.append(item)
        else:
            day.hidden += 1
    if marks and shown:
        _add_sheets(shown, today)


def _add_sheets(items, today):
    batches = {item.scheduled.batch.pk for item in items}
    marked = set(_marked_days(batches, items[0].scheduled.day, items[-1].scheduled.day))
    for item in items:
        scheduled = item.scheduled
        item.is_marked = (scheduled.batch.pk, scheduled.day) in marked
        can_mark = item.is_marked or not scheduled.not_held_reason
        item.has_sheet = item.has_sheet and scheduled.day <= today and can_mark


def _marked_days(batches, first, last):
    """Return (batch id, day) of attendance sheets."""
    marked = Batch.objects.filter(
        pk__in=batches, sheets__held_on__range=(first, last), sheets__is_open=False
    )
    return marked.order_by().values_list("pk", "sheets__held_on")


@login_not_required
@require_safe
def calendar_feed(request, pk, token):
    """Serve classes to a phone, which has the token of the link and no session."""
    person = calendar_links.link_owner(pk, token)
    if person is None or not person.has_perm("academics.view_batch"):
        raise Http404
    # 0.1 s and 10 MB, which no other page needs.
    from academics.ical import class_feed

    feed = class_feed(person, timezone.localdate(), institute=Institute.objects.cached())
    response = HttpResponse(feed, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="classes.ics"'
    response["ETag"] = f'"{hashlib.sha256(feed).hexdigest()[:32]}"'
    patch_cache_control(response, private=True, max_age=900)
    return get_conditional_response(request, etag=response["ETag"], response=response)
