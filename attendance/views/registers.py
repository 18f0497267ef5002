from django.shortcuts import render
from django.utils import timezone

from accounts.roles import sees_whole_institute
from attendance.forms.registers import MissingFilter, RegisterForm
from attendance.forms.student_attendance import MonthForm
from attendance.queries import registers
from attendance.queries.missing_registers import COLUMNS, MOST_DAYS, days_back, to_see_to
from attendance.queries.registers import batch_of_register, register_columns
from attendance.services.register_reminders import by_instructor
from attendance.services.sheets import first_open_day
from coachmaster.core.dates import month_end, months_between
from coachmaster.core.exports import asked_form, list_file, table_answer
from coachmaster.core.pagination import paginate_rows


def register(request, pk):
    """A month, or the days of `?from=&to=`; with `?as=csv` or `?as=xlsx` as a file."""
    batch = batch_of_register(request.user, pk)
    today = timezone.localdate()
    last = min(batch.ends_on or today, today)
    months = MonthForm(request.GET, months=months_between(min(batch.starts_on, last), last))
    form = RegisterForm(request.GET, first=months.first, last=min(last, month_end(months.first)))
    first, last = form.range
    found = registers.register(batch, first, min(last, today))
    if file := asked_form(request):
        name = f"attendance-{batch.code or batch.pk}-{first}-{last}"
        return table_answer(name, register_columns(found), found.rows, form=file)
    return render(
        request,
        "attendance/registers/month.html",
        {
            "batch": batch,
            "months": months,
            "form": form,
            "asks_range": bool(request.GET.get("from") or request.GET.get("to")),
            "first": first,
            "last": last,
            "today": today,
            "register": found,
            "since_it_began": batch.since_it_began,
            "first_open_day": first_open_day(request.user, today),
            "today_is_open": batch.is_running(today),
        },
    )


def missing_list(request):
    sees_all, usual = sees_whole_institute(request.user), days_back()
    days = MOST_DAYS if sees_all and request.GET.get("back") == "most" else usual
    rows = to_see_to(request.user, days=days)
    choices = {"by_instructor": by_instructor(rows), "days": usual, "most_days": MOST_DAYS}
    filters = MissingFilter(request.GET, **choices) if sees_all else None
    shown = filters.filter(rows) if filters else rows
    if file := list_file(request, "registers-not-taken", COLUMNS, shown):
        return file
    return render(
        request,
        "attendance/missing_registers/list.html",
        {
            "filters": filters,
            "days": days,
            "missing": paginate_rows(request, shown),
            "in_all": len(rows),
        },
    )
