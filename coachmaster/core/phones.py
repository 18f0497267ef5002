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
    """Return a number as stored: `9876543210`, or `+971501234567`. Raise ValidationError."""
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
    """Whether ``text`` holds nothing besides one number of a possible length."""
    digits = phonenumbers.normalize_digits_only(text)
    return (
        phonenumbers.is_possible_number(number)
        and digits.endswith(phonenumbers.national_significant_number(number))
        and not any(character.isalpha() for character in text)
    )


def _country_code():
    return phonenumbers.country_code_for_region(settings.PHONE_REGION)


def _parse(phone):
    """Return None for a number without its area code."""
    try:
        number = phonenumbers.parse(phone, settings.PHONE_REGION)
    except NumberParseException:
        return None
    reason = phonenumbers.is_possible_number_with_reason(number)
    return number if reason == phonenumbers.ValidationResult.IS_POSSIBLE else None


@_cached
def display_phone(phone):
    """Return `98765 43210`."""
    number = _parse(phone)
    if number is None:
        return phone
    text = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    return text.removeprefix(f"+{_country_code()} ")


@_cached
def phone_url(phone):
    """Return `tel:+919876543210`."""
    number = _parse(phone)
    if number is None:
        return f"tel:{phone}"
    return f"tel:{phonenumbers.format_number(number, PhoneNumberFormat.E164)}"


@_cached
def whatsapp_number(phone):
    """Return `919876543210`; "" for other numbers than mobiles."""
    number = _parse(phone)
    mobile = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if number is None or phonenumbers.number_type(number) not in mobile:
        return ""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")


def whatsapp_url(phone, text):
    """Return the link to a chat with ``text`` typed in; "" without a mobile number."""
    number = whatsapp_number(phone)
    return f"https://wa.me/{number}?text={quote(text, safe='')}" if number else ""
