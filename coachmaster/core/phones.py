import re
from urllib.parse import quote

from django.core.exceptions import ValidationError

from .text import clean_text

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


def whatsapp_number(phone):
    """A phone number as kept, as WhatsApp wants it: `919876543210`; "" when it is no mobile number."""
    if phone.startswith("+"):
        return phone[1:]
    return f"91{phone}" if len(phone) == 10 and phone[0] in "6789" else ""


def whatsapp_url(phone, text):
    """The link that opens a chat with ``phone`` and ``text`` typed in; "" when the number has no WhatsApp."""
    number = whatsapp_number(phone)
    return f"https://wa.me/{number}?text={quote(text, safe='')}" if number else ""
