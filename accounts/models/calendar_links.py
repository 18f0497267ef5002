from django.db import models
from django.utils import timezone

from coachmaster.core.querysets import (
    owned_through,
)

from .people import User


class CalendarLink(models.Model):
    user = models.OneToOneField(
        User,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="calendar_link",
        verbose_name="person",
    )
    # The link is made from the seed and the secret key, so the database alone does not reveal it.
    seed = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)

    objects = owned_through("user")

    class Meta:
        ordering = ["-created_at"]

    def __str__(self):
        return f"{self.user}, {timezone.localtime(self.created_at):%d %b %Y %H:%M}"
