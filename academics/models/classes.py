from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.formats import date_format
from simple_history.models import HistoricalRecords

from academics import class_times
from coachmaster.core.constraints import date_bounds
from coachmaster.core.fields import BoundedDateField, SingleLineField
from coachmaster.core.text import folded

from .batches import Batch


class ClassTime(models.Model):
    """One weekly class of a batch."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="class_times")
    weekday = models.PositiveSmallIntegerField(choices=list(enumerate(class_times.WEEKDAYS)))
    starts_at = models.TimeField("from")
    ends_at = models.TimeField("to")

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


class ClassChangeQuerySet(models.QuerySet):
    def touching(self, first, last):
        """Changes that take out or put in a class from ``first`` to ``last``, both included."""
        return self.filter(Q(day__range=(first, last)) | Q(to_day__range=(first, last)))


class ClassChange(models.Model):
    """One change to the timetable of a batch: a class called off, moved, or held besides the weekly ones.

    ``day`` and its times name the class that is taken out, ``to_day`` and its times the one that is put in. A cancelled
    class has only the first, an extra one only the second, a moved one both. Taking the change back deletes it; its
    history stays.
    """

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="class_changes")
    day = BoundedDateField("class of", null=True, blank=True)
    starts_at = models.TimeField("class from", null=True, blank=True)
    ends_at = models.TimeField("class to", null=True, blank=True)
    to_day = BoundedDateField("held on", null=True, blank=True)
    to_starts_at = models.TimeField("held from", null=True, blank=True)
    to_ends_at = models.TimeField("held to", null=True, blank=True)
    room = SingleLineField(max_length=60, blank=True, help_text="Empty: the room of the batch.")
    reason = SingleLineField(max_length=200)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ClassChangeQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = "change of class"
        verbose_name_plural = "changes of class"
        ordering = ["-changed_at", "-pk"]
        indexes = [
            models.Index(fields=["day"], name="class_change_by_day"),
            models.Index(fields=["to_day"], name="class_change_by_to_day"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "day", "starts_at"],
                name="class_change_one_a_class",
                violation_error_message="This class is cancelled or moved already.",
            ),
            models.UniqueConstraint(
                fields=["batch", "to_day", "to_starts_at"],
                name="class_change_one_at_a_time",
                violation_error_message="Another class of this batch was put at this time already.",
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
                violation_error_message="Name the day of the class, and its times.",
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
                violation_error_message="Enter the day and both times; a class must end after it starts.",
            ),
            models.CheckConstraint(
                condition=Q(day__isnull=False) | Q(to_day__isnull=False),
                name="class_change_not_empty",
                violation_error_message="A change takes a class out, or puts one in.",
            ),
            models.CheckConstraint(
                condition=~Q(reason=""),
                name="class_change_has_a_reason",
                violation_error_message="Say why.",
            ),
            *date_bounds("class_change", "day", "to_day"),
        ]

    def __str__(self):
        return f"{self.batch}: {self.words}"

    @property
    def is_cancelled(self):
        """Whether the class is not held at all."""
        return self.to_day is None

    @property
    def is_extra(self):
        """Whether the class is held besides those of the timetable."""
        return self.day is None

    @property
    def keeps_start(self):
        """Whether the class begins when it would have: only its end or its room is another."""
        return self.day is not None and (self.day, self.starts_at) == (
            self.to_day,
            self.to_starts_at,
        )

    @property
    def words(self):
        """What was changed: `Moved from Mon 1 Jun, 17:00 to Tue 2 Jun, 18:00`."""
        if self.is_extra:
            return f"Extra class on {class_label(self.to_day, self.to_starts_at)}{self._where}"
        if self.is_cancelled:
            return f"Cancelled: the class of {class_label(self.day, self.starts_at)}"
        if self.keeps_start:
            return f"Changed: the class of {class_label(self.day, self.starts_at)}, until {self.to_ends_at:%H:%M}{self._where}"
        when = class_label(self.to_day, self.to_starts_at)
        return f"Moved from {class_label(self.day, self.starts_at)} to {when}{self._where}"

    @property
    def _where(self):
        return f" in {room_label(self.room)}" if self.room else ""

    @property
    def called_off_note(self):
        """What stands at the class that is taken out: `Moved to Tue 2 Jun, 18:00: hall is taken`."""
        what = (
            "Cancelled"
            if self.is_cancelled
            else f"Moved to {class_label(self.to_day, self.to_starts_at)}"
        )
        return f"{what}: {self.reason}"

    @property
    def held_note(self):
        """What stands at the class that is put in: `Moved from Mon 1 Jun, 17:00: hall is taken`."""
        if self.keeps_start:
            return f"Changed: {self.reason}"
        what = (
            "Extra class"
            if self.is_extra
            else f"Moved from {class_label(self.day, self.starts_at)}"
        )
        return f"{what}: {self.reason}"


def class_label(day, starts_at):
    """When a class begins, as sentences name it: `Mon 1 Jun, 17:00`."""
    return f"{date_format(day, 'D j M')}, {starts_at:%H:%M}"


def room_label(room):
    """A room as sentences name it: `Room 2` for "2" and "Room 2" alike."""
    return room if folded(room).startswith("room") else f"Room {room}"
