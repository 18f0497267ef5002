from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.formats import date_format
from simple_history.models import HistoricalRecords

from academics import class_times
from coachmaster.core.constraints import date_bounds
from coachmaster.core.fields import BoundedDateField, SingleLineField
from coachmaster.core.querysets import ScopedQuerySet, owned_through
from coachmaster.core.text import folded

from .batches import Batch


class ClassTime(models.Model):
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="class_times")
    weekday = models.PositiveSmallIntegerField(choices=list(enumerate(class_times.WEEKDAYS)))
    starts_at = models.TimeField("from")
    ends_at = models.TimeField("to")

    objects = owned_through("batch")

    class Meta:
        ordering = ["weekday", "starts_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "weekday", "starts_at"], name="class_time_unique"
            ),
            models.CheckConstraint(
                condition=Q(weekday__range=(0, 6)), name="class_time_weekday_known"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="class_time_ends_after_it_starts",
                violation_error_message="A class must end after it starts.",
            ),
        ]

    def __str__(self):
        return f"{self.get_weekday_display()} {self.starts_at:%H:%M}-{self.ends_at:%H:%M}"


class ClassChangeQuerySet(ScopedQuerySet):
    owner = "batch"

    def touching(self, first, last):
        return self.filter(Q(day__range=(first, last)) | Q(to_day__range=(first, last)))


class ClassChange(models.Model):
    """A class that is cancelled (no new day), moved, or added (only a new day)."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="class_changes")
    day = BoundedDateField("class of", null=True, blank=True)
    starts_at = models.TimeField("class from", null=True, blank=True)
    ends_at = models.TimeField("class to", null=True, blank=True)
    to_day = BoundedDateField("held on", null=True, blank=True)
    to_starts_at = models.TimeField("held from", null=True, blank=True)
    to_ends_at = models.TimeField("held to", null=True, blank=True)
    room = SingleLineField(
        max_length=60, blank=True, help_text="Leave empty for the room of the batch."
    )
    reason = SingleLineField(max_length=200)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ClassChangeQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "class change"
        verbose_name_plural = "class changes"
        ordering = ["-changed_at", "-pk"]
        indexes = [
            models.Index(fields=["day"], name="class_change_by_day"),
            models.Index(fields=["to_day"], name="class_change_by_to_day"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "day", "starts_at"],
                name="class_change_one_a_class",
                violation_error_message="This class was already cancelled or moved.",
            ),
            models.UniqueConstraint(
                fields=["batch", "to_day", "to_starts_at"],
                name="class_change_one_at_a_time",
                violation_error_message="This batch already has another class at this time.",
            ),
            models.CheckConstraint(
                condition=Q(day=None, starts_at=None, ends_at=None)
                | Q(
                    day__isnull=False,
                    starts_at__isnull=False,
                    ends_at__isnull=False,
                    ends_at__gt=F("starts_at"),
                ),
                name="class_change_original_class_complete",
                violation_error_message="Enter the day of the class and both times.",
            ),
            models.CheckConstraint(
                condition=Q(to_day=None, to_starts_at=None, to_ends_at=None)
                | Q(
                    to_day__isnull=False,
                    to_starts_at__isnull=False,
                    to_ends_at__isnull=False,
                    to_ends_at__gt=F("to_starts_at"),
                ),
                name="class_change_new_class_complete",
                violation_error_message="Enter the day and both times. "
                "A class must end after it starts.",
            ),
            models.CheckConstraint(
                condition=Q(day__isnull=False) | Q(to_day__isnull=False),
                name="class_change_not_empty",
                violation_error_message="Enter the class that changes, "
                "or the day of an extra class.",
            ),
            models.CheckConstraint(
                condition=~Q(reason=""),
                name="class_change_has_a_reason",
                violation_error_message="Enter a reason.",
            ),
            *date_bounds("class_change", "day", "to_day"),
        ]

    def __str__(self):
        return f"{self.batch}: {self.description}"

    @property
    def is_cancelled(self):
        return self.to_day is None

    @property
    def is_extra(self):
        return self.day is None

    @property
    def keeps_start(self):
        return self.day is not None and (self.day, self.starts_at) == (
            self.to_day,
            self.to_starts_at,
        )

    @property
    def description(self):
        if self.is_extra:
            return f"Extra class on {self._new_label}{self._room_suffix}"
        if self.is_cancelled:
            return f"Cancelled: the class of {self._original_label}"
        if self.keeps_start:
            end = f"until {self.to_ends_at:%H:%M}{self._room_suffix}"
            return f"Changed: the class of {self._original_label}, {end}"
        return f"Moved from {self._original_label} to {self._new_label}{self._room_suffix}"

    @property
    def _original_label(self):
        return class_label(self.day, self.starts_at)

    @property
    def _new_label(self):
        return class_label(self.to_day, self.to_starts_at)

    @property
    def _room_suffix(self):
        return f" in {room_label(self.room)}" if self.room else ""

    @property
    def called_off_note(self):
        """`Moved to Tue 2 Jun, 18:00: hall is taken`."""
        action = "Cancelled" if self.is_cancelled else f"Moved to {self._new_label}"
        return f"{action}: {self.reason}"

    @property
    def held_note(self):
        """`Moved from Mon 1 Jun, 17:00: hall is taken`."""
        if self.keeps_start:
            return f"Changed: {self.reason}"
        action = "Extra class" if self.is_extra else f"Moved from {self._original_label}"
        return f"{action}: {self.reason}"


def class_label(day, starts_at):
    return f"{date_format(day, 'D j M')}, {starts_at:%H:%M}"


def room_label(room):
    """Return `Room 2` for both "2" and "Room 2"."""
    return room if folded(room).startswith("room") else f"Room {room}"
