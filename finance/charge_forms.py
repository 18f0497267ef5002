"""The forms about what a student owes beside tuition, late fees, and what is taken off."""

import secrets

from django import forms

from accounts.forms.passwords import PasswordAgainMixin
from coachmaster.core.concurrency import EditForm
from coachmaster.core.dates import DayFormField
from coachmaster.core.forms import PercentField, WholeNumberField
from coachmaster.core.money import ZERO, AmountField, display
from coachmaster.core.text import LineFormField

from . import charges
from .models import ChargeKind, ConcessionKind, LateFeeRule


class OnceForm(forms.Form):
    """A form whose one-time token lets it act once, however often it is sent."""

    token = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial.setdefault("token", secrets.token_urlsafe(24))

    def clean(self):
        if "token" in self.errors:
            self.add_error(None, "This form has lost its one-time token. Open it again.")
        return super().clean()


# Concessions --------------------------------------------------------------------------------------------------------


class ConcessionForm(OnceForm):
    """A student pays less: for one charge, or for all open installments of an enrollment."""

    on = forms.ChoiceField(label="Off what")
    amount = AmountField(label="Amount (₹)", required=False)
    percent = PercentField(label="Or per cent of what is open", required=False)
    kind = forms.ChoiceField(
        label="Kind", choices=[choice for choice in ConcessionKind.choices if choice[0] != ConcessionKind.LATE_FEE]
    )
    reason = LineFormField(label="Reason", max_length=200, help_text="It is kept with your name and the day.")
    field_order = ["token", "on", "amount", "percent", "kind", "reason"]

    def __init__(self, *args, lines, **kwargs):
        super().__init__(*args, **kwargs)
        tuition = {}
        for line in lines:
            if line.charge.kind == ChargeKind.TUITION:
                tuition.setdefault(line.charge.enrollment, []).append(line)
        self._charges = {
            f"enrollment-{enrollment.pk}": (f"All of {enrollment.batch}", own)
            for enrollment, own in tuition.items()
            if len(own) > 1
        }
        self._charges |= {f"charge-{line.charge.pk}": (str(line.charge), [line]) for line in lines}
        self.fields["on"].choices = [
            (key, f"{words} · {display(sum((line.open for line in own), ZERO))} open")
            for key, (words, own) in self._charges.items()
        ]

    def clean(self):
        cleaned = super().clean()
        if not {"amount", "percent"} & set(self.errors) and (
            (cleaned.get("amount") is None) == (cleaned.get("percent") is None)
        ):
            self.add_error("amount", "Give either an amount or per cent.")
        return cleaned

    @property
    def charges(self):
        """The charges it is about."""
        return [line.charge for line in self._charges[self.cleaned_data["on"]][1]]


class ApprovalForm(PasswordAgainMixin, forms.Form):
    """A concession above the limit is let through, by somebody whose password is fresh."""


class WhyForm(forms.Form):
    """Why something is taken back."""

    reason = LineFormField(
        max_length=200,
        help_text="It is kept with your name and the day.",
        widget=forms.TextInput(attrs={"autofocus": True}),
    )


class WaiveForm(OnceForm):
    """Why a late fee is not asked for."""

    reason = LineFormField(max_length=200, help_text="It is kept with your name and the day.")


# Charges ------------------------------------------------------------------------------------------------------------


class ChargeForm(OnceForm):
    """Something that is charged beside tuition."""

    kind = forms.ChoiceField(
        choices=[
            (kind.value, kind.label)
            for kind in (ChargeKind.REGISTRATION, ChargeKind.MATERIAL, ChargeKind.EXAM, ChargeKind.OTHER)
        ]
    )
    label = LineFormField(
        label="What exactly", max_length=120, required=False, help_text="Like “Test series, December”."
    )
    amount = AmountField(label="Amount (₹)")
    due_on = DayFormField(label="Due on")

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("kind") == ChargeKind.OTHER and not cleaned.get("label") and "label" not in self.errors:
            self.add_error("label", "Say what the charge is for.")
        if "due_on" in cleaned:
            charges.check_due_day(cleaned["due_on"])
        return cleaned


class BatchChargeForm(ChargeForm):
    """The same for several students of a batch: shown first, then charged."""

    students = forms.ModelMultipleChoiceField(queryset=None, required=False)
    is_confirmed = forms.BooleanField(required=False)

    def __init__(self, *args, students, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["students"].queryset = students


class LateFeeRuleForm(EditForm):
    """When and how much a late fee is."""

    grace_days = WholeNumberField(
        label="Days of grace", least=0, most=365, help_text=LateFeeRule._meta.get_field("grace_days").help_text
    )
    percent = PercentField(label="Per cent", required=False, help_text="Of what is open of the installment.")

    class Meta:
        model = LateFeeRule
        fields = ["name", "grace_days", "kind", "amount", "percent", "cap", "is_active"]

    def clean(self):
        cleaned = super().clean()
        needed, other = (
            ("percent", "amount") if cleaned.get("kind") == LateFeeRule.Kind.PERCENT else ("amount", "percent")
        )
        if cleaned.get(needed) is None and needed not in self.errors:
            self.add_error(needed, "Enter per cent for this kind." if needed == "percent" else "Enter an amount.")
        cleaned[other] = None
        return cleaned
