"""Text that people typed: what is kept of it, and how it is compared."""

import re
import unicodedata

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

# Zero width joiner and non-joiner shape Indic scripts and stay; overrides of writing direction can disguise a name.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")


def clean_text(value, *, lines=False):
    """NFC, trimmed, without control characters and bidi overrides; spaces in a row become one.

    ``lines`` keeps line breaks, for notes and addresses. Raises ValidationError on a NUL, which no text has.
    """
    value = str(value)
    if value.isascii() and value.isprintable():  # most text, and quick
        return " ".join(value.split())
    if "\0" in value:
        raise ValidationError("This text holds a NUL character. Type it again.")
    value = _BIDI.sub("", unicodedata.normalize("NFC", value))
    if lines:
        value = "\n".join(clean_text(line) for line in value.splitlines())
        return value.strip("\n")
    value = "".join(
        " " if c.isspace() else c for c in value if c.isspace() or unicodedata.category(c) != "Cc"
    )
    return " ".join(value.split())


def folded(value):
    """Text as it is searched: letter case and accents of form do not count, in any script."""
    return unicodedata.normalize("NFC", str(value).casefold())


class LineFormField(forms.CharField):
    """One line of text from a person."""

    def to_python(self, value):
        return clean_text(super().to_python(value))


class LinesFormField(forms.CharField):
    """Several lines of text from a person."""

    widget = forms.Textarea(attrs={"rows": 3})

    def to_python(self, value):
        return clean_text(super().to_python(value), lines=True)


class LineField(models.CharField):
    """One line of text; cleaned wherever it comes from."""

    def to_python(self, value):
        value = super().to_python(value)
        return value if value is None else clean_text(value)

    def formfield(self, **kwargs):
        if self.choices is not None:
            return super().formfield(**kwargs)
        return super().formfield(**{"form_class": LineFormField, **kwargs})


class LinesField(models.CharField):
    """A few lines of text (an address, a note)."""

    def to_python(self, value):
        value = super().to_python(value)
        return value if value is None else clean_text(value, lines=True)

    def formfield(self, **kwargs):
        return super().formfield(
            **{"form_class": LinesFormField, "widget": forms.Textarea(attrs={"rows": 3}), **kwargs}
        )


_BETWEEN_DIGITS = re.compile(r"[\s().\-]")
_PHONE = re.compile(r"\+?[0-9]{6,15}")


def clean_phone(value):
    """A phone number as it is kept: ten digits for India, else `+` and the country's digits.

    Takes `+91 98765-43210`, `098765 43210`, `(044) 2345 6789`. Raises ValidationError.
    """
    text = clean_text(value)
    if not text:
        return ""
    digits = _BETWEEN_DIGITS.sub("", text)
    if not _PHONE.fullmatch(digits):
        raise ValidationError(
            "Enter a phone number with its digits, like 98765 43210 or +971 50 123 4567."
        )
    if digits.startswith("+91") and len(digits) == 13:
        return digits[3:]
    if digits.startswith("91") and len(digits) == 12:
        return digits[2:]
    if digits.startswith("0") and len(digits) == 11:
        return digits[1:]
    return digits


class PhoneFormField(forms.CharField):
    """A phone number."""

    widget = forms.TextInput(attrs={"type": "tel", "inputmode": "tel"})

    def to_python(self, value):
        return clean_phone(super().to_python(value))


class PhoneField(models.CharField):
    """A phone number, kept in one form so that the same number is found however it was typed."""

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


class AddressField(models.EmailField):
    """An e-mail address, kept in lower case: nobody has two that differ by it."""

    def to_python(self, value):
        value = super().to_python(value)
        return clean_text(value).lower() if value else ""

    def formfield(self, **kwargs):
        return super().formfield(**{"form_class": AddressFormField, **kwargs})


class AddressFormField(forms.EmailField):
    """An e-mail address."""

    def to_python(self, value):
        return (super().to_python(value) or "").lower()
