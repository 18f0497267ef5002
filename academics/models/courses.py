from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from simple_history.models import HistoricalRecords

from coachmaster.core.constraints import DatabaseOnlyConstraint, errors_by_field
from coachmaster.core.fields import MoneyField, MultiLineField, SingleLineField
from coachmaster.core.money import ZERO

from .batches import Batch
from .enrollments import Enrollment
from .querysets import count_subquery


class CourseQuerySet(models.QuerySet):
    def search(self, words):
        found = self
        for word in words.split():
            found = found.filter(Q(name__icontains=word) | Q(code__icontains=word))
        return found

    def with_counts(self, on):
        batches = Batch.objects.filter(course=OuterRef("pk")).running(on)
        students = Enrollment.objects.active().filter(batch__course=OuterRef("pk"))
        return self.annotate(
            running_batches=count_subquery(batches, "course"),
            active_students=count_subquery(students, "batch__course"),
        )


class Course(models.Model):
    code = SingleLineField(max_length=30, blank=True, help_text="Optional short name, like JEE-2Y.")
    name = SingleLineField(max_length=150)
    description = MultiLineField(max_length=1000, blank=True)
    total_fee = MoneyField(default=ZERO, help_text="Changes apply to new enrollments only.")
    low_attendance_percent = models.PositiveSmallIntegerField(
        "low attendance below (%)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Leave empty to use the institute's setting.",
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Untick to stop new batches of this course."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = CourseQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["name", "pk"]
        indexes = [models.Index(fields=["name", "id"], name="course_by_name")]
        constraints = [
            models.UniqueConstraint(
                fields=["code"],
                condition=~Q(code=""),
                name="course_code_unique",
                violation_error_message="Another course has this code.",
            ),
            models.CheckConstraint(
                condition=Q(total_fee__gte=ZERO),
                name="course_fee_not_negative",
                violation_error_message="A fee cannot be negative.",
            ),
            DatabaseOnlyConstraint(
                condition=Q(low_attendance_percent__range=(1, 100))
                | Q(low_attendance_percent=None),
                name="course_low_attendance_is_a_percentage",
            ),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("academics:course-detail", args=[self.pk])

    def validate_constraints(self, exclude=None):
        with errors_by_field(self, course_code_unique="code"):
            super().validate_constraints(exclude)
