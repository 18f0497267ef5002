from django import forms

from accounts.forms.passwords import ConfirmPasswordMixin
from coachmaster.core.form_fields import AmountField, PercentField, SingleLineFormField
from coachmaster.core.money import ZERO, display
from finance.models import ChargeKind, ConcessionKind

from .charges import OneTimeForm


class ConcessionForm(OneTimeForm):
    """A student pays less: for one charge, or for all open installments of an enrollment."""

    on = forms.ChoiceField(label="Off what")
    amount = AmountField(label="Amount (₹)", required=False)
    percent = PercentField(label="Or per cent of what is open", required=False)
    kind = forms.ChoiceField(
        label="Kind",
        choices=[
            choice for choice in ConcessionKind.choices if choice[0] != ConcessionKind.LATE_FEE
        ],
    )
    reason = SingleLineFormField(
        label="Reason", max_length=200, help_text="It is kept with your name and the day."
    )
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
            (key, f"{words} · {display(sum((line.unpaid for line in own), ZERO))} open")
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


class ApprovalForm(ConfirmPasswordMixin, forms.Form):
    """A concession above the limit is let through, by somebody whose password is fresh."""


class WaiveForm(OneTimeForm):
    """Why a late fee is not asked for."""

    reason = SingleLineFormField(max_length=200, help_text="It is kept with your name and the day.")
