from django.conf import settings
from django.shortcuts import render

from academics.models import Institute
from attendance.forms.shortage import ShortageFilter
from attendance.queries.shortage import (
    SHORTAGE_COLUMNS,
    SHORTAGE_SORTS,
    ShortageTotals,
    all_shortage_rows,
    enrollment_shortages,
    presences_for,
    shortage_rows,
)
from coachmaster.core.exports import export_format, export_response
from coachmaster.core.pagination import paginate_rows


def shortage_list(request):
    user, institute = request.user, Institute.objects.current()
    filters = ShortageFilter(request.GET, user=user, institute=institute)
    presences = filters.narrow(presences_for(user).needing_attention(institute))
    all_rows = enrollment_shortages(presences, institute)
    shown = filters.filter(all_rows)
    if form := export_format(request):
        ids = [row.pk for row in sorted(shown, key=SHORTAGE_SORTS["share"])]
        return export_response(
            "attendance-shortage",
            SHORTAGE_COLUMNS,
            all_shortage_rows(ids, institute),
            file_format=form,
        )
    page = paginate_rows(request, shown, SHORTAGE_SORTS, default="share")
    rows = shortage_rows([row.pk for row in page], institute)
    can_remind = user.has_perm("attendance.add_attendancereminder")
    return render(
        request,
        "attendance/shortage/list.html",
        {
            "filters": filters,
            "institute_settings": institute,
            "totals": ShortageTotals.of(all_rows),
            "page": page,
            "rows": rows,
            "can_remind": can_remind,
            "can_email": can_remind and settings.SENDS_MAIL and any(row.email for row in rows),
        },
    )
