"""What the settings of the institute must look like."""

import re
import string

from django.core.exceptions import ValidationError

from coachmaster.core.states import State

ATTENDANCE_PLACEHOLDERS = [
    "name", "admission_number", "batch", "attended", "counted", "percent", "expected", "absences", "institute", "phone",
]  # fmt: skip
ABSENCE_PLACEHOLDERS = ["name", "admission_number", "batch", "day", "institute", "phone"]
FEE_PLACEHOLDERS = [
    "name",
    "admission_number",
    "amount",
    "due_on",
    "institute",
    "phone",
    "upi_link",
]

_GSTIN = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]")
_DIGITS = string.digits + string.ascii_uppercase


def gstin_check_digit(first_fourteen):
    """The last character of a GSTIN: the Luhn check digit to the base of 36 over the fourteen before it.

    The characters weigh 1 and 2 in turn from the left; a product counts as the sum of its two digits in base 36; the
    check digit fills the sum up to a multiple of 36.
    """
    total = 0
    for at, character in enumerate(first_fourteen):
        high, low = divmod(_DIGITS.index(character) * (1 + at % 2), 36)
        total += high + low
    return _DIGITS[-total % 36]


def validate_gstin(value):
    """A validator: ``value`` is a GSTIN that can exist. Raises ValidationError with what to do.

    Rule 10 of the CGST Rules 2017: two characters for the state, ten for the PAN, two for the registration (the second
    is Z), one check character. How that one is made is in no rule; the sample code that GSTN gives developers, and
    `stdnum.in_.gstin` of the library python-stdnum, compute it by the Luhn algorithm modulo 36.
    """
    if not _GSTIN.fullmatch(value):
        raise ValidationError(
            "Enter the 15 capital letters and digits of the GSTIN, like 27AAPFU0939F1ZV.",
            code="invalid",
        )
    if value[:2] not in State.values:
        raise ValidationError(
            f"A GSTIN begins with a state's code, and {value[:2]} is none.", code="state"
        )
    if value[-1] != gstin_check_digit(value[:-1]):
        raise ValidationError(
            "This GSTIN has a typing error: its last character does not fit the others. Compare it with the certificate.",
            code="check_digit",
        )


# NPCI, UPI Linking Specifications: a virtual payment address is name@handle.
_UPI_ID = re.compile(r"[A-Za-z0-9._-]{2,256}@[A-Za-z][A-Za-z0-9.-]{1,63}")


def validate_upi_id(value):
    """A validator: ``value`` looks like a UPI id. Whether it exists only the bank knows. Raises ValidationError."""
    if not _UPI_ID.fullmatch(value):
        raise ValidationError(
            "Enter the UPI id as the bank shows it, like institute@okhdfcbank.", code="invalid"
        )


def validate_fee_reminder(value):
    """Raises ValidationError when the text of a fee reminder has braces around anything but `FEE_PLACEHOLDERS`."""
    _check_words(value, FEE_PLACEHOLDERS)


def validate_attendance_reminder(value):
    """Raises ValidationError when that of an attendance reminder has braces around anything but `ATTENDANCE_PLACEHOLDERS`."""
    _check_words(value, ATTENDANCE_PLACEHOLDERS)


def validate_absence_message(value):
    """Raises ValidationError when the text about an absence has braces around anything but `ABSENCE_PLACEHOLDERS`."""
    _check_words(value, ABSENCE_PLACEHOLDERS)


def _check_words(value, words):
    rest = re.sub("{(" + "|".join(words) + ")}", "", value)
    if "{" in rest or "}" in rest:
        names = ", ".join(f"{{{word}}}" for word in words)
        raise ValidationError(f"Braces may only stand around these words: {names}.")
