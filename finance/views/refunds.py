from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from accounts.models import User
from coachmaster.core.forms import add_errors
from coachmaster.core.money import ZERO, display
from coachmaster.core.views import form_page, list_page
from finance.exports import REFUNDS_DUE
from finance.forms.refunds import RefundDueFilter, RefundForm
from finance.models import Account, Payment, Refund
from finance.services import withdrawals
from finance.services.refunds import refund_payment


def refund_due_list(request):
    """List students who left and whose advance is to be refunded."""
    filters = RefundDueFilter(request.GET)
    today = timezone.localdate()
    accounts = withdrawals.accounts_with_refund_due()
    if search := filters.value("q"):
        accounts = accounts.filter(student__in=User.objects.search(search).order_by().values("pk"))
    totals = withdrawals.refund_due_totals(accounts, today)
    return list_page(
        request,
        accounts.select_related("student__user"),
        template="finance/refunds/due_list.html",
        filters=filters,
        sorts={"due": ["left_on"], "amount": ["-balance"], "name": ["student__user__full_name"]},
        default_sort="due",
        export=REFUNDS_DUE,
        filename="refunds-due",
        as_rows=lambda accounts: withdrawals.list_refunds_due(accounts, today),
        total=totals.students,
        context={"totals": totals},
    )


def refund_create(request, pk):
    payments = Payment.objects.visible_to(request.user).with_refunded()
    payments = payments.select_related("student__user", "reversal", "clearing")
    payment = get_object_or_404(payments, pk=pk)
    left = payment.amount - payment.refunded
    balance = Account.objects.filter(pk=payment.student_id).values_list("balance", flat=True)
    advance = max(-(balance.first() or ZERO), ZERO)
    form = RefundForm(
        request.POST or None,
        request=request,
        initial={
            "refunded_on": timezone.localdate(),
            "mode": payment.mode,
        },
    )
    form.fields["amount"].help_text = _refundable(left, advance)
    if form.is_valid():
        if refund := _refund(request, payment, form):
            messages.success(request, _refund_message(payment, refund, advance))
            return redirect(refund)
    elif not form.is_bound and (reason := _reason_not_refundable(payment, left)):
        messages.error(request, f"Receipt {payment} {reason}.")
        return redirect(payment)
    return form_page(
        request,
        form,
        title=f"Refund receipt {payment}",
        template="finance/refunds/form.html",
        submit="Refund",
        back=payment.get_absolute_url(),
        back_label=f"Receipt {payment}",
        context={"payment": payment, "left": left, "advance": advance},
    )


def _reason_not_refundable(payment, left):
    if payment.is_cancelled:
        return "is cancelled"
    if not payment.is_cleared:
        return "was paid by a cheque that has not cleared, so it cannot be refunded"
    return "is fully refunded" if left <= ZERO else ""


def _refundable(left, advance):
    text = f"Refundable: {display(left)}."
    return f"{text} The student’s advance is {display(advance)}." if advance else text


def _refund(request, payment, form):
    data = {name: form.cleaned_data[name] for name in RefundForm.base_fields}
    try:
        return refund_payment(payment=payment, by=request.user, **data)
    except ValidationError as refusal:
        add_errors(form, refusal)
        return None


def _refund_message(payment, refund, advance):
    message = f"{display(refund.amount)} refunded to {payment.student}. Voucher {refund}."
    if advance > refund.amount:
        message += f" Remaining advance: {display(advance - refund.amount)}."
    return message


def refund(request, pk):
    refunds = Refund.objects.visible_to(request.user).select_related(
        "student__user", "payment__letterhead", "refunded_by", "letterhead"
    )
    refund = get_object_or_404(refunds, pk=pk)
    return render(
        request, "finance/refunds/voucher.html", {"refund": refund, "student": refund.student}
    )
