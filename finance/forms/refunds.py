from django import forms

from accounts.forms.confirmation import ConfirmationMixin
from coachmaster.core.form_fields import AmountField, DateFormField, SingleLineFormField
from coachmaster.core.forms import FilterForm
from finance.models import Mode

from .charges import OneTimeForm


class RefundDueFilter(FilterForm):
    def __init__(self, data, **kwargs):
        super().__init__(data, **kwargs)
        self.fields["q"].label = "Student"


class RefundForm(ConfirmationMixin, OneTimeForm):
    amount = AmountField(label="Amount (₹)", widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    refunded_on = DateFormField(label="Date")
    mode = forms.ChoiceField(label="Mode", choices=Mode.choices, widget=forms.RadioSelect)
    reference = SingleLineFormField(
        max_length=60,
        required=False,
        help_text="UPI or bank transfer: the bank’s reference. Cheque: its number.",
    )
    reason = SingleLineFormField(
        label="Reason", max_length=200, help_text="Printed on the voucher."
    )
