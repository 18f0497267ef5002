"""The pages of the day book: one day's entries, and closing one's own day."""

import datetime

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from coachmaster.core.dates import LAST_DAY, format_date
from coachmaster.core.exports import export_format, export_response
from coachmaster.core.forms import add_errors
from coachmaster.core.money import display
from coachmaster.core.pagination import paginate
from finance.forms.day_book import DayBookFilter, DayCloseForm
from finance.models import DayClose, Mode
from finance.reports.day_book import COLUMNS, DayBook
from finance.services import day_closes
from finance.services.day_closes import expected_cash

DAY = datetime.timedelta(days=1)


def day_book(request):
    """The entries of a day; with ``?as=csv`` or ``?as=xlsx`` as a file."""
    today = timezone.localdate()
    filters = DayBookFilter(request.GET, today=today)
    book = DayBook(filters.value("on") or today, filters.value("person"))
    if form := export_format(request):
        return export_response(f"day-book-{book.on}", COLUMNS, book.entries(), file_format=form)
    filters.show(book.people)
    in_all = book.total
    closes = DayClose.objects.filter(
        Q(closed_on=book.on) | Q(person=request.user, closed_on__gt=book.on)
    )
    closes = closes.select_related("person").order_by("closed_on", "closed_at")
    return render(
        request,
        "finance/day_book/report.html",
        {
            "filters": filters,
            "book": book,
            "in_all": in_all,
            "modes": Mode.labels,
            "payments": paginate(
                request,
                book.payments().select_related("student__user", "received_by", "reversal"),
                {"receipt": ["pk"]},
                default="receipt",
                total=in_all.receipts,
            ),
            "closes": [close for close in closes if close.closed_on == book.on],
            "may_close": book.on <= today
            and not any(close.person_id == request.user.pk for close in closes),
            "before": book.on - DAY,
            "after": book.on + DAY if book.on < min(today, LAST_DAY) else None,
        },
    )


def day_close(request):
    """Count one's own cash of a day and close it."""
    today = timezone.localdate()
    on = DayBookFilter(request.GET, today=today).value("on") or today
    form = DayCloseForm(request.POST or None)
    back = f"{reverse('finance:day-book')}?on={on}"
    if form.is_valid():
        try:
            close = day_closes.close_day(person=request.user, on=on, **form.cleaned_data)
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            difference = f", {display(close.difference)} off the book" if close.difference else ""
            messages.success(
                request,
                f"{format_date(on)} is closed with {display(close.counted_cash)} in cash{difference}.",
            )
            return redirect(back)
    return render(
        request,
        "finance/day_book/close.html",
        {
            "form": form,
            "on": on,
            "by_book": expected_cash(request.user, on),
            "heading": f"Close {format_date(on)}",
            "submit": "Close my day",
            "back": back,
            "back_label": "Day book",
        },
    )
