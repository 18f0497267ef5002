from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Q
from django.utils import timezone

from coachmaster.core.querysets import (
    ScopedQuerySet,
)

from .people import User


class ApiTokenQuerySet(ScopedQuerySet):
    owner = "user"

    def valid(self):
        return self.filter(expires_at__gt=timezone.now(), user__is_active=True)


class ApiToken(models.Model):
    """A token of the JSON API, as a digest. Deleting the row revokes the token."""

    digest = models.CharField(max_length=64, unique=True, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="api_tokens", verbose_name="person"
    )
    created_at = models.DateTimeField("signed in", default=timezone.now, editable=False)
    expires_at = models.DateTimeField("ends", editable=False, db_index=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at", "-pk"]

    def __str__(self):
        return f"{self.user}, {timezone.localtime(self.created_at):%d %b %Y %H:%M}"


class DeviceQuerySet(ScopedQuerySet):
    owner = "user"

    def signed_in(self):
        now = timezone.now()
        return self.select_related("session", "token").filter(
            Q(session__expire_date__gt=now) | Q(token__expires_at__gt=now)
        )

    def sign_out(self):
        """End the sessions and API tokens at once, and return their number."""
        rows = list(self.values_list("session", "token"))
        # The rows of the devices are deleted with them.
        Session.objects.filter(pk__in=[session for session, _ in rows if session]).delete()
        ApiToken.objects.filter(pk__in=[token for _, token in rows if token]).delete()
        return len(rows)


class Device(models.Model):
    """A browser or program where a person is signed in. Deleted with its session or API token.

    The key of the session is stored as in Django's own table of sessions.
    """

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="devices", verbose_name="person"
    )
    session = models.OneToOneField(Session, on_delete=models.CASCADE, null=True, editable=False)
    token = models.OneToOneField(ApiToken, on_delete=models.CASCADE, null=True, editable=False)
    description = models.CharField(max_length=60)
    address = models.CharField(max_length=50, blank=True)
    first_used_at = models.DateTimeField("signed in", default=timezone.now)
    last_used_at = models.DateTimeField("last used", default=timezone.now)

    objects = DeviceQuerySet.as_manager()

    class Meta:
        ordering = ["-last_used_at", "-pk"]
        default_permissions = ["view", "delete"]
        constraints = [
            models.CheckConstraint(
                condition=Q(session__isnull=False, token__isnull=True)
                | Q(session__isnull=True, token__isnull=False),
                name="device_of_session_or_token",
            ),
        ]

    def __str__(self):
        return f"{self.user}, {self.description}"

    @property
    def ends_at(self):
        return self.token.expires_at if self.token_id else self.session.expire_date
