from django import forms

from coachmaster.core.form_fields import WholeNumberField
from finance.services.receipt_series import MAX_FIRST_NUMBER


class ReceiptStartForm(forms.Form):
    """The first number of a year."""

    first_number = WholeNumberField(
        label="First number",
        min_value=1,
        max_value=MAX_FIRST_NUMBER,
        help_text="The one after the last receipt that was written elsewhere. It is fixed with the year’s first receipt.",
    )
