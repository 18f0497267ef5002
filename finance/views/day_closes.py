from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from coachmaster.core.dates import FIRST_DAY, format_date
from coachmaster.core.exceptions import Conflict
from coachmaster.core.forms import add_errors
from coachmaster.core.money import display, plain
from coachmaster.core.views import form_page, list_page
from finance.exports import DAY_CLOSES
from finance.forms.day_book import DayBookFilter, DayCloseFilter, DayCloseForm
from finance.locks import closed_days
from finance.models import DayClose, Mode
from finance.reports.day_book import DayBook
from finance.services import day_closes


def day_close(request):
    """Close a day, one's own or that of ``?person=``."""
    today = timezone.localdate()
    filters = DayBookFilter(request.GET, today=today)
    on = filters.value("on") or today
    person = _person(request.user, filters.value("person"))
    back = f"{reverse('finance:day-book')}?on={on}"
    closed = closed_days(person).first()
    if request.method != "POST" and closed and closed >= on:
        messages.info(request, f"{format_date(on)} of {person} is closed.")
        return redirect(back)
    drawer = _drawer(person, on)
    form = DayCloseForm(
        request.POST or None, carried=drawer["carried"], available=drawer["expected"]
    )
    if form.is_valid():
        try:
            close = day_closes.close_day(person=person, on=on, by=request.user, **form.cleaned_data)
        except ValidationError as refusal:
            if isinstance(refusal, Conflict):
                form.data = {**form.data.dict(), "seen_cash": plain(drawer["expected"])}
            add_errors(form, refusal)
        else:
            messages.success(request, _closed_message(close, request.user))
            return redirect(back)
    is_own = person == request.user
    return form_page(
        request,
        form,
        title=f"Close day {format_date(on)}{'' if is_own else f' of {person}'}",
        template="finance/day_book/close.html",
        submit="Close my day" if is_own else "Close the day",
        back=back,
        back_label="Day book",
        context={"on": on, "person": person, "is_own": is_own, **drawer},
    )


def _person(user, other):
    """Return the person with the id ``other``, or the user."""
    if other in (None, user.pk):
        return user
    if not user.has_perm("finance.close_day_of_others"):
        raise PermissionDenied
    person = get_object_or_404(User.objects.visible_to(user), pk=other)
    if not day_closes.first_open_day(person, FIRST_DAY):
        raise Http404(f"{person} has received no payments.")
    return person


def _closed_message(close, user):
    whose = "" if close.person == user else f" of {close.person}"
    message = f"{format_date(close.closed_on)}{whose} closed"
    message += f" with {display(close.counted_cash)} in cash"
    if close.banked_cash:
        message += f", {display(close.banked_cash)} taken to the bank"
    if close.difference:
        message += f", a difference of {display(close.difference)}"
    return f"{message}."


def _drawer(person, on):
    """Return the cash of ``person`` before it is counted, as parts of a page."""
    total, carried = DayBook(on, person.pk).total, day_closes.carried_cash(person, on)
    expected = carried.amount + total.net_of(Mode.CASH)
    return {"carried": carried, "expected": expected, **_cash_lines(total)}


def _cash_lines(total):
    return {
        "received": total.amounts[Mode.CASH],
        "cancelled": total.cancelled[Mode.CASH],
        "refunded": total.refunded[Mode.CASH],
    }


def day_close_list(request):
    closes = DayClose.objects.visible_to(request.user)
    filters = DayCloseFilter(request.GET, closes=closes)
    closes = filters.apply(closes)
    return list_page(
        request,
        closes.select_related("person", "closed_by"),
        template="finance/day_book/closes.html",
        filters=filters,
        sorts={"day": ["closed_on", "person__full_name"], "bank": ["banked_cash"]},
        default_sort="-day",
        export=DAY_CLOSES,
        filename="day-closes",
        is_printed=True,
        context=closes.totals,
    )


def day_close_detail(request, pk):
    """Show a closed day, to be printed and signed."""
    closes = DayClose.objects.visible_to(request.user).select_related("person", "closed_by")
    close = get_object_or_404(closes, pk=pk)
    book = DayBook(close.closed_on, close.person_id)
    total = book.total
    return render(
        request,
        "finance/day_book/closed.html",
        {
            "close": close,
            "book": book,
            "total": total,
            "by_mode": zip(Mode.labels, total.cells(), strict=True),
            **_cash_lines(total),
            "payments": book.payments().select_related("student__user").order_by("pk"),
        },
    )
