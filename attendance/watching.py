"""Who is slipping: fetch, decide, render."""

from django.shortcuts import render

from academics.models import Institute
from accounts.roles import sees_whole_institute
from coachmaster.ground.listing import listing
from coachmaster.ground.tables import table_answer

from . import shortage
from .models import Presence


def shortage_list(request):
    """Who is short, on the edge, or has stayed away; with ``?as=csv`` or ``?as=xlsx`` the same list as a file."""
    user, institute = request.user, Institute.objects.for_page_heads()
    filters = shortage.ShortageFilter(
        request.GET,
        batches=shortage.batches_of(user),
        institute=institute,
        by_instructor=sees_whole_institute(user),
    )
    presences = filters.narrow(shortage.presences_of(user).watched(institute))
    found = shortage.sorted_by(presences.filter(filters.kinds))
    if request.GET.get("as") in ("csv", "xlsx"):
        rows = shortage.all_watched(found.order_by("share", "pk"), institute)
        return table_answer("attendance-shortage", shortage.COLUMNS, rows, form=request.GET["as"])
    totals = shortage.totals(presences, filters.kinds)
    page = listing(request, found, shortage.SORTS, default="share", rows=shortage.with_people(Presence.objects.all()),
                   total=totals.listed)  # fmt: skip
    return render(
        request,
        "attendance/shortage.html",
        {
            "filters": filters,
            "institute_settings": institute,
            "totals": totals,
            "listing": page,
            "rows": shortage.watched(list(page), institute),
        },
    )
