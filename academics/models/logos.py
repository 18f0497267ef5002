import hashlib

from django.core.cache import cache
from django.db import models
from django.urls import reverse

from coachmaster.core.images import Picture


class LogoManager(models.Manager):
    def store(self, picture):
        """Return the row of a Picture; the same picture is stored once."""
        digest = hashlib.sha256(picture.png).hexdigest()
        return self.get_or_create(digest=digest, defaults=picture._asdict())[0]

    def picture(self, digest):
        """Return the Picture with this digest; None without one."""
        if not digest:
            return None
        # A row never changes, so it can stay in the cache.
        return cache.get_or_set(f"logo-{digest}", lambda: self._picture(digest))

    def _picture(self, digest):
        logo = self.filter(digest=digest).first()
        return logo and Picture(bytes(logo.png), logo.width, logo.height)


class Logo(models.Model):
    """A picture for the letterhead. Append-only, since receipts keep their letterhead."""

    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the PNG.")
    png = models.BinaryField("PNG")
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()

    objects = LogoManager()

    class Meta:
        ordering = ["pk"]

    def __str__(self):
        return f"{self.width} × {self.height} pixels"

    def get_absolute_url(self):
        return reverse("academics:logo", args=[self.digest])
