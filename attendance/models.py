from dataclasses import astuple

from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Greatest
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, Course, Enrollment
from accounts.models import StudentProfile, as_instructor
from coachmaster.core.constraints import date_bounds, valid_choice
from coachmaster.core.fields import BoundedDateField, SingleLineField
from coachmaster.core.querysets import ScopedQuerySet, owned_through
from coachmaster.core.reminders import SentReminder

from .percentages import ATTENDED_COUNT, MarkStatus, Tally
from .shortage import least_expression, shortfall


class MarkCountsQuerySet(ScopedQuerySet):
    def tally(self):
        return Tally(**{kind: count or 0 for kind, count in self.aggregate(**_sums()).items()})

    def tallies_by(self, column):
        rows = self.order_by().values_list(column).annotate(*_sums().values())
        return {value: Tally(*counts) for value, *counts in rows}


def _sums():
    return {status.value: Sum(status.value) for status in MarkStatus}


class MarkCounts(models.Model):
    """Cached counts, recalculated in the transaction that changes marks."""

    present = models.PositiveIntegerField(default=0, editable=False)
    absent = models.PositiveIntegerField(default=0, editable=False)
    late = models.PositiveIntegerField(default=0, editable=False)
    excused = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True

    @property
    def tally(self):
        return Tally(self.present, self.absent, self.late, self.excused)

    @tally.setter
    def tally(self, tally):
        self.present, self.absent, self.late, self.excused = astuple(tally)


class SheetQuerySet(MarkCountsQuerySet):
    def owned_by(self, user_id):
        return self.recorded_by(user_id)

    def between(self, first, last):
        """Limit to days in the range; None is no limit."""
        sheets = self
        if first:
            sheets = sheets.filter(held_on__gte=first)
        if last:
            sheets = sheets.filter(held_on__lte=last)
        return sheets

    def recorded_by(self, instructor_id):
        if instructor_id is None:
            return self
        return self.filter(batch__instructor__in=as_instructor(instructor_id))

    def for_list(self):
        return self.select_related("taken_by").only(
            "batch",
            "held_on",
            "topic",
            "taken_at",
            "version",
            "is_open",
            *MarkStatus.values,
            "taken_by__full_name",
        )


