from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.models import student_or_404
from accounts.views.reminders import open_whatsapp
from attendance.models import Mark
from attendance.services.reminders import record_absence_notice
from coachmaster.core.exports import export_format, export_response
from coachmaster.core.pagination import all_rows, paginate
from coachmaster.dashboards.exports import ABSENT_COLUMNS, ABSENT_FEES_COLUMN
from coachmaster.dashboards.forms.absent import AbsentFilter
from coachmaster.dashboards.queries.absent import Absences, absent_on

SORTS = {"name": ["user__full_name"]}


def absent(request):
    user, today = request.user, timezone.localdate()
    shows_fees = user.has_perm("finance.view_account")
    filters = AbsentFilter(request.GET, today=today, shows_fees=shows_fees)
    absences = Absences(user, filters.day, shows_fees=shows_fees)
    profiles = absences.profiles(filters)
    if file_format := export_format(request):
        rows = all_rows(request, profiles, SORTS, default="name", as_rows=absences.load)
        columns = [*ABSENT_COLUMNS, ABSENT_FEES_COLUMN] if shows_fees else ABSENT_COLUMNS
        return export_response(f"absent-{filters.day}", columns, rows, file_format=file_format)
    page = paginate(request, profiles, SORTS, default="name")
    return render(
        request,
        "dashboards/absent/list.html",
        {
            "filters": filters,
            "on": filters.day,
            "today": today,
            "listing": page,
            "rows": absences.load(list(page)),
            "shows_fees": shows_fees,
            "may_remind": user.has_perm("attendance.add_attendancereminder"),
        },
    )


@require_POST
def remind(request, pk, day):
    """Record a reminder about an absence and open WhatsApp with its text."""
    student = student_or_404(request.user, pk)
    marks = absent_on(Mark.objects.visible_to(request.user), day).filter(student=student)
    marks = marks.select_related("sheet__batch").order_by("sheet__batch__name", "pk")
    return open_whatsapp(
        request,
        lambda **again: record_absence_notice(student, day, marks, by=request.user, **again),
        back=f"{reverse('dashboards:absent')}?on={day}",
        otherwise=(
            f"{student} was not absent on that day, or has no mobile number. No reminder was sent."
        ),
    )
