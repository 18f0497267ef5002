import datetime

from django.shortcuts import render
from django.utils import timezone

from attendance.exports import CLASS_DAY_COLUMNS
from attendance.forms.days import ClassDayFilter
from attendance.queries.days import ClassDay, classes_on
from coachmaster.core.exports import export_format, export_response
from coachmaster.core.pagination import paginate_rows
from coachmaster.core.querysets import restricted_id


def day(request):
    today = timezone.localdate()
    filters = ClassDayFilter(request.GET, today=today)
    on, show = filters.day, filters.value("show")
    classes = classes_on(on, restricted_id(request.user))
    shown = [row for row in classes if not show or row.is_marked == (show == "taken")]
    if form := export_format(request):
        return export_response(
            f"classes-of-{on}-{today}", CLASS_DAY_COLUMNS, shown, file_format=form
        )
    return render(
        request,
        "attendance/days/list.html",
        {
            "filters": filters,
            "on": on,
            "today": today,
            "show": show,
            "classes": paginate_rows(request, shown, {"time": ClassDay.by_time}, default="time"),
            "marked": sum(row.is_marked for row in classes),
            "total": len(classes),
            "previous": on - datetime.timedelta(days=1),
            "next": on + datetime.timedelta(days=1),
        },
    )
