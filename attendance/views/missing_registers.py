from django.shortcuts import render

from accounts.roles import sees_whole_institute
from attendance.forms.missing_registers import MissingRegisterFilter
from attendance.queries.missing_registers import (
    MAX_DAYS,
    MISSING_REGISTER_COLUMNS,
    count_by_instructor,
    days_back,
    missing_registers_for,
)
from coachmaster.core.exports import requested_export
from coachmaster.core.pagination import paginate_rows


def missing_list(request):
    sees_all, usual_days = sees_whole_institute(request.user), days_back()
    days = MAX_DAYS if sees_all and request.GET.get("back") == "most" else usual_days
    rows = missing_registers_for(request.user, days=days)
    choices = {
        "by_instructor": count_by_instructor(rows),
        "days": usual_days,
        "most_days": MAX_DAYS,
    }
    filters = MissingRegisterFilter(request.GET, **choices) if sees_all else None
    shown = filters.filter(rows) if filters else rows
    if file := requested_export(request, "missing-registers", MISSING_REGISTER_COLUMNS, shown):
        return file
    return render(
        request,
        "attendance/missing_registers/list.html",
        {
            "filters": filters,
            "days": days,
            "missing": paginate_rows(request, shown),
            "total": len(rows),
        },
    )
