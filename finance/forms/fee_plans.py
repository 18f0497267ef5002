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
    """A plan by which a course's fee is paid, and beside it the ``rows`` of its parts, those in ``parts``."""

    name = SingleLineFormField(max_length=100, help_text="Like “Quarterly” or “Two halves”.")

    class Meta:
        model = FeePlan
        fields = ["name", "is_active"]

    def __init__(self, *args, parts=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.parts = parts
        self.rows = part_formset(self.data if self.is_bound else None, parts)

    def current_values(self):
        return {**super().current_values(), "rows": ("Parts", _parts_label(self.parts))}

    def is_changed(self, name, value):
        if name == "rows":
            sent = [FeePlanPart(**part) for part in self.rows.parts] if self.rows.is_valid() else []
            return _parts_label(sent) != value
        return super().is_changed(name, value)

    def show_value(self, name, value):
        if name == "rows":
            self.rows = part_formset(None, self.parts)
        else:
            super().show_value(name, value)


def _parts_label(parts):
    """`40 % on enrolling; 60 % after 30 days`."""
    return "; ".join(f"{part.share_label} {part.due_label}" for part in parts)


class FeePlanPartForm(forms.Form):
    """One part of a plan; a row left empty is none."""

    percent = PercentField(label="Per cent", required=False)
    amount = AmountField(label="Amount (₹)", required=False)
    days = WholeNumberField(
        label="Days after enrolling", min_value=0, max_value=3650, required=False
    )
    due_on = DateFormField(label="Or on a date", required=False)

    def clean(self):
        given = {name for name, value in self.cleaned_data.items() if value is not None}
        if self.errors or not given:
            return
        if len(given & {"percent", "amount"}) != 1:
            raise ValidationError("Give it either per cent or an amount.")
        if len(given & {"days", "due_on"}) != 1:
            raise ValidationError("Give it either days after enrolling or a date.")


class _PartFormSetBase(forms.BaseFormSet):
    def clean(self):
        """The parts of a plan are all per cent, adding up to 100, or all amounts."""
        if any(self.errors):
            return
        parts = self.parts
        if not parts:
            raise ValidationError("Enter at least one part.")
        percents = [part["percent"] for part in parts if part["percent"] is not None]
        if percents and len(percents) < len(parts):
            raise ValidationError("Give all parts per cent, or all of them amounts.")
        total = sum(percents, Decimal(0))
        if percents and total != 100:
            missing = 100 - total
            miss = f"{missing:f} less" if missing > 0 else f"{-missing:f} more"
            raise ValidationError(f"The parts add up to {total:f} per cent: {miss} than 100.")

    @property
    def parts(self):
        """The parts in their order, as dictionaries of the fields of `FeePlanPart`."""
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
    """The rows of parts of a plan: those it has, and four to fill in."""
    names = ("percent", "amount", "days", "due_on")
    return _PartFormSet(
        data,
        initial=[{name: getattr(part, name) for name in names} for part in parts],
        prefix="parts",
    )
