import re
from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError

from .dates import validate_date
from .money import ZERO, parse_amount
from .phones import clean_phone
from .text import clean_text


class AmountField(forms.CharField):
    """A form field for an amount in rupees. `allow_zero` lets ₹0 through (a free course; never a payment)."""

    def __init__(self, *, allow_zero=False, **kwargs):
        self.allow_zero = allow_zero
        kwargs.pop("max_length", None)
        kwargs.setdefault(
            "widget", forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        )
        super().__init__(**kwargs)

    def to_python(self, value):
        if value in self.empty_values:
            return None
        if isinstance(value, Decimal):
            return value
        return parse_amount(super().to_python(value))

    def validate(self, value):
        super().validate(value)
        if value is not None and value == ZERO and not self.allow_zero:
            raise ValidationError("Enter an amount above zero.", code="zero")

    def prepare_value(self, value):
        return f"{value:.2f}" if isinstance(value, Decimal) else value

    def has_changed(self, initial, data):
        try:
            return self.to_python(initial) != self.to_python(data)
        except ValidationError:
            return True


class DatePicker(forms.DateInput):
    """The browser's own date picker; it sends and takes `2026-11-24`."""

    input_type = "date"

    def __init__(self, attrs=None):
        super().__init__(
            attrs={"min": "1900-01-01", "max": "2100-01-01", **(attrs or {})}, format="%Y-%m-%d"
        )


class DateFormField(forms.DateField):
    """A date from a person: `2026-11-24` or `24/11/2026`."""

    widget = DatePicker
    default_validators = [validate_date]
    default_error_messages = {"invalid": "Enter a date that exists, like 24/11/2026."}


class SingleLineFormField(forms.CharField):
    """One line of text from a person."""

    def to_python(self, value):
        return clean_text(super().to_python(value))


class MultiLineFormField(forms.CharField):
    """Several lines of text from a person."""

    widget = forms.Textarea(attrs={"rows": 3})

    def to_python(self, value):
        return clean_text(super().to_python(value), lines=True)


class PhoneFormField(forms.CharField):
    """A phone number."""

    widget = forms.TextInput(attrs={"type": "tel", "inputmode": "tel"})

    def to_python(self, value):
        return clean_phone(super().to_python(value))


class LowercaseEmailFormField(forms.EmailField):
    """An e-mail address."""

    def to_python(self, value):
        return (super().to_python(value) or "").lower()


#: The largest key that a database holds.
MAX_ID = 2**63 - 1


class SelectedRowsField(forms.ModelMultipleChoiceField):
    """Rows of a list that were ticked; a key that no database can hold is refused and not asked for."""

    def clean(self, value):
        if any(
            len(key) > 19 or not 0 <= int(key) <= MAX_ID for key in value or [] if key.isdigit()
        ):
            raise ValidationError("Tick rows of the list.")
        return super().clean(value)


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
