"""Links by which people set their own password.

A link is signed, expires, and works once: it depends on the person's current password, email, last
sign-in and permissions. So somebody who kept a link cannot use it after a promotion.
"""

import datetime

from django.conf import settings
from django.contrib.auth.models import Permission
from django.core import signing
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User
from coachmaster.core.logs import log_event

_SALT = "accounts.invitation"


def _fingerprint(user):
    allowed = Permission.objects.filter(group__user=user).order_by("pk")
    permissions = list(allowed.values_list("pk", flat=True))
    text = f"{user.password}\n{user.email}\n{user.last_login}\n{user.is_superuser}\n{permissions}"
    return salted_hmac(_SALT, text, algorithm="sha256").hexdigest()[:32]


def invitation_link(user):
    """Return a link to show or send to ``user``, and log it."""
    token = signing.dumps([user.pk, _fingerprint(user)], salt=_SALT)
    log_event("invitation made", account=user.pk)
    return f"{settings.SITE_URL}{reverse('accounts:invitation', args=[token])}"


def invited_person(token):
    """Return the active person of an invitation, or None if it is invalid, expired or used."""
    max_age = datetime.timedelta(days=settings.INVITATION_DAYS)
    try:
        pk, fingerprint = signing.loads(token, salt=_SALT, max_age=max_age)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    return user if user and constant_time_compare(fingerprint, _fingerprint(user)) else None
