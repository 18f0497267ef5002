import datetime

from django.db.models import Q
from django.shortcuts import render
from django.utils import timezone

from coachmaster.core.dates import LAST_DAY
from coachmaster.core.exports import export_format, export_response
from coachmaster.core.pagination import paginate
from finance.forms.day_book import DayBookFilter
from finance.models import DayClose, Mode
from finance.reports.day_book import COLUMNS, DayBook

DAY = datetime.timedelta(days=1)


def day_book(request):
    today = timezone.localdate()
    filters = DayBookFilter(request.GET, today=today)
    book = DayBook(filters.value("on") or today, filters.value("person"))
    if form := export_format(request):
        return export_response(f"day-book-{book.on}", COLUMNS, book.entries(), file_format=form)
    filters.set_people(book.people)
    # A later close counts too: it closes all days before it.
    people = [request.user.pk, *(person for person, _ in book.people)]
    closes = (
        DayClose.objects.filter(Q(closed_on=book.on) | Q(person__in=people, closed_on__gt=book.on))
        .select_related("person", "closed_by")
        .order_by("closed_on", "closed_at")
    )
    closed = {close.person_id for close in closes}
    return render(
        request,
        "finance/day_book/report.html",
        {
            "filters": filters,
            "book": book,
            "total": book.total,
            "modes": Mode.labels,
            "payments": _receipts_page(request, book),
            "closes": [close for close in closes if close.closed_on == book.on],
            "closed": closed,
            "may_close": book.on <= today and request.user.pk not in closed,
            "may_close_others": book.on <= today
            and request.user.has_perms(["finance.add_dayclose", "finance.close_day_of_others"]),
            "before": book.on - DAY,
            "after": book.on + DAY if book.on < min(today, LAST_DAY) else None,
        },
    )


def _receipts_page(request, book):
    payments = book.payments().select_related(
        "student__user", "received_by", "reversal", "clearing"
    )
    return paginate(
        request,
        payments,
        {"receipt": ["pk"]},
        default="receipt",
        total=book.total.receipts,
        is_printed=True,
    )
