from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from coachmaster.core.dates import format_date
from coachmaster.core.forms import add_errors
from coachmaster.core.money import ZERO, display, short
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE
from coachmaster.core.text import plural
from coachmaster.core.views import form_page, list_page
from finance.exports import CHEQUES
from finance.forms.cheques import ChequeChoiceForm, ChequeDayForm, ChequeFilter
from finance.models import Payment
from finance.reports.cheques import ChequeRow, ChequeState, cheque_tabs, cheques_in
from finance.services.cheques import clear_cheques, deposit_cheques


def cheque_list(request):
    filters = ChequeFilter(request.GET)
    state, today = filters.shown_state, timezone.localdate()
    payments = Payment.objects.visible_to(request.user)
    cheques = cheques_in(state, payments)
    if search := filters.value("q"):
        cheques = cheques.filter(_matches(search))
    return list_page(
        request,
        cheques.select_related("student__user", "deposit", "clearing", "reversal"),
        template="finance/cheques/list.html",
        filters=filters,
        sorts={
            "deposit": ["deposit_on"],
            "student": ["student__user__full_name"],
            "amount": ["amount"],
        },
        default_sort="deposit" if state.is_open else "-deposit",
        export=CHEQUES,
        filename=f"cheques-{state}",
        as_rows=lambda rows: [ChequeRow(payment, today) for payment in rows],
        context=lambda: {
            "state": state,
            "tabs": cheque_tabs(payments),
            "total": cheques.total(),
        },
    )


def _matches(search):
    students = User.objects.order_by().matching(search).values("pk")
    return (
        Q(student__in=students)
        | Q(reference__icontains=search)
        | Q(receipt_number__icontains=search)
    )


def cheque_deposit(request):
    """Ask for the day on which the ticked cheques were taken to the bank."""
    return _cheques_page(
        request,
        cheques_in(ChequeState.TO_DEPOSIT, Payment.objects.visible_to(request.user)),
        deposit_cheques,
        title="Deposit cheques",
        label="Deposited on",
        done="deposited",
        lead="The cheques are listed as deposited, until the bank has paid or returned them.",
    )


def cheque_clear(request):
    """Ask for the day on which the bank paid the ticked cheques."""
    return _cheques_page(
        request,
        Payment.objects.visible_to(request.user).uncleared(),
        clear_cheques,
        title="Cleared cheques",
        label="Cleared on",
        done="cleared",
        lead="They count as paid from this day. Mark only those that are credited to the account.",
    )


def _list_url(request):
    """Return the list that the cheques were ticked in, or the first page of the user."""
    if not request.user.has_perms([SEE_WHOLE_INSTITUTE, "finance.view_payment"]):
        return reverse("dashboards:dashboard")
    state = request.GET.get("state")
    query = f"?state={state}" if state in ChequeState.values else ""
    return reverse("finance:cheque-list") + query


def _cheques_page(request, cheques, act, *, title, label, done, lead):
    back = _list_url(request)
    data = request.POST or request.GET
    chosen = ChequeChoiceForm(data, cheques=cheques)
    if not chosen.is_valid():
        is_empty = not data.getlist("cheque")
        meanwhile = f"Some of these cheques cannot be {done} any more. Select the others again."
        messages.error(request, "Select the cheques first." if is_empty else meanwhile)
        return redirect(back)
    rows = list(chosen.cleaned_data["cheque"].select_related("student__user").order_by("pk"))
    form = ChequeDayForm(
        request.POST or None,
        cheques=cheques,
        initial={"cheque": [row.pk for row in rows], "on": timezone.localdate()},
    )
    form.fields["on"].label = label
    total = sum((row.amount for row in rows), ZERO)
    number = plural(len(rows), "cheque")
    if form.is_valid():
        day = form.cleaned_data["on"]
        try:
            act(payments=[row.pk for row in rows], on=day, by=request.user)
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            on = format_date(day)
            messages.success(request, f"{number} of {display(total)} {done} on {on}.")
            return redirect(back)
    return form_page(
        request,
        form,
        title=title,
        template="finance/cheques/confirm.html",
        lead=lead,
        submit=f"Mark {number} of {short(total)} as {done}",
        back=back,
        back_label="Back",
        context={"cheques": rows, "total": total},
    )
