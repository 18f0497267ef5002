import re
import string

from django.core.exceptions import ValidationError

from coachmaster.core.states import State

_GSTIN = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]")
_DIGITS = string.digits + string.ascii_uppercase


def gstin_check_digit(first_fourteen):
    """Return the last character, by the Luhn algorithm modulo 36."""
    total = 0
    for at, character in enumerate(first_fourteen):
        high, low = divmod(_DIGITS.index(character) * (1 + at % 2), 36)
        total += high + low
    return _DIGITS[-total % 36]


def validate_gstin(value):
    """Check a GSTIN by rule 10 of the CGST Rules 2017.

    The check digit is that of GSTN's sample code and of python-stdnum.
    """
    if not _GSTIN.fullmatch(value):
        raise ValidationError(
            "Enter the 15 capital letters and digits of the GSTIN, like 27AAPFU0939F1ZV.",
            code="invalid",
        )
    if value[:2] not in State.values:
        raise ValidationError(
            f"A GSTIN begins with a state code, and {value[:2]} is not one.", code="state"
        )
    if value[-1] != gstin_check_digit(value[:-1]):
        raise ValidationError(
            "This GSTIN has a typing error: the last character does not match the others. "
            "Compare it with the certificate.",
            code="check_digit",
        )


# NPCI, UPI Linking Specifications: a virtual payment address is name@handle.
_UPI_ID = re.compile(r"[A-Za-z0-9._-]{2,256}@[A-Za-z][A-Za-z0-9.-]{1,63}")


def validate_upi_id(value):
    if not _UPI_ID.fullmatch(value):
        raise ValidationError(
            "Enter the UPI id as the bank shows it, like institute@okhdfcbank.", code="invalid"
        )
