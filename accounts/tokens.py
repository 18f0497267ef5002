"""Tokens of the JSON API: given at sign-in, kept as a digest, in force for a day. To revoke one is to delete its row.

A token of 256 random bits needs no slow hash: nobody tries them all.
"""

import datetime
import hashlib
import secrets

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from ninja.security import HttpBearer

from .models import ApiToken, User

LIFETIME = datetime.timedelta(hours=24)


def _digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def issue(user):
    """A new token for ``user``, as text that is told this once; their tokens whose time is over go.

    None when since ``user`` was loaded the password was changed or the account closed, which had to end this token too.
    """
    unchanged = User.objects.select_for_update(no_key=True).filter(
        password=user.password, is_active=True
    )
    if not unchanged.filter(pk=user.pk).values_list("pk").first():
        return None
    token, now = secrets.token_urlsafe(32), timezone.now()
    ApiToken.objects.filter(user=user, expires_at__lte=now).delete()
    ApiToken.objects.create(
        digest=_digest(token), user=user, created_at=now, expires_at=now + LIFETIME
    )
    return token


def find(token):
    """The ApiToken in force that ``token`` is the text of, with its person, role and record; None without one."""
    people = ApiToken.objects.valid().select_related(
        "user__membership__group", "user__student_profile"
    )
    return people.filter(digest=_digest(token)).first()


def revoke_all(user):
    """End every token of ``user``."""
    ApiToken.objects.filter(user=user).delete()


class Token(HttpBearer):
    """Who may call an operation: anybody with a token, with ``right`` only who has that permission (else 403).

    ``optional`` lets people without a token in as nobody; a dead token is refused there too. The session never counts.
    """

    def __init__(self, right=None, *, optional=False):
        super().__init__()
        self.right, self.optional = right, optional

    def __call__(self, request):
        if self.optional and "Authorization" not in request.headers:
            request.user = AnonymousUser()
            return request.user
        person = super().__call__(request)
        if person and self.right and not person.has_perm(self.right):
            raise PermissionDenied
        return person

    def authenticate(self, request, token):
        request.api_token = find(token)
        if request.api_token is None:
            return None
        request.user = request.api_token.user
        return request.user
