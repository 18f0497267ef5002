"""Links by which people set their own password.

A link is signed, expires, and works once: it depends on the person's current password and email.
"""

import datetime

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User

_SALT = "accounts.invitation"


def _fingerprint(user):
    return salted_hmac(_SALT, f"{user.password}\n{user.email}", algorithm="sha256").hexdigest()[:32]


def invitation_path(user):
    token = signing.dumps([user.pk, _fingerprint(user)], salt=_SALT)
    return reverse("accounts:invitation", args=[token])


def invitation_link(user, request):
    return request.build_absolute_uri(invitation_path(user))


def invited_person(token):
    """Return the active person of an invitation, or None if it is invalid, expired or used."""
    max_age = datetime.timedelta(days=settings.INVITATION_DAYS)
    try:
        pk, fingerprint = signing.loads(token, salt=_SALT, max_age=max_age)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    return user if user and constant_time_compare(fingerprint, _fingerprint(user)) else None
