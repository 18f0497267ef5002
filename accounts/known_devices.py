"""Devices on which a person signed in before, recognized by a signed cookie.

Wrong passwords of others do not slow down a known device (see `throttling.py`). The cookie signs
nobody in and names nobody: its own name is a keyed hash of the name typed at sign-in, and its value
a random id with a proof that ends with the password.
"""

import secrets

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from coachmaster.core.text import folded

from .backends import EmailOrAdmissionNumberBackend

MAX_COOKIES = 8

_SALT = "accounts.known_devices"


def _hash(kind, text):
    return salted_hmac(f"{_SALT}.{kind}", text, algorithm="sha256").hexdigest()[:32]


def _cookie_name(name):
    return f"{settings.DEVICE_COOKIE_NAME}-{_hash('name', folded(name.strip()))}"


def _proof(device, person):
    return _hash("proof", f"{device} {person.get_session_auth_hash()}")


def device_id(request, name):
    """Return the id of the device if the person with this name signed in on it, or None.

    People are not looked up without a valid cookie, so the time does not reveal who exists.
    """
    value = request.get_signed_cookie(
        _cookie_name(name), default="", salt=_SALT, max_age=settings.DEVICE_COOKIE_AGE
    )
    if not value:
        return None
    device, proof = value.split(".")
    person = EmailOrAdmissionNumberBackend().find(name.strip())
    is_known = person and person.is_active and constant_time_compare(proof, _proof(device, person))
    return device if is_known else None


def remember(request, person):
    """Make the device known with the response to ``request``."""
    request.signed_in_person = person


def set_cookies(request, response, person):
    cookies = [_cookie_name(name) for name in _sign_in_names(person)]
    for cookie in cookies:
        device = secrets.token_urlsafe(16)
        response.set_signed_cookie(
            cookie,
            f"{device}.{_proof(device, person)}",
            salt=_SALT,
            max_age=settings.DEVICE_COOKIE_AGE,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    # Requests with many cookies are refused by servers. Browsers send the oldest ones first.
    prefix = f"{settings.DEVICE_COOKIE_NAME}-"
    others = [key for key in request.COOKIES if key.startswith(prefix) and key not in cookies]
    for cookie in others[: len(cookies) - MAX_COOKIES]:
        response.delete_cookie(cookie)


def _sign_in_names(person):
    profile = getattr(person, "student_profile", None)
    return [name for name in (person.email, profile and profile.admission_number) if name]
