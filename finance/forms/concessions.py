from django import forms

from accounts.forms.confirmation import ConfirmationMixin
from coachmaster.core.form_fields import AmountField, PercentField, SingleLineFormField
from coachmaster.core.money import ZERO, display
from finance.models import ChargeKind, ConcessionKind

from .charges import OneTimeForm


class ConcessionForm(OneTimeForm):
    KINDS = [
        ("", "Choose a kind"),
        *(choice for choice in ConcessionKind.choices if choice[0] != ConcessionKind.LATE_FEE),
    ]

    on = forms.ChoiceField(label="Concession on")
    amount = AmountField(label="Amount (₹)", required=False)
    percent = PercentField(label="or percent of the unpaid amount", required=False)
    kind = forms.ChoiceField(label="Kind", choices=KINDS)
    reason = SingleLineFormField(
        label="Reason", max_length=200, help_text="Saved with your name and the date."
    )
    field_order = ["token", "on", "amount", "percent", "kind", "reason"]

    def __init__(self, *args, lines, **kwargs):
        super().__init__(*args, **kwargs)
        tuition = {}
        for line in lines:
            if line.charge.kind == ChargeKind.TUITION:
                tuition.setdefault(line.charge.enrollment, []).append(line)
        self._options = {
            f"enrollment-{enrollment.pk}": (f"All installments of {enrollment.batch}", own)
            for enrollment, own in tuition.items()
            if len(own) > 1
        }
        self._options |= {f"charge-{line.charge.pk}": (str(line.charge), [line]) for line in lines}
        self.fields["on"].choices = [
            (key, f"{label} · {display(sum((line.unpaid for line in own), ZERO))} unpaid")
            for key, (label, own) in self._options.items()
        ]

    def clean(self):
        cleaned = super().clean()
        has_amount = cleaned.get("amount") is not None
        has_percent = cleaned.get("percent") is not None
        if has_amount == has_percent and not {"amount", "percent"} & set(self.errors):
            self.add_error("amount", "Enter either an amount or a percentage.")
        return cleaned

    @property
    def charges(self):
        _, lines = self._options[self.cleaned_data["on"]]
        return [part.charge for line in lines for part in line.lines]


class ApprovalForm(ConfirmationMixin, forms.Form):
    """Confirm the approval of a concession, with the password if it was not typed recently."""


class WaiveForm(OneTimeForm):
    reason = SingleLineFormField(max_length=200, help_text="Saved with your name and the date.")
