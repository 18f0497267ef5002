"""What the settings of the institute must look like."""

import re
import string

from django.core.exceptions import ValidationError

REMINDER_WORDS = ["name", "admission_number", "amount", "due_on", "institute", "phone", "upi_link"]
_GSTIN_DIGITS = string.digits + string.ascii_uppercase


def check_gstin(value):
    """Raises ValidationError when ``value`` is no GSTIN: state, PAN, number, Z and a check digit (Luhn's rule, base 36)."""
    if not re.fullmatch(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]", value):
        raise ValidationError("A GSTIN has 15 digits and capital letters, like 27AAPFU0939F1ZV.")
    total = 0
    for place, letter in enumerate(value[:-1]):
        total += sum(divmod(_GSTIN_DIGITS.index(letter) * (1 + place % 2), 36))
    if _GSTIN_DIGITS[-total % 36] != value[-1]:
        raise ValidationError("The last character of this GSTIN does not fit the others. Check it for a typing error.")


def check_upi_id(value):
    """Raises ValidationError when ``value`` is no UPI id."""
    if not re.fullmatch(r"[A-Za-z0-9.\-_]{2,256}@[A-Za-z][A-Za-z0-9]{1,63}", value):
        raise ValidationError("A UPI id has a name, @ and the bank's short name, like sunrise@okaxis.")


def check_reminder(value):
    """Raises ValidationError when the text of a reminder has braces around anything but `REMINDER_WORDS`."""
    rest = re.sub("{(" + "|".join(REMINDER_WORDS) + ")}", "", value)
    if "{" in rest or "}" in rest:
        names = ", ".join(f"{{{word}}}" for word in REMINDER_WORDS)
        raise ValidationError(f"Braces may only stand around these words: {names}.")
