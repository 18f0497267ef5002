from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from simple_history.models import HistoricalRecords

from accounts.models import StudentProfile, User, as_instructor
from coachmaster.core.constraints import date_bounds, valid_choice
from coachmaster.core.fields import BoundedDateField, MoneyField, SingleLineField
from coachmaster.core.money import ZERO
from coachmaster.core.querysets import ScopedQuerySet


class EnrollmentStatus(models.TextChoices):
    ACTIVE = "active", "Active"
    COMPLETED = "completed", "Completed"
    DROPPED = "dropped", "Dropped"


class DropReason(models.TextChoices):
    MOVED_AWAY = "moved_away", "Moved away"
    FEES = "fees", "Fees"
    TIMINGS = "timings", "Timings"
    OTHER_INSTITUTE = "other_institute", "Joined another institute"
    HEALTH = "health", "Health"
    RESULTS = "results", "Results"
    OTHER = "other", "Other"


class EnrollmentQuerySet(ScopedQuerySet):
    def owned_by(self, user_id):
        instructor = as_instructor(user_id)
        return self.filter(Q(student=user_id) | Q(batch__instructor__in=instructor))

    def active(self):
        return self.filter(status=EnrollmentStatus.ACTIVE)

    def on_roll(self, on, *, including=None):
        """Enrollments active on that day, which their last day is not."""
        return self.filter(
            Q(Q(ended_on__gt=on) | Q(ended_on=None), enrolled_on__lte=on) | (including or Q())
        )

    def with_unpaid_fee(self):
        # `charges` belong to the finance app, which may not be imported here.
        unpaid = Enrollment.objects.filter(
            pk=OuterRef("pk"), charges__kind="tuition", charges__open_now__isnull=False
        )
        return self.annotate(has_unpaid_fee=Exists(unpaid))

    def dropped(self):
        """Enrollments that ended early, without transfers and those that were undone."""
        return self.filter(status=EnrollmentStatus.DROPPED).exclude(drop_reason="")

    def search(self, words):
        return self.filter(student__user__in=User.objects.search(words)) if words.strip() else self

    def by_name(self):
        return self.select_related("student__user").order_by("student__user__full_name", "pk")

    def before_transfers(self):
        """Return ``{id: id of the enrollment that its transfers started from, often itself}``.

        All enrollments of the students must be in the queryset.
        """
        first: dict[int | None, int] = {}
        for pk, before in self.order_by("pk").values_list("pk", "transferred_from"):
            first[pk] = first.get(before, pk)
        return first

    def latest_first(self):
        return self.select_related("batch__course", "batch__instructor").order_by(
            F("ended_on").desc(nulls_first=True), "-enrolled_on", "-pk"
        )


class Enrollment(models.Model):
    student = models.ForeignKey(
        StudentProfile, on_delete=models.PROTECT, related_name="enrollments"
    )
    batch = models.ForeignKey(
        "academics.Batch", on_delete=models.PROTECT, related_name="enrollments"
    )
    enrolled_on = BoundedDateField()
    status = models.CharField(
        max_length=10, choices=EnrollmentStatus.choices, default=EnrollmentStatus.ACTIVE
    )
    ended_on = BoundedDateField(null=True, blank=True)
    #: Empty for a transfer, and for an enrollment that was undone.
    drop_reason = models.CharField(
        "reason for dropping", max_length=15, choices=DropReason.choices, blank=True
    )
    end_reason = SingleLineField("reason for ending", max_length=200, blank=True)
    list_fee = MoneyField(help_text="Fee of the course on the day of enrollment.")
    agreed_fee = MoneyField()
    fee_reason = SingleLineField("reason for a lower fee", max_length=200, blank=True)
    transferred_from = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="transferred_to",
        editable=False,
    )
    #: Copied from the institute's setting for the unique index on active enrollments.
    is_exclusive = models.BooleanField(default=True, editable=False)
    #: Set when attendance is marked, so that the database refuses an earlier end.
    last_marked_on = BoundedDateField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = EnrollmentQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["-enrolled_on", "-pk"]
        indexes = [
            models.Index(fields=["batch", "status"], name="enrollment_by_batch"),
            models.Index(fields=["-created_at", "-id"], name="enrollment_by_newest"),
            models.Index(fields=["status", "student"], name="enrollment_by_status"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["student"],
                condition=Q(status="active", is_exclusive=True),
                name="enrollment_one_active",
                violation_error_message="This student already has an active enrollment.",
            ),
            models.UniqueConstraint(
                fields=["student", "batch"],
                condition=Q(status="active"),
                name="enrollment_one_active_in_batch",
                violation_error_message="This student is already enrolled in this batch.",
            ),
            valid_choice("enrollment", "status", EnrollmentStatus),
            models.CheckConstraint(
                condition=Q(status="active", ended_on=None)
                | (~Q(status="active") & Q(ended_on__isnull=False)),
                name="enrollment_ended_with_a_date",
                violation_error_message="Enter the date on which the enrollment ended.",
            ),
            models.CheckConstraint(
                condition=Q(drop_reason="")
                | Q(status="dropped", drop_reason__in=DropReason.values),
                name="enrollment_drop_reason_if_dropped",
                violation_error_message="Only a dropped enrollment has a reason for dropping.",
            ),
            models.CheckConstraint(
                condition=Q(ended_on__gte=F("enrolled_on")) | Q(ended_on=None),
                name="enrollment_ends_after_it_starts",
                violation_error_message="An enrollment cannot end before it started.",
            ),
            models.CheckConstraint(
                condition=Q(ended_on__gte=F("last_marked_on"))
                | Q(ended_on=None)
                | Q(last_marked_on=None),
                name="enrollment_ends_after_last_mark",
                violation_error_message="An enrollment cannot end before the last attendance mark.",
            ),
            models.CheckConstraint(
                condition=Q(agreed_fee__range=(ZERO, F("list_fee"))),
                name="enrollment_fee_at_most_list",
                violation_error_message="The agreed fee must be between 0 and the course fee.",
            ),
            models.CheckConstraint(
                condition=Q(agreed_fee=F("list_fee")) | ~Q(fee_reason=""),
                name="enrollment_lower_fee_has_reason",
                violation_error_message="Enter the reason for the lower fee.",
            ),
            *date_bounds("enrollment", "enrolled_on", "ended_on"),
        ]

    def __str__(self):
        return f"{self.student} in {self.batch}"

    def get_absolute_url(self):
        return reverse("academics:student-enrollment", args=[self.student_id])

    @property
    def with_predecessors(self):
        found = [self]
        while (before := found[-1].transferred_from) is not None:
            found.append(before)
        return found

    @property
    def ending_label(self):
        """Return why the enrollment ended, like `Moved away: to Pune`."""
        return ": ".join(filter(None, [self.get_drop_reason_display(), self.end_reason]))

    @property
    def is_active(self):
        return self.status == EnrollmentStatus.ACTIVE

    def covers(self, day):
        return self.enrolled_on <= day and (self.ended_on is None or day < self.ended_on)
