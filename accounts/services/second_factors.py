"""Second factors: an authenticator app or passkeys, and recovery codes beside them.

The rows are those of django-otp. A recovery code has 120 random bits, so that a plain hash of it
is safe to store.
"""

import base64
import hashlib
import secrets

from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential

from accounts import throttling
from accounts.models import SignInRules, User
from coachmaster.core.logs import log_event

from . import emails, passkeys
from .devices import other_devices

RECOVERY_CODES = 10
WRONG_CODE = "This is not valid. Enter the newest code of the app, or an unused recovery code."
WRONG_PASSKEY = "The passkey was not accepted. Try again, or enter a code."
NO_SUCH_CODE = "This is not the newest code of the app. Wait for the next one, and enter it."

_FACTORS = [TOTPDevice, WebAuthnCredential]


def has_second_factor(user):
    """Whether ``user`` has an authenticator app or a passkey."""
    return any(kind.objects.devices_for_user(user, confirmed=True).exists() for kind in _FACTORS)


def must_set_up(user):
    """Whether the institute requires a second factor of ``user``, who has none.

    Every request asks; that somebody has one is cached for a minute.
    """
    if not _is_required(user) or cache.get(_cache_key(user)):
        return False
    if has_second_factor(user):
        cache.set(_cache_key(user), True, 60)
        return False
    return True


def _cache_key(user):
    return f"has_second_factor:{user.pk}"


def _is_required(user):
    required = SignInRules.objects.cached_requirement()
    if required == SignInRules.Required.NOBODY:
        return False
    grants_roles = user.has_perm("accounts.change_membership")
    return grants_roles or (required == SignInRules.Required.STAFF and user.is_employee)


def recovery_codes_left(user):
    return StaticToken.objects.filter(device__user=user).count()


# Checking ----------------------------------------------------------------------------------------


def check_code(user, code):
    """Raise ValidationError unless ``code`` is one of ``user``; raise TooManyTries at a limit.

    A code works once. Call it outside of a transaction, so that a rollback does not undo the count.
    Only codes of the app are counted, since nobody guesses a recovery code or a passkey.
    """
    token = "".join(code.replace("-", "").split()).lower()
    if len(token) != 6 or not (token.isascii() and token.isdigit()):
        _check(user, _use_recovery_code(user, token), WRONG_CODE)
        return
    with throttling.limited(*throttling.code_tries(user)):
        _check(user, _use(TOTPDevice, user, token), WRONG_CODE)


def check_answer(request, user, answer):
    """Check a code, or the answer of a passkey, which is a JSON object, like `check_code`."""
    if answer.startswith("{"):
        _check(user, passkeys.is_accepted(request, user, answer), WRONG_PASSKEY)
    else:
        check_code(user, answer)


def _check(user, is_valid, message):
    if not is_valid:
        log_event("second factor failed", account=user.pk)
        raise ValidationError(message, code="wrong")


@transaction.atomic
def _use(kind, user, token):
    devices = kind.objects.devices_for_user(user, confirmed=True).select_for_update()
    return any(device.verify_token(token) for device in devices)


@transaction.atomic
def _use_recovery_code(user, token):
    is_valid = _use(StaticDevice, user, _hashed(token))
    if is_valid:
        left = recovery_codes_left(user)
        message = f"One of your recovery codes was used. Codes left: {left}."
        emails.notify_account_changed(user, message)
    return is_valid


def _hashed(code):
    """Return what is stored of a recovery code: 96 bits of SHA-256, as `StaticToken` has room."""
    return base64.b64encode(hashlib.sha256(code.encode()).digest()[:12]).decode()


# Changes -----------------------------------------------------------------------------------------


@transaction.atomic
def add_app(request, *, key, code):
    """Add the authenticator app with this secret in place of an earlier one.

    The first factor signs out all other devices. Return new recovery codes if the person has none.
    """
    person = _locked(request.user)
    _sign_out_others_without_factor(request, person)
    TOTPDevice.objects.filter(user=person).delete()
    app = TOTPDevice.objects.create(user=person, name="Authenticator app", key=key)
    if not app.verify_token(code.replace(" ", "")):
        raise ValidationError({"code": NO_SUCH_CODE})
    _record(person, "An authenticator app was added as second factor")
    return _first_recovery_codes(person)


