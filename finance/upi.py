"""Paying by UPI: the link that opens a payment app with payee and amount filled in."""

from datetime import date
from decimal import Decimal
from urllib.parse import quote

from coachmaster.core.money import plain, to_paise

# NPCI, UPI Linking Specifications: notes have at most 50 characters, references at most 35, letters and digits only.
_NOTE, _REFERENCE, _NAME = 50, 35, 99


def payment_link(
    *, upi_id: str, name: str, amount: Decimal, admission_number: str, reference: str
) -> str:
    """The `upi://pay` link by which a student pays ``amount`` (rupees) to the institute.

    The note is `Fees` and the admission number. Of the reference letters and digits count; an app may refuse a second
    payment with the same one, so it should change with what is due. Raises ValueError when the amount is not above
    zero or has parts of a paisa.
    """
    if to_paise(amount) <= 0:
        raise ValueError(f"{amount} cannot be paid")
    parts = {
        "pa": upi_id,
        "pn": name[:_NAME],
        "am": plain(amount),
        "cu": "INR",
        "tn": f"Fees {admission_number}"[:_NOTE],
        "tr": "".join(c for c in reference if c.isascii() and c.isalnum())[:_REFERENCE],
    }
    # A space is %20: payment apps show a plus as a plus.
    return "upi://pay?" + "&".join(
        f"{key}={quote(value, safe='@')}" for key, value in parts.items() if value
    )


def link_for(student, institute, amount: Decimal, on: date) -> str:
    """The link by which ``student`` pays ``amount`` (rupees) on that day; "" when the institute has no UPI id."""
    if not institute.upi_id:
        return ""
    return payment_link(
        upi_id=institute.upi_id,
        name=institute.name,
        amount=amount,
        admission_number=student.admission_number,
        reference=f"{student.admission_number}{on:%y%m%d}{to_paise(amount)}",
    )
