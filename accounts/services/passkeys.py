"""Passkeys as second factors, by django-otp-webauthn.

The page of a form carries the options of a ceremony, and its hidden field the browser's answer.
"""

import json

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django_otp_webauthn.exceptions import OTPWebAuthnApiError
from django_otp_webauthn.helpers import WebAuthnHelper
from django_otp_webauthn.models import WebAuthnCredential
from webauthn.helpers.exceptions import WebAuthnException

MOST_PASSKEYS = 10

_NEW, _ASKED = "new_passkey", "asked_passkey"
#: What answers cause that no browser gives: the last five are for odd JSON.
_REFUSALS = (
    WebAuthnException,
    OTPWebAuthnApiError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
)


class Helper(WebAuthnHelper):
    def get_credential_name(self, user):
        return user.email or user.full_name

    def get_credential_display_name(self, user):
        return user.full_name


def passkeys_of(user):
    return WebAuthnCredential.objects.filter(user=user).order_by("pk")


def options_to_create(request):
    options, request.session[_NEW] = _helper(request).register_begin(user=request.user)
    return json.dumps(options)


def create(request, user, *, name, answer):
    state = request.session.pop(_NEW, None)
    if passkeys_of(user).count() >= MOST_PASSKEYS:
        raise ValidationError(f"You have {MOST_PASSKEYS} passkeys already. Remove one first.")
    try:
        with transaction.atomic():
            passkey = _helper(request).register_complete(
                user=user, state=state, data=json.loads(answer)
            )
    except (*_REFUSALS, IntegrityError) as error:
        raise ValidationError("The passkey was not created. Try again.") from error
    rename(passkey, name)


def rename(passkey, name):
    passkey.name = name
    passkey.save(update_fields=["name"])


def options_to_ask(request, user):
    """Return the options to ask for one of the person's passkeys, or "" without any."""
    if not passkeys_of(user).exists():
        return ""
    options, request.session[_ASKED] = _helper(request).authenticate_begin(
        user=user, require_user_verification=False
    )
    return json.dumps(options)


def is_accepted(request, user, answer):
    """Whether ``answer`` is that of a passkey of ``user`` to the last options, once."""
    state = request.session.pop(_ASKED, None)
    try:
        with transaction.atomic():
            _helper(request).authenticate_complete(user=user, state=state, data=json.loads(answer))
    except _REFUSALS:
        return False
    return True


def _helper(request):
    return WebAuthnCredential.get_webauthn_helper(request)
