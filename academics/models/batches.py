from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from simple_history.models import HistoricalRecords

from academics import class_times
from accounts.models import as_instructor
from coachmaster.core.constraints import date_bounds, errors_by_field
from coachmaster.core.fields import BoundedDateField, SingleLineField
from coachmaster.core.querysets import ScopedQuerySet

from .enrollments import Enrollment
from .querysets import count_subquery


class BatchQuerySet(ScopedQuerySet):
    def owned_by(self, user_id):
        enrolled = Enrollment.objects.filter(student=user_id).values("batch")
        instructor = as_instructor(user_id)
        return self.filter(Q(instructor__in=instructor) | Q(pk__in=enrolled))

    def taught_by(self, user_id):
        return self.filter(instructor__in=as_instructor(user_id))

    def recorded_by(self, user_id):
        """Batches that the user runs, not those that they attend; all if ``user_id`` is None."""
        return self if user_id is None else self.taught_by(user_id)

    def running(self, first, last=None):
        return self.filter(Q(ends_on__gte=first) | Q(ends_on=None), starts_on__lte=last or first)

    def upcoming(self, on):
        return self.filter(starts_on__gt=on)

    def over(self, on):
        return self.filter(ends_on__lt=on)

    def not_over(self, on):
        return self.filter(Q(ends_on__gte=on) | Q(ends_on=None))

    def search(self, words):
        found = self
        for word in words.split():
            found = found.filter(
                Q(name__icontains=word) | Q(code__icontains=word) | Q(course__name__icontains=word)
            )
        return found

    def with_class_times(self):
        return self.select_related("course", "instructor").prefetch_related("class_times")

    def with_details(self):
        return self.with_class_times().select_related(
            "instructor__membership__group", "instructor__student_profile"
        )

    def with_strength(self):
        """Add ``strength``, the number of active students."""
        return self.annotate(
            strength=count_subquery(
                Enrollment.objects.active().filter(batch=OuterRef("pk")), "batch"
            )
        )

    def for_timetable(self):
        fields = "name", "room", "starts_on", "ends_on", "instructor__full_name"
        return self.select_related("instructor").only(*fields).order_by("name", "pk")

    def for_list(self):
        fields = (
            "name",
            "code",
            "room",
            "class_times_note",
            "capacity",
            "starts_on",
            "ends_on",
            "course__name",
            "instructor__full_name",
        )
        return self.with_class_times().with_strength().only(*fields)


class Batch(models.Model):
    code = SingleLineField(max_length=30, blank=True, help_text="Optional short name, like JEE-M1.")
    course = models.ForeignKey("academics.Course", on_delete=models.PROTECT, related_name="batches")
    instructor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="batches_taught",
    )
    name = SingleLineField(max_length=150)
    starts_on = BoundedDateField("first day")
    ends_on = BoundedDateField(
        "last day", null=True, blank=True, help_text="Leave empty if not decided yet."
    )
    capacity = models.PositiveSmallIntegerField(
        "seats",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Leave empty for no limit.",
    )
    room = SingleLineField(max_length=60, blank=True)
    class_times_note = SingleLineField(
        "class times in words",
        max_length=100,
        blank=True,
        help_text="For example “Mornings, by appointment”. It plans no classes.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = BatchQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        verbose_name_plural = "batches"
        permissions = [("teach_batch", "Can be a batch's instructor")]
        ordering = ["name", "pk"]
        indexes = [
            models.Index(fields=["name", "id"], name="batch_by_name"),
            models.Index(fields=["starts_on", "ends_on"], name="batch_by_days"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["code"],
                condition=~Q(code=""),
                name="batch_code_unique",
                violation_error_message="Another batch has this code.",
            ),
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("starts_on")) | Q(ends_on=None),
                name="batch_ends_after_it_starts",
                violation_error_message="A batch cannot end before it starts.",
            ),
            models.CheckConstraint(
                condition=Q(capacity__gte=1) | Q(capacity=None),
                name="batch_has_a_seat",
                violation_error_message="A batch must have at least one seat.",
            ),
            *date_bounds("batch", "starts_on", "ends_on"),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("academics:batch-detail", args=[self.pk])

    def validate_constraints(self, exclude=None):
        with errors_by_field(self, batch_code_unique="code", batch_ends_after_it_starts="ends_on"):
            super().validate_constraints(exclude)

    def is_over(self, on):
        return self.ends_on is not None and self.ends_on < on

    def is_running(self, on):
        return self.starts_on <= on and not self.is_over(on)

    @property
    def seats_left(self):
        """Free seats, or None without a limit. Needs ``with_strength()``."""
        return None if self.capacity is None else max(self.capacity - self.strength, 0)

    @property
    def slots(self):
        return sorted(
            class_times.Slot(row.weekday, row.starts_at, row.ends_at)
            for row in self.class_times.all()
        )

    @property
    def class_times_text(self):
        return class_times.format_slots(self.slots) or self.class_times_note

    @property
    def class_time_pairs(self):
        """Return [days, times] for each time of day: ``[["Mon-Fri", "17:00-18:30"]]``."""
        text = class_times.format_slots(self.slots)
        return [part.rsplit(" ", 1) for part in text.split("; ") if part]
