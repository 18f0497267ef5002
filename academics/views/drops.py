from django.db.models import Count
from django.urls import reverse

from academics.exports import DROP_COLUMNS
from academics.forms.drops import DropFilter
from academics.models import DropReason, Enrollment
from coachmaster.core import charts
from coachmaster.core.money import grouped
from coachmaster.core.querysets import restricted_id
from coachmaster.core.views import list_page

#: Bars of the chart by course.
MAX_BARS = 8


def drop_list(request):
    """List the students who were dropped, with their reasons counted."""
    filters = DropFilter(request.GET, user_id=restricted_id(request.user))
    dropped = filters.apply(Enrollment.objects.visible_to(request.user).dropped())
    by_reason = dropped.order_by().values_list("drop_reason").annotate(number=Count("pk"))
    reasons = list(by_reason.order_by("-number", "drop_reason"))
    return list_page(
        request,
        dropped.select_related("student__user", "batch__course"),
        template="academics/drops/list.html",
        filters=filters,
        sorts={
            "left": ["ended_on"],
            "name": ["student__user__full_name"],
            "reason": ["drop_reason", "-ended_on"],
        },
        default_sort="-left",
        export=DROP_COLUMNS,
        filename="dropped-students",
        total=sum(number for _, number in reasons),
        ids_first=True,
        context=lambda: {
            "reasons": _reason_chart(request, reasons),
            "courses": _course_chart(request, dropped),
        },
    )


def _reason_chart(request, reasons):
    bars = [(DropReason(reason).label, number, "reason", reason) for reason, number in reasons]
    return _chart(request, "Reason", bars)


def _course_chart(request, dropped):
    rows = dropped.order_by().values_list("batch__course__name", "batch__course")
    rows = rows.annotate(number=Count("pk")).order_by("-number", "batch__course__name")
    bars = [(name, number, "course", course) for name, course, number in rows[:MAX_BARS]]
    return _chart(request, "Course", bars)


def _chart(request, heading, rows):
    bars = []
    for label, number, name, value in rows:
        query = request.GET.copy()
        query[name] = value
        query.pop("page", None)
        url = f"{reverse('academics:drop-list')}?{query.urlencode()}"
        bars.append((label, number, grouped(number), url))
    return charts.bar_chart(f"Dropped students by {heading.lower()}", heading, bars)
