import re

import pytest
from django.core import signing
from django.test import override_settings

from finance.verification import payment_id_from_token, receipt_token


def test_token_identifies_its_receipt_and_is_safe_in_urls():
    token = receipt_token(42)
    assert payment_id_from_token(token) == 42
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,60}", token)
    assert receipt_token(42) == token


@pytest.mark.parametrize(
    "forge",
    [lambda t: "43" + t[2:], lambda t: t[:-1], lambda t: "", lambda t: "42", lambda t: t + "\0"],
)
def test_forged_token_is_rejected(forge):
    assert payment_id_from_token(forge(receipt_token(42))) is None


def test_signature_for_another_purpose_is_rejected():
    assert payment_id_from_token(signing.Signer(sep=".").sign("42")) is None


def test_token_is_valid_after_the_secret_key_changed():
    with override_settings(SECRET_KEY="the old one"):
        token = receipt_token(42)
    with override_settings(SECRET_KEY="the new one", SECRET_KEY_FALLBACKS=["the old one"]):
        assert payment_id_from_token(token) == 42
    with override_settings(SECRET_KEY="the new one", SECRET_KEY_FALLBACKS=[]):
        assert payment_id_from_token(token) is None
