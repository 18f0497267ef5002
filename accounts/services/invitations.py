"""Links by which people set their own password: invitations, and resets that they ask for.

A link is signed, expires, and works once: it depends on the person's current password, email, last
sign-in and permissions. So somebody who kept a link cannot use it after a promotion. An invitation
also ends when its maker may not make it any more.
"""

import datetime

from django.conf import settings
from django.contrib.auth.models import Permission
from django.core import signing
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User
from coachmaster.core.logs import log_event

_INVITATION, _RESET = "accounts:invitation", "accounts:password-reset-confirm"


def invitation_link(user, *, by):
    """Return a link to show or send to ``user``, and log it. ``by`` is None at a shell."""
    log_event("invitation made", account=user.pk)
    return _link(_INVITATION, user, maker_id=by and by.pk)


def invited_person(token):
    """Return the active person of an invitation, or None if it is invalid, expired or used."""
    return _person(_INVITATION, token, datetime.timedelta(days=settings.INVITATION_DAYS))


def reset_link(user):
    """Return a link to send to the email address of ``user``, who asked for it."""
    return _link(_RESET, user)


def resetting_person(token):
    """Return the active person of a reset link, or None if it is invalid, expired or used."""
    return _person(_RESET, token, settings.PASSWORD_RESET_TIMEOUT)


def _link(page, user, maker_id=None):
    token = signing.dumps([user.pk, _fingerprint(user), maker_id], salt=page)
    return f"{settings.SITE_URL}{reverse(page, args=[token])}"


def _person(page, token, max_age):
    try:
        pk, fingerprint, maker_id = signing.loads(token, salt=page, max_age=max_age)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    if user is None or not constant_time_compare(fingerprint, _fingerprint(user)):
        return None
    return user if maker_id is None or _may_invite(maker_id, user) else None


def _fingerprint(user):
    allowed = Permission.objects.filter(group__user=user).order_by("pk")
    permissions = list(allowed.values_list("pk", flat=True))
    text = f"{user.password}\n{user.email}\n{user.last_login}\n{user.is_superuser}\n{permissions}"
    return salted_hmac(_INVITATION, text, algorithm="sha256").hexdigest()[:32]


def _may_invite(maker_id, user):
    """Return whether the maker of a link may still make it.

    With the permission to add people only, they may invite people who have no password yet.
    """
    maker = User.objects.get(pk=maker_id)
    people = User.objects.manageable_by(maker).filter(pk=user.pk)
    if maker.has_perm("accounts.change_user"):
        return people.visible_to(maker).exists()
    return maker.has_perm("accounts.add_user") and user.is_invited and people.exists()
