from django.conf import settings
from django.shortcuts import render

from coachmaster.core.chunks import in_chunks
from coachmaster.core.exports import export_format, export_response
from finance.forms.dues import DuesFilter
from finance.reports.dues import COLUMNS
from finance.services.late_fees import prepared_late_fees


def dues(request):
    filters = DuesFilter(request.GET, user=request.user)
    dues = filters.dues
    results = filters.apply(dues)
    if form := export_format(request):
        chunks = in_chunks(results.ids(), 500)
        rows = (debtor for ids in chunks for debtor in dues.debtors(ids))
        return export_response(f"dues-{dues.on}", COLUMNS, rows, file_format=form)
    page = results.page(request)
    debtors = dues.debtors(page)
    may_remind = request.user.has_perm("finance.add_feereminder") and not dues.is_past
    return render(
        request,
        "finance/dues/list.html",
        {
            "filters": filters,
            "dues": dues,
            "totals": results.totals,
            "listing": page,
            "debtors": debtors,
            "prepared_late_fees": prepared_late_fees(request.user),
            "may_remind": may_remind,
            "may_email": may_remind
            and settings.SENDS_MAIL
            and any(debtor.can_be_emailed for debtor in debtors),
        },
    )