@transaction.atomic
def remove_app(user):
    person = _locked(user)
    TOTPDevice.objects.filter(user=person).delete()
    _record(person, "The authenticator app was removed as second factor")
    _remove_codes_without_factor(person)


@transaction.atomic
def add_passkey(request, *, name, answer):
    """Add the passkey that the browser made, with the consequences of `add_app`."""
    person = _locked(request.user)
    _sign_out_others_without_factor(request, person)
    passkeys.create(request, person, name=name, answer=answer)
    _record(person, f"The passkey {name} was added as second factor")
    return _first_recovery_codes(person)


@transaction.atomic
def remove_passkey(user, passkey):
    person = _locked(user)
    passkey.delete()
    _record(person, f"The passkey {passkey.name} was removed as second factor")
    _remove_codes_without_factor(person)


@transaction.atomic
def renew_recovery_codes(user):
    person = _locked(user)
    codes = _create_codes(person)
    _record(person, "New recovery codes were made; the old ones no longer work")
    return codes


@transaction.atomic
def remove_second_factor(user):
    """Remove all factors of a person who lost them, and sign them out everywhere.

    Return whether there were any.
    """
    person = _locked(user)
    had_factor = has_second_factor(person)
    for kind in [*_FACTORS, StaticDevice]:
        kind.objects.filter(user=person).delete()
    throttling.forget_tries(*throttling.code_tries(person))
    if had_factor:
        person.devices.sign_out()  # a lost phone may be signed in
        _record(person, "The second factor was removed by the office")
    return had_factor


def _locked(user):
    return User.objects.select_for_update().get(pk=user.pk)


def _sign_out_others_without_factor(request, person):
    """End the sessions and tokens for which the password was enough."""
    if not has_second_factor(person):
        other_devices(request, person).sign_out()


def _record(person, change):
    """Write a line of history with ``change``, and notify the person."""
    cache.delete(_cache_key(person))
    person._change_reason = change
    person.save(update_fields=["is_active"])
    log_event("second factor changed", account=person.pk)
    emails.notify_account_changed(person, f"{change}.")


def _first_recovery_codes(person):
    return [] if recovery_codes_left(person) else _create_codes(person)


def _create_codes(person):
    StaticDevice.objects.filter(user=person).delete()
    device = StaticDevice.objects.create(user=person, name="Recovery codes")
    codes = [
        base64.b32encode(secrets.token_bytes(15)).decode().lower() for _ in range(RECOVERY_CODES)
    ]
    StaticToken.objects.bulk_create(
        StaticToken(device=device, token=_hashed(code)) for code in codes
    )
    return ["-".join(code[n : n + 4] for n in range(0, 24, 4)) for code in codes]


def _remove_codes_without_factor(person):
    if not has_second_factor(person):
        StaticDevice.objects.filter(user=person).delete()


# Sign-in with two steps --------------------------------------------------------------------------

_HALF_SIGNED_IN = "half_signed_in"
#: Seconds between the password and the code.
_SECOND_STEP_LASTS = 300


def begin_second_step(request, user, *, next, unsaved=""):
    """Store in the session that the password of ``user`` was right; nobody is signed in."""
    if SESSION_KEY in request.session:
        request.session.flush()  # that of another person
    else:
        request.session.cycle_key()  # keeps what a visitor has, as Django's sign-in does
    request.session[_HALF_SIGNED_IN] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "at": timezone.now().timestamp(),
        "next": next,
        "unsaved": unsaved,
    }


def second_step(request):
    """Return ``(person, state)`` of `begin_second_step`; the person is None if it is over."""
    state = request.session.get(_HALF_SIGNED_IN)
    if state is None:
        return None, {"next": "", "unsaved": ""}
    age = timezone.now().timestamp() - state["at"]
    person = User.objects.with_role().filter(pk=state["user"], is_active=True).first()
    is_valid = (
        person is not None
        and 0 <= age < _SECOND_STEP_LASTS
        and constant_time_compare(state["hash"], person.get_session_auth_hash())
    )
    return (person if is_valid else None), state


def end_second_step(request):
    request.session.pop(_HALF_SIGNED_IN, None)
