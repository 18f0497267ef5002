"""The pages of money given back: the form from a receipt, and the voucher."""

import secrets

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from accounts.models import User
from coachmaster.core.chunks import in_chunks
from coachmaster.core.exports import requested_export
from coachmaster.core.forms import add_errors
from coachmaster.core.money import ZERO, display
from coachmaster.core.pagination import all_rows, paginate
from finance.exports import REFUNDS_DUE
from finance.forms.refunds import RefundDueFilter, RefundForm
from finance.models import Account, Mode, Payment, Refund
from finance.services import refunds, withdrawals

DUE_SORTS = {"due": ["left_on"], "amount": ["-balance"], "name": ["student__user__full_name"]}


def refund_due_list(request):
    """Who has left and is still to get money back, by when."""
    filters = RefundDueFilter(request.GET)
    today = timezone.localdate()
    accounts = withdrawals.accounts_with_refund_due()
    if words := filters.value("q"):
        accounts = accounts.filter(student__in=User.objects.search(words).order_by().values("pk"))
    listed = (request, accounts.select_related("student__user"), DUE_SORTS)
    every = in_chunks(all_rows(*listed, default="due"))
    due = (
        refund
        for accounts_at_once in every
        for refund in withdrawals.list_refunds_due(accounts_at_once, today)
    )
    if file := requested_export(request, "refunds-due", REFUNDS_DUE, due):
        return file
    totals = withdrawals.refund_due_totals(accounts, today)
    page = paginate(*listed, default="due", total=totals.students)
    return render(
        request,
        "finance/refunds/due_list.html",
        {
            "filters": filters,
            "totals": totals,
            "listing": page,
            "refunds": withdrawals.list_refunds_due(list(page), today),
        },
    )


def refund_create(request, pk):
    """Give back some or all of one payment: the voucher follows."""
    payments = (
        Payment.objects.visible_to(request.user)
        .select_related("student__user", "reversal")
        .with_refunded()
    )
    payment = get_object_or_404(payments, pk=pk)
    left = payment.amount - payment.refunded
    advance = -(
        Account.objects.filter(pk=payment.student_id).values_list("balance", flat=True).first()
        or ZERO
    )
    form = RefundForm(
        request.POST or None,
        request=request,
        initial={
            "token": secrets.token_urlsafe(24),
            "amount": min(left, advance) if advance > ZERO else left,
            "refunded_on": timezone.localdate(),
            "mode": Mode.CASH,
        },
    )
    if form.is_valid():
        given = {name: form.cleaned_data[name] for name in RefundForm.base_fields}
        try:
            refund = refunds.refund_payment(payment=payment, by=request.user, **given)
        except ValidationError as refusal:
            add_errors(form, refusal)
        else:
            words = f"{display(refund.amount)} given back to {payment.student}. Voucher {refund}."
            if advance > refund.amount:
                words += f" {display(advance - refund.amount)} more was paid than is owed."
            messages.success(request, words)
            return redirect(refund)
    elif not form.is_bound and (payment.is_cancelled or left <= ZERO):
        messages.error(request, f"Of receipt {payment} nothing is left that can be given back.")
        return redirect(payment)
    return render(
        request,
        "finance/refunds/form.html",
        {
            "form": form,
            "payment": payment,
            "left": left,
            "advance": max(advance, ZERO),
            "heading": f"Give money of receipt {payment} back",
            "submit": "Give it back",
            "back": payment.get_absolute_url(),
            "back_label": f"Receipt {payment}",
        },
    )


def refund(request, pk):
    """The paper that goes with the money."""
    refund = get_object_or_404(
        Refund.objects.visible_to(request.user).select_related(
            "student__user", "payment__letterhead", "refunded_by", "letterhead"
        ),
        pk=pk,
    )
    return render(
        request, "finance/refunds/voucher.html", {"refund": refund, "student": refund.student}
    )
