from decimal import InvalidOperation

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.expressions import Combinable, register_combinable_fields

from .dates import validate_date
from .form_fields import (
    AmountField,
    DateFormField,
    DatePicker,
    LowercaseEmailFormField,
    MultiLineFormField,
    PhoneFormField,
    SingleLineFormField,
)
from .money import ZERO, from_paise, to_paise
from .phones import clean_phone
from .text import clean_text


class MoneyField(models.Field):
    """Amount in rupees, stored as whole paise."""

    description = "Amount of money"

    def get_internal_type(self):
        return "BigIntegerField"

    def from_db_value(self, value, expression, connection):
        return None if value is None else from_paise(value)

    def to_python(self, value):
        if value is None:
            return None
        try:
            return from_paise(to_paise(value))
        except (InvalidOperation, ValueError, TypeError) as error:
            raise ValidationError("Enter an amount in rupees and paise.") from error

    def get_prep_value(self, value):
        value = super().get_prep_value(value)
        return None if value is None else to_paise(value)

    def value_to_string(self, obj):
        value = self.value_from_object(obj)
        return "" if value is None else str(value)

    def formfield(self, **kwargs):
        return super().formfield(**{"form_class": AmountField, **kwargs})


# Let queries add and subtract amounts.
for _connector in (Combinable.ADD, Combinable.SUB):
    register_combinable_fields(MoneyField, _connector, MoneyField, MoneyField)

ZERO_VALUE = models.Value(ZERO, output_field=MoneyField())


class BoundedDateField(models.DateField):
    """A date between 1900 and 2100."""

    default_validators = [validate_date]

    def formfield(self, **kwargs):
        return super().formfield(**{"form_class": DateFormField, "widget": DatePicker, **kwargs})


class SingleLineField(models.CharField):
    def to_python(self, value):
        value = super().to_python(value)
        return value if value is None else clean_text(value)

    def formfield(self, **kwargs):
        if self.choices is not None:
            return super().formfield(**kwargs)
        return super().formfield(**{"form_class": SingleLineFormField, **kwargs})


class MultiLineField(models.CharField):
    def to_python(self, value):
        value = super().to_python(value)
        return value if value is None else clean_text(value, lines=True)

    def formfield(self, **kwargs):
        return super().formfield(
            **{
                "form_class": MultiLineFormField,
                "widget": forms.Textarea(attrs={"rows": 3}),
                **kwargs,
            }
        )


class PhoneField(models.CharField):
    """Phone number in one spelling: see ``clean_phone``."""

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("max_length", 16)
        kwargs.setdefault("blank", True)
        super().__init__(*args, **kwargs)

    def to_python(self, value):
        return clean_phone(value) if value else ""

    def formfield(self, **kwargs):
        return super().formfield(
            **{
                "form_class": PhoneFormField,
                "max_length": 30,
                "widget": forms.TextInput(attrs={"type": "tel", "inputmode": "tel"}),
                **kwargs,
            }
        )


class LowercaseEmailField(models.EmailField):
    def to_python(self, value):
        value = super().to_python(value)
        return clean_text(value).lower() if value else ""

    def formfield(self, **kwargs):
        return super().formfield(**{"form_class": LowercaseEmailFormField, **kwargs})
