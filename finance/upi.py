from datetime import date
from decimal import Decimal
from urllib.parse import quote

from coachmaster.core.money import plain, to_paise

# NPCI, UPI Linking Specifications: a note has at most 50 characters, a reference at most 35,
# letters and digits only.
_NOTE, _REFERENCE, _NAME = 50, 35, 99


def payment_link(
    *, upi_id: str, name: str, amount: Decimal, admission_number: str, reference: str
) -> str:
    """Return the `upi://pay` link for a payment of ``amount`` rupees.

    An app may reject a second payment with the same ``reference``. Raise ValueError if the amount
    is not above zero or has fractions of a paisa.
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
    # Spaces become %20, because payment apps do not decode a plus.
    return "upi://pay?" + "&".join(
        f"{key}={quote(value, safe='@')}" for key, value in parts.items() if value
    )


def link_for(student, institute, amount: Decimal, on: date) -> str:
    """Return "" if the institute has no UPI id."""
    if not institute.upi_id:
        return ""
    return payment_link(
        upi_id=institute.upi_id,
        name=institute.name,
        amount=amount,
        admission_number=student.admission_number,
        reference=f"{student.admission_number}{on:%y%m%d}{to_paise(amount)}",
    )
