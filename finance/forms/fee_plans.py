from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError

from coachmaster.core.concurrency import EditForm
from coachmaster.core.form_fields import (
    AmountField,
    DateFormField,
    PercentField,
    SingleLineFormField,
    WholeNumberField,
)
from finance.models import FeePlan, FeePlanPart

from .installments import MAX_INSTALLMENTS


class FeePlanForm(EditForm):
    """A fee plan, with the formset of its ``parts``."""

    name = SingleLineFormField(max_length=100, help_text="For example “Quarterly” or “Two halves”.")

    class Meta:
        model = FeePlan
        fields = ["name", "is_active"]

    def __init__(self, *args, parts=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.parts = parts
        self.part_formset = part_formset(self.data if self.is_bound else None, parts)

    def current_values(self):
        return {**super().current_values(), "rows": ("Installments", _parts_label(self.parts))}

    def is_changed(self, name, value):
        if name != "rows":
            return super().is_changed(name, value)
        rows = self.part_formset.parts if self.part_formset.is_valid() else []
        return _parts_label([FeePlanPart(**row) for row in rows]) != value

    def show_value(self, name, value):
        if name == "rows":
            self.part_formset = part_formset(None, self.parts)
        else:
            super().show_value(name, value)


def _parts_label(parts):
    return "; ".join(f"{part.share_label} {part.due_label}" for part in parts)


class FeePlanPartForm(forms.Form):
    """One installment of a plan; an empty row is ignored."""

    percent = PercentField(label="Percent", required=False)
    amount = AmountField(label="Amount (₹)", required=False)
    days = WholeNumberField(
        label="Days after enrollment", min_value=0, max_value=3650, required=False
    )
    due_on = DateFormField(label="or due date", required=False)

    def clean(self):
        filled = {name for name, value in self.cleaned_data.items() if value is not None}
        if self.errors or not filled:
            return
        if len(filled & {"percent", "amount"}) != 1:
            raise ValidationError("Enter either a percentage or an amount.")
        if len(filled & {"days", "due_on"}) != 1:
            raise ValidationError("Enter either days after enrollment or a due date.")


class _PartFormSetBase(forms.BaseFormSet):
    def clean(self):
        """Check that there are only amounts, or only percentages that add up to 100."""
        if any(self.errors):
            return
        parts = self.parts
        if not parts:
            raise ValidationError("Enter at least one installment.")
        percents = [part["percent"] for part in parts if part["percent"] is not None]
        if percents and len(percents) < len(parts):
            raise ValidationError("Use either percentages or amounts in all rows.")
        total = sum(percents, Decimal(0))
        if percents and total != 100:
            raise ValidationError(f"The installments add up to {total:f} percent, not 100.")

    @property
    def parts(self):
        """Return the filled rows in order, as dictionaries of FeePlanPart fields."""
        rows = [form.cleaned_data for form in self.forms]
        return [row for row in rows if any(value is not None for value in row.values())]


_PartFormSet = forms.formset_factory(
    FeePlanPartForm,
    formset=_PartFormSetBase,
    extra=4,
    max_num=MAX_INSTALLMENTS,
    absolute_max=MAX_INSTALLMENTS,
)


def part_formset(data, parts):
    names = ("percent", "amount", "days", "due_on")
    initial = [{name: getattr(part, name) for name in names} for part in parts]
    return _PartFormSet(data, initial=initial, prefix="parts")
