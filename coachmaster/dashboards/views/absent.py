"""Who is absent on a day: each child once, with all that there is to talk about when the desk calls."""

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.models import student_or_404
from accounts.views.reminders import open_whatsapp
from attendance.models import Mark
from attendance.services.reminders import tell_of_absence
from coachmaster.core.exports import table_answer
from coachmaster.core.pagination import listing
from coachmaster.dashboards.exports import ABSENT_COLUMNS, ABSENT_FEES_COLUMN
from coachmaster.dashboards.forms.absent import AbsentFilter
from coachmaster.dashboards.queries.absent import Absences, absent_on


def absent(request):
    """Who is absent; with ``?as=csv`` or ``?as=xlsx`` the same list as a file."""
    user, today = request.user, timezone.localdate()
    shows_fees = user.has_perm("finance.view_account")
    filters = AbsentFilter(request.GET, today=today, shows_fees=shows_fees)
    absences = Absences(user, filters.day, shows_fees=shows_fees)
    if request.GET.get("as") in ("csv", "xlsx"):
        rows = absences.all_children(absences.students(filters).order_by("user__full_name", "pk"))
        columns = [*ABSENT_COLUMNS, ABSENT_FEES_COLUMN] if shows_fees else ABSENT_COLUMNS
        return table_answer(f"absent-{filters.day}", columns, rows, form=request.GET["as"])
    page = listing(
        request, absences.students(filters), {"name": ["user__full_name"]}, default="name"
    )
    return render(
        request,
        "dashboards/absent/list.html",
        {
            "filters": filters,
            "on": filters.day,
            "today": today,
            "listing": page,
            "children": absences.children(list(page)),
            "shows_fees": shows_fees,
            "may_remind": user.has_perm("attendance.add_reminder"),
        },
    )


@require_POST
def remind(request, pk, day):
    """One tap: it is written down that the family is told, and WhatsApp opens with the text."""
    student = student_or_404(request.user, pk)
    marks = absent_on(Mark.objects.visible_to(request.user), day).filter(student=student)
    marks = marks.select_related("sheet__batch").order_by("sheet__batch__name", "pk")
    return open_whatsapp(
        request,
        lambda **again: tell_of_absence(student, day, marks, by=request.user, **again),
        back=f"{reverse('dashboards:absent')}?on={day}",
        otherwise=f"{student} was not absent that day, or has no mobile number. Nobody was told.",
    )
