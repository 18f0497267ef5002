from django.db import models


class Attempts(models.Model):
    """The number of tries for one limit and subject; the key is a hash of both."""

    key = models.CharField(max_length=64, primary_key=True)
    limit = models.CharField(max_length=40)
    count = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "attempts"

    def __str__(self):
        return f"{self.limit}: {self.count}"
