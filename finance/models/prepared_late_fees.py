from django.db import models
from django.db.models import Q
from django.utils import timezone

from coachmaster.core.fields import BoundedDateField, MoneyField


class PreparedLateFees(models.Model):
    """The late fees that could be charged, as `manage.py prepare_late_fees` last found them.

    One row, for a note to the desk. The page that charges them calculates them again.
    """

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    on = BoundedDateField("day")
    students = models.PositiveIntegerField()
    amount = MoneyField()
    prepared_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "prepared late fees"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="prepared_late_fees_has_one_row")
        ]

    def __str__(self):
        return f"Late fees of {self.on}"
