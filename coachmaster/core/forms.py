"""Bases of forms that every app uses."""

import re
from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError

from .text import LineFormField

#: The largest key that a database holds.
LARGEST_KEY = 2**63 - 1


class FilterForm(forms.Form):
    """The filters above a list, sent by GET. A value that is not understood filters nothing, and the page says so beside it."""

    q = LineFormField(
        label="Search",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search", "class": "form-control"}),
    )

    def __init__(self, data, **kwargs):
        super().__init__(data, **kwargs)
        for field in self.fields.values():
            field.required = False
            is_select = isinstance(field.widget, forms.Select)
            field.widget.attrs.setdefault("class", "form-select" if is_select else "form-control")

    def value(self, name):
        """What was chosen for ``name``; None or "" when nothing or nonsense was."""
        self.is_valid()
        return self.cleaned_data.get(name)

    @property
    def is_filtering(self):
        """Whether anything is chosen: an empty list then says "nothing matches" and not "nothing yet"."""
        self.is_valid()
        return any(self.cleaned_data.get(name) not in (None, "") for name in self.fields)


class TickedField(forms.ModelMultipleChoiceField):
    """Rows of a list that were ticked; a key that no database can hold is refused and not asked for."""

    def clean(self, value):
        if any(
            len(key) > 19 or not 0 <= int(key) <= LARGEST_KEY
            for key in value or []
            if key.isdigit()
        ):
            raise ValidationError("Tick rows of the list.")
        return super().clean(value)


def show_refusal(form, refusal, **renamed):
    """Put what a service refused (a ValidationError) beside the fields it names.

    ``renamed`` maps a service's words to the form's fields; what belongs to no field stands above the form.
    """
    if not hasattr(refusal, "error_dict"):
        form.add_error(None, refusal)
        return
    for name, errors in refusal.error_dict.items():
        name = renamed.get(name, name)
        form.add_error(name if name in form.fields else None, errors)


class WholeNumberField(forms.CharField):
    """A whole number within bounds, in ASCII digits only: `1_000`, `1e3` and look-alikes are refused, not guessed."""

    widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})

    def __init__(self, *, least, most, **kwargs):
        self.least, self.most = least, most
        super().__init__(**kwargs)

    def to_python(self, value):
        if value in self.empty_values:
            return None
        text = super().to_python(value) or ""
        number = int(text) if re.fullmatch("[0-9]{1,9}", text) else None
        if number is None or not self.least <= number <= self.most:
            raise ValidationError(
                f"Enter a whole number from {self.least} to {self.most}.", code="invalid"
            )
        return number

    def has_changed(self, initial, data):
        try:
            return self.to_python(initial) != self.to_python(data)
        except ValidationError:
            return True


class PercentField(forms.CharField):
    """Per cent above 0 and up to 100, with at most two decimals, in ASCII digits: `12.5` gives Decimal("12.50")."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def to_python(self, value):
        if value in self.empty_values or isinstance(value, Decimal):
            return value or None
        text = (super().to_python(value) or "").removesuffix("%").strip()
        percent = Decimal(text) if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,2})?", text) else None
        if percent is None or not 0 < percent <= 100:
            raise ValidationError(
                "Enter per cent above 0 and up to 100, like 10 or 12.5.", code="invalid"
            )
        return percent.quantize(Decimal("0.01"))

    def prepare_value(self, value):
        return f"{value:f}".removesuffix(".00") if isinstance(value, Decimal) else value

    def has_changed(self, initial, data):
        try:
            return self.to_python(initial) != self.to_python(data)
        except ValidationError:
            return True
