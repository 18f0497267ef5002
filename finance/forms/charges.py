"""The forms about what a student owes beside tuition, late fees, and what is taken off."""

import secrets

from django import forms

from coachmaster.core.form_fields import AmountField, DateFormField, SingleLineFormField
from finance.models import ChargeKind
from finance.services import charges


class OneTimeForm(forms.Form):
    """A form whose one-time token lets it act once, however often it is sent."""

    token = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial.setdefault("token", secrets.token_urlsafe(24))

    def clean(self):
        if "token" in self.errors:
            self.add_error(None, "This form has lost its one-time token. Open it again.")
        return super().clean()


class CancelReasonForm(forms.Form):
    """Why something is taken back."""

    reason = SingleLineFormField(
        max_length=200,
        help_text="It is kept with your name and the day.",
        widget=forms.TextInput(attrs={"autofocus": True}),
    )


class ChargeForm(OneTimeForm):
    """Something that is charged beside tuition."""

    kind = forms.ChoiceField(
        choices=[
            (kind.value, kind.label)
            for kind in (
                ChargeKind.REGISTRATION,
                ChargeKind.MATERIAL,
                ChargeKind.EXAM,
                ChargeKind.OTHER,
            )
        ]
    )
    label = SingleLineFormField(
        label="What exactly",
        max_length=120,
        required=False,
        help_text="Like “Test series, December”.",
    )
    amount = AmountField(label="Amount (₹)")
    due_on = DateFormField(label="Due on")

    def clean(self):
        cleaned = super().clean()
        if (
            cleaned.get("kind") == ChargeKind.OTHER
            and not cleaned.get("label")
            and "label" not in self.errors
        ):
            self.add_error("label", "Say what the charge is for.")
        if "due_on" in cleaned:
            charges.check_due_date(cleaned["due_on"])
        return cleaned


class BatchChargeForm(ChargeForm):
    """The same for several students of a batch: shown first, then charged."""

    students = forms.ModelMultipleChoiceField(queryset=None, required=False)
    is_confirmed = forms.BooleanField(required=False)

    def __init__(self, *args, students, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["students"].queryset = students
