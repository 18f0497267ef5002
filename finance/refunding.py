"""The pages of money given back: the form from a receipt, and the voucher."""

import secrets

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from accounts.forms import PasswordAgainMixin
from coachmaster.ground.days import DayFormField
from coachmaster.ground.forms import show_refusal
from coachmaster.ground.money import ZERO, AmountField, display
from coachmaster.ground.text import LineFormField

from . import refunds
from .models import Mode, Payment, Refund


class RefundForm(PasswordAgainMixin, forms.Form):
    """Money given back. The token is made once a form, so that sending it twice gives back once."""

    token = forms.CharField(max_length=64, widget=forms.HiddenInput)
    amount = AmountField(label="Amount (₹)", widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    refunded_on = DayFormField(label="Date")
    mode = forms.ChoiceField(label="How it is given back", choices=Mode.choices, widget=forms.RadioSelect)
    reference = LineFormField(
        max_length=60, required=False, help_text="UPI and bank transfer: as the bank shows it. Cheque: its number."
    )
    reason = LineFormField(label="Reason", max_length=200, help_text="It stands on the voucher.")

    def clean(self):
        if "token" in self.errors:
            self.add_error(None, "This form has lost its one-time token. Open the form again.")
        return super().clean()


def refund_create(request, pk):
    """Give back some or all of one payment: the voucher follows."""
    payments = Payment.objects.visible_to(request.user).select_related("student__user", "reversal").with_refunded()
    payment = get_object_or_404(payments, pk=pk)
    left = payment.amount - payment.refunded
    form = RefundForm(
        request.POST or None,
        request=request,
        initial={
            "token": secrets.token_urlsafe(24),
            "amount": left,
            "refunded_on": timezone.localdate(),
            "mode": Mode.CASH,
        },
    )
    if form.is_valid():
        given = {name: form.cleaned_data[name] for name in RefundForm.base_fields}
        try:
            refund = refunds.refund(payment=payment, by=request.user, **given)
        except ValidationError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, f"{display(refund.amount)} given back to {payment.student}. Voucher {refund}.")
            return redirect(refund)
    elif not form.is_bound and (payment.is_void or left <= ZERO):
        messages.error(request, f"Of receipt {payment} nothing is left that can be given back.")
        return redirect(payment)
    return render(
        request,
        "finance/refund_form.html",
        {
            "form": form,
            "payment": payment,
            "left": left,
            "heading": f"Give money of receipt {payment} back",
            "submit": "Give it back",
            "back": payment.get_absolute_url(),
            "back_label": f"Receipt {payment}",
        },
    )


def voucher(request, pk):
    """The paper that goes with the money."""
    refund = get_object_or_404(
        Refund.objects.visible_to(request.user).select_related("student__user", "payment", "refunded_by"), pk=pk
    )
    return render(request, "finance/voucher.html", {"refund": refund, "student": refund.student})
