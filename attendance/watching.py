"""Who is slipping: fetch, decide, render."""

from django.conf import settings
from django.shortcuts import render

from academics.models import Institute
from coachmaster.core.exports import asked_form, table_answer
from coachmaster.core.pagination import listing_of

from . import shortage


def shortage_list(request):
    """Who is short, on the edge, or has stayed away; with ``?as=csv`` or ``?as=xlsx`` the same list as a file."""
    user, institute = request.user, Institute.objects.current()
    filters = shortage.ShortageFilter(request.GET, user=user, institute=institute)
    presences = filters.narrow(shortage.presences_of(user).slipping(institute))
    found = shortage.judged(presences, institute)
    shown = filters.filter(found)
    if form := asked_form(request):
        ids = [row.pk for row in sorted(shown, key=shortage.SORTS["share"])]
        return table_answer("attendance-shortage", shortage.COLUMNS, shortage.all_watched(ids, institute), form=form)
    page = listing_of(request, shown, shortage.SORTS, default="share")
    rows = shortage.watched([row.pk for row in page], institute)
    may_remind = user.has_perm("attendance.add_reminder")
    return render(
        request,
        "attendance/shortage.html",
        {
            "filters": filters,
            "institute_settings": institute,
            "totals": shortage.Totals.of(found),
            "listing": page,
            "rows": rows,
            "may_remind": may_remind,
            "may_mail": may_remind and settings.SENDS_MAIL and any(row.student.email_to_write_to for row in rows),
        },
    )
