"""Tokens of the JSON API, stored as digests.

A token has 256 random bits, so a fast hash is safe.
"""

import datetime
import hashlib
import secrets

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from coachmaster.core.logs import set_user

from .models import ApiToken
from .services import devices, second_factors
from .services.sessions import WRITE_INTERVAL
from .services.sign_in import CONFIRMATION_LASTS, lock_unchanged

SECOND_FACTOR_REQUIRED = (
    "Your institute requires a second factor. Sign in on the site, and set one up."
)
TOO_OLD = "This needs a token of the last ten minutes. Sign in again, then repeat the call."

LIFETIME = datetime.timedelta(hours=24)


def _digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def issue(user, *, request=None, by_factor=False):
    """Return a new token for ``user``, and delete their expired ones.

    Return None if they may not sign in any more as when ``user`` was loaded.
    """
    if not lock_unchanged(user, by_factor=by_factor):
        return None
    token, now = secrets.token_urlsafe(32), timezone.now()
    ApiToken.objects.filter(user=user, expires_at__lte=now).delete()
    row = ApiToken.objects.create(
        digest=_digest(token), user=user, created_at=now, expires_at=now + LIFETIME
    )
    devices.record_token(row, request or HttpRequest())
    return token


def find(token):
    tokens = ApiToken.objects.valid().filter(digest=_digest(token))
    return tokens.select_related(
        "user__membership__group", "user__student_profile", "device"
    ).first()


def check_recent(token):
    """Raise PermissionDenied for an old token, where a page would ask for the password again."""
    if timezone.now() - token.created_at >= CONFIRMATION_LASTS:
        raise PermissionDenied(TOO_OLD)


class Token(HttpBearer):
    def __init__(self, *permissions, optional=False, ends_session=False):
        super().__init__()
        self.permissions, self.optional, self.ends_session = permissions, optional, ends_session

    def __call__(self, request):
        if self.optional and "Authorization" not in request.headers:
            request.user = AnonymousUser()
            return request.user
        person = super().__call__(request)
        if person and not self.ends_session and second_factors.must_set_up(person):
            raise PermissionDenied(SECOND_FACTOR_REQUIRED)
        if person and not person.has_perms(self.permissions):
            raise PermissionDenied
        return person

    def authenticate(self, request, token):
        request.api_token = find(token)
        if request.api_token is None:
            return None
        request.user = request.api_token.user
        set_user(request.user)
        devices.record_token_use(request.api_token, request, every=WRITE_INTERVAL)
        return request.user
