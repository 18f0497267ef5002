from django.db import models
from django.urls import reverse

from coachmaster.core.constraints import date_bounds
from coachmaster.core.fields import BoundedDateField, SingleLineField


class Holiday(models.Model):
    day = BoundedDateField(
        "date", unique=True, error_messages={"unique": "There is already a holiday on this date."}
    )
    name = SingleLineField(max_length=100)

    class Meta:
        ordering = ["day"]
        constraints = date_bounds("holiday", "day")

    def __str__(self):
        return f"{self.name}, {self.day:%d %b %Y}"

    def get_absolute_url(self):
        return reverse("academics:holiday-update", args=[self.pk])
