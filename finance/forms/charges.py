import secrets

from django import forms

from coachmaster.core.form_fields import AmountField, DateFormField, SingleLineFormField
from finance.models import ChargeKind
from finance.services import charges


class OneTimeForm(forms.Form):
    """A form with a one-time token, so that sending it twice has no further effect."""

    # Without the colon of the tokens that imports make, which can be guessed.
    token = forms.RegexField(r"^[A-Za-z0-9_-]+\Z", max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial.setdefault("token", self.new_token())

    @staticmethod
    def new_token():
        return secrets.token_urlsafe(24)

    def clean(self):
        if "token" in self.errors:
            self.add_error(None, "This form has expired. Open it again.")
        return super().clean()


class CancelReasonForm(forms.Form):
    reason = SingleLineFormField(
        max_length=200,
        help_text="Saved with your name and the date.",
        widget=forms.TextInput(attrs={"autofocus": True}),
    )


class ChargeForm(OneTimeForm):
    KINDS = (ChargeKind.REGISTRATION, ChargeKind.MATERIAL, ChargeKind.EXAM, ChargeKind.OTHER)

    kind = forms.ChoiceField(choices=[(kind.value, kind.label) for kind in KINDS])
    label = SingleLineFormField(
        label="Description",
        max_length=120,
        required=False,
        help_text="For example “Test series, December”.",
    )
    amount = AmountField(label="Amount (₹)")
    due_on = DateFormField(label="Due on")

    def clean(self):
        cleaned = super().clean()
        is_unnamed = not cleaned.get("label") and "label" not in self.errors
        if cleaned.get("kind") == ChargeKind.OTHER and is_unnamed:
            self.add_error("label", "Enter a description for this kind of charge.")
        if "due_on" in cleaned:
            charges.check_due_date(cleaned["due_on"])
        return cleaned
