"""Dues: who owes, since when, how to reach them, and what they were told."""

from django.shortcuts import render

from coachmaster.ground.listing import listing
from coachmaster.ground.tables import table_answer

from .dues import COLUMNS
from .dues_forms import DuesFilter

SORTS = {"owed": ["owed"], "overdue": ["overdue"], "name": ["student__user__full_name"]}


def dues(request):
    """Who owes; with ``?as=csv`` or ``?as=xlsx`` the same list as a file."""
    filters = DuesFilter(request.GET)
    dues = filters.dues
    accounts = filters.filter(dues)
    if request.GET.get("as") in ("csv", "xlsx"):
        rows = dues.all_debtors(accounts.order_by("-owed", "pk"))
        return table_answer(f"dues-{dues.on}", COLUMNS, rows, form=request.GET["as"])
    owed = dues.totals(accounts)
    page = listing(
        request, dues.with_contacts(dues.with_overdue(accounts)), SORTS, default="-owed", total=owed.students
    )
    return render(
        request,
        "finance/dues.html",
        {"filters": filters, "dues": dues, "owed": owed, "listing": page, "debtors": dues.debtors(list(page))},
    )
