import re
from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError

from .dates import validate_date
from .money import MINUS_SIGNS, ZERO, parse_amount
from .phones import clean_phone
from .text import clean_text


class AmountField(forms.CharField):
    """Amount in rupees, above zero unless ``allow_zero`` or ``allow_negative``."""

    def __init__(self, *, allow_zero=False, allow_negative=False, **kwargs):
        self.allow_zero, self.allow_negative = allow_zero or allow_negative, allow_negative
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
        text = super().to_python(value) or ""
        if self.allow_negative and text.startswith(MINUS_SIGNS):
            return -parse_amount(text[1:])
        return parse_amount(text)

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
    input_type = "date"

    def __init__(self, attrs=None):
        super().__init__(
            attrs={"min": "1900-01-01", "max": "2100-01-01", **(attrs or {})}, format="%Y-%m-%d"
        )


class DateFormField(forms.DateField):
    """Date between 1900 and 2100, typed as `2026-11-24` or `24/11/2026`."""

    widget = DatePicker
    default_validators = [validate_date]
    default_error_messages = {"invalid": "Enter a date that exists, like 24/11/2026."}


class SingleLineFormField(forms.CharField):
    def to_python(self, value):
        return clean_text(super().to_python(value))


class MultiLineFormField(forms.CharField):
    widget = forms.Textarea(attrs={"rows": 3})

    def to_python(self, value):
        return clean_text(super().to_python(value), lines=True)


class PhoneFormField(forms.CharField):
    widget = forms.TextInput(attrs={"type": "tel", "inputmode": "tel"})

    def to_python(self, value):
        return clean_phone(super().to_python(value))


class LowercaseEmailFormField(forms.EmailField):
    def to_python(self, value):
        return (super().to_python(value) or "").lower()


#: The largest id of a database.
MAX_ID = 2**63 - 1


def is_id(text):
    return bool(re.fullmatch("[0-9]{1,19}", str(text))) and int(text) <= MAX_ID


class SelectedRowsField(forms.ModelMultipleChoiceField):
    """Selected rows of a list; what is no id of a database is invalid without a query."""

    def clean(self, value):
        if not all(map(is_id, value or [])):
            raise ValidationError("Tick rows of the list.")
        return super().clean(value)


class WholeNumberField(forms.CharField):
    """Whole number in ASCII digits; `1_000` and `1e3` are invalid."""

    widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})

    def __init__(self, *, min_value, max_value, **kwargs):
        self.min_value, self.max_value = min_value, max_value
        super().__init__(**kwargs)

    def to_python(self, value):
        if value in self.empty_values:
            return None
        text = super().to_python(value) or ""
        number = int(text) if re.fullmatch("[0-9]{1,9}", text) else None
        if number is None or not self.min_value <= number <= self.max_value:
            raise ValidationError(
                f"Enter a whole number from {self.min_value} to {self.max_value}.", code="invalid"
            )
        return number

    def has_changed(self, initial, data):
        try:
            return self.to_python(initial) != self.to_python(data)
        except ValidationError:
            return True


class PercentField(forms.CharField):
    """Percentage above 0 and up to 100, with at most two decimals."""

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
