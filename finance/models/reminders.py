from django.db import models

from accounts.models import StudentProfile
from coachmaster.core.fields import MoneyField
from coachmaster.core.reminders import SentReminder

from .querysets import OwnRowsQuerySet


class FeeReminder(SentReminder):
    """A fee reminder that was sent, or opened in WhatsApp."""

    student = models.ForeignKey(
        StudentProfile, on_delete=models.CASCADE, related_name="fee_reminders"
    )
    amount = MoneyField()

    objects = OwnRowsQuerySet.as_manager()

    class Meta:
        ordering = ["-sent_at"]
        indexes = [models.Index(fields=["student", "-sent_at"], name="reminder_by_student")]

    def __str__(self):
        return f"{self.student}, {self.sent_at:%d %b %Y}"
