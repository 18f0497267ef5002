from django.shortcuts import render
from django.utils import timezone

from attendance.forms.registers import RegisterRangeForm
from attendance.forms.student_attendance import MonthForm
from attendance.queries import registers
from attendance.queries.registers import register_batch_or_404, register_columns
from attendance.services.sheets import first_editable_day
from coachmaster.core.dates import month_end, months_between
from coachmaster.core.exports import export_format, export_response


def register(request, pk):
    batch = register_batch_or_404(request.user, pk)
    today = timezone.localdate()
    last = min(batch.ends_on or today, today)
    months = MonthForm(request.GET, months=months_between(min(batch.starts_on, last), last))
    form = RegisterRangeForm(
        request.GET, first=months.first, last=min(last, month_end(months.first))
    )
    first, last = form.range
    found = registers.batch_register(batch, first, min(last, today))
    if file := export_format(request):
        name = f"attendance-{batch.code or batch.pk}-{first}-{last}"
        return export_response(name, register_columns(found), found.rows, file_format=file)
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
            "overall_tally": batch.overall_tally,
            "first_editable_day": first_editable_day(request.user, today),
            "today_is_open": batch.is_running(today),
        },
    )
