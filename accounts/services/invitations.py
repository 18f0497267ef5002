"""Links by which a person sets a password that nobody else has seen.

A link is signed, lasts for a number of days, and works once: it is bound to the password (or the lack of one) and the
e-mail address that the person had when it was made.
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
    """The path of the page on which ``user`` sets their password."""
    return reverse(
        "accounts:invitation", args=[signing.dumps([user.pk, _fingerprint(user)], salt=_SALT)]
    )


def invitation_link(user, request):
    """The address that ``user`` opens to set their password."""
    return request.build_absolute_uri(invitation_path(user))


def invited_person(token):
    """The active person a link was made for, or None when it is no link of ours, too old, or used."""
    try:
        pk, state = signing.loads(
            token, salt=_SALT, max_age=datetime.timedelta(days=settings.INVITATION_DAYS)
        )
    except (signing.BadSignature, ValueError, TypeError):
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    return user if user and constant_time_compare(state, _fingerprint(user)) else None
