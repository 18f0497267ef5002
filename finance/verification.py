"""The link by which anyone can check a receipt: it names the receipt, and only this institute can have made it."""

from django.core import signing


def _signer():
    """Without a time in it, a token is short enough for a small QR code and the same on every print of the receipt.

    Receipts are kept for years: when SECRET_KEY changes, the old one stays in SECRET_KEY_FALLBACKS.
    """
    return signing.Signer(salt="finance.receipt", sep=".")


def receipt_token(payment_pk: int) -> str:
    """What stands for a receipt in the address of its public page; letters, digits and `-_.` only. Never expires."""
    return _signer().sign(str(payment_pk))


def payment_id_from_token(token: str) -> int | None:
    """The key of the payment that ``token`` was made for; None when it was not made here."""
    try:
        return int(_signer().unsign(token))
    except signing.BadSignature:
        return None
