from django import forms

from accounts.forms.passwords import ConfirmPasswordMixin
from coachmaster.core.form_fields import AmountField, DateFormField, SingleLineFormField
from coachmaster.core.forms import FilterForm
from finance.models import Mode


class RefundDueFilter(FilterForm):
    """Whose money is to go back."""

    def __init__(self, data, **kwargs):
        super().__init__(data, **kwargs)
        self.fields["q"].label = "Student"


class RefundForm(ConfirmPasswordMixin, forms.Form):
    """Money given back. The token is made once a form, so that sending it twice gives back once."""

    token = forms.CharField(max_length=64, widget=forms.HiddenInput)
    amount = AmountField(label="Amount (₹)", widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    refunded_on = DateFormField(label="Date")
    mode = forms.ChoiceField(
        label="How it is given back", choices=Mode.choices, widget=forms.RadioSelect
    )
    reference = SingleLineFormField(
        max_length=60,
        required=False,
        help_text="UPI and bank transfer: as the bank shows it. Cheque: its number.",
    )
    reason = SingleLineFormField(
        label="Reason", max_length=200, help_text="It stands on the voucher."
    )

    def clean(self):
        if "token" in self.errors:
            self.add_error(None, "This form has lost its one-time token. Open the form again.")
        return super().clean()
