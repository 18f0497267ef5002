from django.core import signing


def _signer():
    # Without a timestamp, the token is short enough for a small QR code and the same on every
    # copy. Receipts are valid for years: when SECRET_KEY changes, the old key must stay in
    # SECRET_KEY_FALLBACKS.
    return signing.Signer(salt="finance.receipt", sep=".")


def receipt_token(payment_pk: int) -> str:
    return _signer().sign(str(payment_pk))


def payment_id_from_token(token: str) -> int | None:
    try:
        return int(_signer().unsign(token))
    except signing.BadSignature:
        return None
