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
from coachmaster.core.views import form_page
from finance.forms.day_book import DayBookFilter, DayCloseForm
from finance.models import DayClose, Mode
from finance.reports.day_book import COLUMNS, DayBook
from finance.services import day_closes

DAY = datetime.timedelta(days=1)


def day_book(request):
    today = timezone.localdate()
    filters = DayBookFilter(request.GET, today=today)
    book = DayBook(filters.value("on") or today, filters.value("person"))
    if form := export_format(request):
        return export_response(f"day-book-{book.on}", COLUMNS, book.entries(), file_format=form)
    filters.set_people(book.people)
    total = book.total
    # Your own later close counts too: it closes all days before it.
    closes = (
        DayClose.objects.filter(
            Q(closed_on=book.on) | Q(person=request.user, closed_on__gt=book.on)
        )
        .select_related("person")
        .order_by("closed_on", "closed_at")
    )
    is_closed = any(close.person_id == request.user.pk for close in closes)
    return render(
        request,
        "finance/day_book/report.html",
        {
            "filters": filters,
            "book": book,
            "total": total,
            "modes": Mode.labels,
            "payments": paginate(
                request,
                book.payments().select_related("student__user", "received_by", "reversal"),
                {"receipt": ["pk"]},
                default="receipt",
                total=total.receipts,
            ),
            "closes": [close for close in closes if close.closed_on == book.on],
            "may_close": book.on <= today and not is_closed,
            "before": book.on - DAY,
            "after": book.on + DAY if book.on < min(today, LAST_DAY) else None,
        },
    )


def day_close(request):
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
            message = f"{format_date(on)} closed with {display(close.counted_cash)} in cash"
            if close.difference:
                message += f", a difference of {display(close.difference)}"
            messages.success(request, f"{message}.")
            return redirect(back)
    return form_page(
        request,
        form,
        title=f"Close day {format_date(on)}",
        template="finance/day_book/close.html",
        submit="Close my day",
        back=back,
        back_label="Day book",
        context={"on": on, "expected": day_closes.expected_cash(request.user, on)},
    )