class Sheet(MarkCounts):
    """Attendance of one batch on one day, even if the day has several classes."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="sheets")
    held_on = BoundedDateField("date")
    topic = SingleLineField(max_length=200, blank=True)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    taken_at = models.DateTimeField(default=timezone.now)
    #: Number of saves, to detect a page opened before another person saved.
    version = models.PositiveIntegerField(default=1)
    #: Marks came from check-ins or a device; other students have no mark until a person saves.
    is_open = models.BooleanField(default=False, editable=False)
    #: ``last_save`` of each earlier version, oldest first. Append-only.
    earlier_saves = models.JSONField(default=list, editable=False)

    objects = SheetQuerySet.as_manager()

    class Meta:
        ordering = ["-held_on", "-pk"]
        permissions = [("correct_any_day", "Can mark and correct attendance of any day")]
        indexes = [models.Index(fields=["held_on", "batch", "is_open"], name="sheet_by_day")]
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "held_on"],
                name="sheet_one_a_day",
                violation_error_message="This batch already has an attendance sheet for this day.",
            ),
            *date_bounds("sheet", "held_on"),
        ]

    def __str__(self):
        return f"{self.batch}, {self.held_on:%d %b %Y}"

    def get_absolute_url(self):
        return reverse("attendance:sheet", args=[self.batch_id, self.held_on])

    @property
    def last_save(self):
        return {"by": self.taken_by_id, "at": self.taken_at.isoformat(), "topic": self.topic}


class MarkQuerySet(ScopedQuerySet):
    #: Deleting marks recalculates the counts for each one, unless the caller does it for all.
    updates_counts = True

    def owned_by(self, key):
        instructor = as_instructor(key)
        return self.filter(Q(student=key) | Q(sheet__batch__instructor__in=instructor))

    def recorded_by(self, instructor_id):
        if instructor_id is None:
            return self
        return self.filter(sheet__batch__instructor__in=as_instructor(instructor_id))


class Mark(models.Model):
    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="marks")
    student = models.ForeignKey(StudentProfile, on_delete=models.PROTECT, related_name="marks")
    #: The student's enrollment in the batch on that day; percentages are by enrollment.
    enrollment = models.ForeignKey(Enrollment, on_delete=models.PROTECT, related_name="marks")
    status = models.CharField(max_length=10, choices=MarkStatus.choices)
    #: Visible to the student.
    note = SingleLineField(max_length=200, blank=True)

    objects = MarkQuerySet.as_manager()

    class Meta:
        ordering = ["-sheet__held_on", "-pk"]
        indexes = [
            models.Index(fields=["student", "status"], name="mark_by_student"),
            models.Index(fields=["enrollment", "status"], name="mark_by_enrollment"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["sheet", "student"], name="mark_one_a_sheet"),
            valid_choice("mark", "status", MarkStatus),
        ]

    def __str__(self):
        return f"{self.student}: {self.get_status_display()}"


class MarkChange(models.Model):
    """A correction of a mark. Append-only."""

    mark = models.ForeignKey(Mark, on_delete=models.CASCADE, related_name="changes")
    before = models.CharField(max_length=10, choices=MarkStatus.choices)
    after = models.CharField(max_length=10, choices=MarkStatus.choices)
    note_before = SingleLineField(max_length=200, blank=True)
    note_after = SingleLineField(max_length=200, blank=True)
    #: Required once instructors may no longer correct the sheet.
    reason = SingleLineField(max_length=200, blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    changed_at = models.DateTimeField(default=timezone.now)

    objects = owned_through("mark")

    class Meta:
        ordering = ["-changed_at", "-pk"]
        indexes = [models.Index(fields=["-changed_at", "-id"], name="mark_change_by_newest")]

    def __str__(self):
        return f"{self.before} → {self.after}"


class CheckIn(models.Model):
    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="check_ins")
    student = models.ForeignKey(StudentProfile, on_delete=models.PROTECT, related_name="check_ins")
    #: Random id of the browser, from a signed cookie.
    device = models.CharField(max_length=64)
    #: Status at check-in; the mark may have been corrected since.
    status = models.CharField(max_length=10, choices=MarkStatus.choices)
    at = models.DateTimeField(default=timezone.now)

    objects = MarkQuerySet.as_manager()

    class Meta:
        verbose_name = "check-in"
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["sheet", "student"], name="check_in_once"),
            models.UniqueConstraint(fields=["sheet", "device"], name="check_in_one_a_device"),
            valid_choice("check_in", "status", MarkStatus),
        ]

    def __str__(self):
        return f"{self.student}, {timezone.localtime(self.at):%d %b %Y %H:%M}"


class AttendanceReminder(SentReminder):
    enrollment = models.ForeignKey(
        Enrollment, on_delete=models.CASCADE, related_name="attendance_reminders"
    )
    attended = models.PositiveIntegerField()
    counted = models.PositiveIntegerField()

    objects = owned_through("enrollment")

    class Meta:
        ordering = ["-sent_at"]
        indexes = [
            models.Index(fields=["enrollment", "-sent_at"], name="attendance_reminder_latest")
        ]

    def __str__(self):
        return f"{self.enrollment}, {self.sent_at:%d %b %Y}"


class RegisterReminder(models.Model):
    instructor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    sent_on = BoundedDateField()
    registers = models.PositiveIntegerField(help_text="Number of registers in the email.")

    objects = owned_through("instructor")

    class Meta:
        ordering = ["-sent_on", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["instructor", "sent_on"], name="register_reminder_one_a_day"
            ),
            *date_bounds("register_reminder", "sent_on"),
        ]

    def __str__(self):
        return f"{self.instructor}, {self.sent_on:%d %b %Y}"


class PresenceQuerySet(MarkCountsQuerySet):
    def owned_by(self, key):
        instructor = as_instructor(key)
        own = Q(enrollment__student=key)
        return self.filter(own | Q(enrollment__batch__instructor__in=instructor))

    def recorded_by(self, instructor_id):
        if instructor_id is None:
            return self
        return self.filter(enrollment__batch__instructor__in=as_instructor(instructor_id))

    def active(self):
        # With the index on status, SQLite would start from every active enrollment.
        return self.filter(enrollment__ended_on=None)

    def needing_attention(self, institute):
        """Limit to enrollments short or absent too often; annotate ``required_percent``."""
        required = Coalesce(
            "enrollment__batch__course__low_attendance_percent",
            Value(institute.low_attendance_percent),
            output_field=models.IntegerField(),
        )
        is_repeatedly_absent = Q(absences_in_a_row__gte=institute.absences_in_a_row)
        # Most rows meet the requirement of the strictest course, and need no join.
        candidates = self.alias(
            by_strictest=_next_shortfall(_strictest_percent(institute), institute)
        )
        candidates = candidates.filter(Q(by_strictest__gt=0) | is_repeatedly_absent)
        rows = candidates.active().annotate(required_percent=required)
        rows = rows.alias(next_shortfall=_next_shortfall(F("required_percent"), institute))
        return rows.filter(Q(next_shortfall__gt=0) | is_repeatedly_absent)

    def for_list(self):
        reminders = AttendanceReminder.objects.filter(enrollment=OuterRef("pk")).order_by(
            "-sent_at"
        )
        return (
            self.select_related("enrollment__student__user", "enrollment__batch__course")
            .only(*MarkStatus.values, "absences_in_a_row", *_LIST_FIELDS)
            .annotate(reminded_at=Subquery(reminders.values("sent_at")[:1]))
        )


_LIST_FIELDS = [
    "enrollment__student__admission_number",
    "enrollment__student__guardian_name",
    "enrollment__student__guardian_phone",
    "enrollment__student__guardian_email",
    "enrollment__student__user__full_name",
    "enrollment__student__user__phone",
    "enrollment__student__user__email",
    "enrollment__batch__name",
    "enrollment__batch__course__name",
    "enrollment__batch__course__low_attendance_percent",
]


def _next_shortfall(percent, institute):
    return shortfall(
        ATTENDED_COUNT,
        F("absent") + 1,
        percent,
        institute.low_attendance_classes,
        least_expression,
    )


def _strictest_percent(institute):
    """Return the highest percentage that any course requires, as an expression."""
    courses = Course.objects.exclude(low_attendance_percent=None).order_by(
        "-low_attendance_percent"
    )
    return Greatest(
        Coalesce(Subquery(courses.values("low_attendance_percent")[:1]), 0),
        Value(institute.low_attendance_percent),
        output_field=models.IntegerField(),
    )


class Presence(MarkCounts):
    """Cached counts of one enrollment; it may be missing without marks."""

    enrollment = models.OneToOneField(
        Enrollment, on_delete=models.CASCADE, primary_key=True, related_name="presence"
    )
    #: Number of absences since the last class attended; excused classes are skipped.
    absences_in_a_row = models.PositiveIntegerField(default=0, editable=False)

    objects = PresenceQuerySet.as_manager()

    def __str__(self):
        return f"{self.enrollment}: {self.tally}"


class EarlierAttendance(MarkCounts):
    """Classes from before CoachMaster, included in the Presence."""

    enrollment = models.OneToOneField(
        Enrollment, on_delete=models.CASCADE, primary_key=True, related_name="earlier_attendance"
    )

    objects = owned_through("enrollment")

    def __str__(self):
        return f"{self.enrollment}: {self.tally} before CoachMaster"


#: Fields that ``tally_of()`` reads, for ``only()``.
PRESENCE_COUNTS = [f"presence__{status}" for status in MarkStatus.values]


def tally_of(enrollment):
    presence = getattr(enrollment, "presence", None)
    return presence.tally if presence else Tally()
