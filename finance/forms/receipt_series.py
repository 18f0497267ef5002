from django import forms

from coachmaster.core.form_fields import WholeNumberField
from finance.services.receipt_series import MAX_FIRST_NUMBER


class ReceiptStartForm(forms.Form):
    first_number = WholeNumberField(
        label="First number",
        min_value=1,
        max_value=MAX_FIRST_NUMBER,
        help_text="The number after your last receipt from another system or receipt book.",
    )
