"""Phone numbers: national digits in the region of the institute, else `+` and all digits."""

from functools import lru_cache
from urllib.parse import quote

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from .text import clean_text

# Parsing or formatting a number takes up to 40 µs, and a list shows sixty of them.
_cached = lru_cache(maxsize=4096)


@_cached
def clean_phone(value):
    """Return a phone number as it is stored: `9876543210` for India, `+971501234567` for others.

    Raise ValidationError for text that is no phone number, or more than one.
    """
    text = clean_text(value)
    if not text:
        return ""
    try:
        number = phonenumbers.parse(text, settings.PHONE_REGION)
    except NumberParseException:
        number = None
    if number is None or not _is_whole(text, number):
        raise ValidationError(
            "Enter a phone number with its digits, like 98765 43210 or +971 50 123 4567."
        )
    if number.country_code == _country_code():
        return phonenumbers.national_significant_number(number)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _is_whole(text, number):
    """Whether ``number`` is of a possible length and all of ``text``, which may hold a note too."""
    digits = phonenumbers.normalize_digits_only(text)
    return (
        phonenumbers.is_possible_number(number)
        and digits.endswith(phonenumbers.national_significant_number(number))
        and not any(character.isalpha() for character in text)
    )


def _country_code():
    return phonenumbers.country_code_for_region(settings.PHONE_REGION)


def _parse(phone):
    """Parse a stored number; return None for one without its area code, which has no country."""
    try:
        number = phonenumbers.parse(phone, settings.PHONE_REGION)
    except NumberParseException:
        return None
    reason = phonenumbers.is_possible_number_with_reason(number)
    return number if reason == phonenumbers.ValidationResult.IS_POSSIBLE else None


@_cached
def display_phone(phone):
    """Return a stored number in groups: `98765 43210`, `+971 50 123 4567`."""
    number = _parse(phone)
    if number is None:
        return phone
    text = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    return text.removeprefix(f"+{_country_code()} ")


@_cached
def phone_url(phone):
    """Return the link that calls a stored number, from abroad too: `tel:+919876543210`."""
    number = _parse(phone)
    if number is None:
        return f"tel:{phone}"
    return f"tel:{phonenumbers.format_number(number, PhoneNumberFormat.E164)}"


@_cached
def whatsapp_number(phone):
    """Return a stored mobile number for WhatsApp, `919876543210`; "" for other numbers."""
    number = _parse(phone)
    mobile = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if number is None or phonenumbers.number_type(number) not in mobile:
        return ""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")


def whatsapp_url(phone, text):
    """Return the link that opens a chat with ``text`` typed in; "" for no mobile number."""
    number = whatsapp_number(phone)
    return f"https://wa.me/{number}?text={quote(text, safe='')}" if number else ""
