"""Who came: one sheet a batch and day, one mark a student on it, and what a mark was before."""

from dataclasses import astuple

from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Greatest
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, Course, Enrollment
from accounts.models import StudentProfile
from coachmaster.core.constraints import day_bounds, one_of
from coachmaster.core.fields import BoundedDateField, SingleLineField
from coachmaster.core.querysets import ScopedQuerySet
from coachmaster.core.reminders import SentReminder

from .percentages import MarkStatus, Tally, least_expression, shortfall


class MarkCountsQuerySet(ScopedQuerySet):
    """Rows that keep their counts of marks."""

    def tally(self):
        """The Tally of all marks of these rows, by one query."""
        return Tally(**{kind: count or 0 for kind, count in self.aggregate(**_sums()).items()})

    def tallies_by(self, key):
        """A Tally for each value of ``key``, a column ("batch") or a path of columns, by one query."""
        rows = self.order_by().values_list(key).annotate(*_sums().values())
        return {value: Tally(*counts) for value, *counts in rows}


def _sums():
    return {status.value: Sum(status.value) for status in MarkStatus}


class MarkCounts(models.Model):
    """How many marks of each kind belong to a row, kept so that no page counts marks.

    Never added to: whoever writes marks rewrites the counts from the marks, in the same transaction, and `verify` proves
    them. What a page shows as `34 of 40` is always one of these, or a sum of them.
    """

    present = models.PositiveIntegerField(default=0, editable=False)
    absent = models.PositiveIntegerField(default=0, editable=False)
    late = models.PositiveIntegerField(default=0, editable=False)
    excused = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True

    @property
    def tally(self):
        """The counts as a Tally."""
        return Tally(self.present, self.absent, self.late, self.excused)

    @tally.setter
    def tally(self, tally):
        self.present, self.absent, self.late, self.excused = astuple(tally)


class SheetQuerySet(MarkCountsQuerySet):
    def between(self, first, last):
        """Sheets of the days from ``first`` to ``last``, both included, each bound optional."""
        found = self
        if first:
            found = found.filter(held_on__gte=first)
        if last:
            found = found.filter(held_on__lte=last)
        return found

    def recorded_by(self, scope):
        """Those of the batches `recorded_by` that ``scope``."""
        return self if scope is None else self.filter(batch__instructor=scope)

    def for_list(self):
        """With the name of who took them, and without what they were before."""
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
    """The attendance of one batch on one day, however many classes the day has."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="sheets")
    held_on = BoundedDateField("date")
    topic = SingleLineField(max_length=200, blank=True)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    taken_at = models.DateTimeField(default=timezone.now)
    #: Counts the saves, so that a page that was opened before somebody else's save is noticed.
    version = models.PositiveIntegerField(default=1)
    #: Students check themselves in, or a device has read them: the rest have no mark until somebody saves the sheet.
    is_open = models.BooleanField(default=False, editable=False)
    #: How it stood before each further save, the oldest first, each as `last_save` says. Only ever added to.
    earlier_saves = models.JSONField(default=list, editable=False)

    objects = SheetQuerySet.as_manager()

    class Meta:
        ordering = ["-held_on", "-pk"]
        permissions = [("correct_any_day", "Can take and correct sheets of any day")]
        indexes = [models.Index(fields=["held_on", "batch", "is_open"], name="sheet_by_day")]
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "held_on"],
                name="sheet_one_a_day",
                violation_error_message="This batch has a sheet on this day already.",
            ),
            *day_bounds("sheet", "held_on"),
        ]

    def __str__(self):
        return f"{self.batch}, {self.held_on:%d %b %Y}"

    def get_absolute_url(self):
        return reverse("attendance:sheet", args=[self.batch_id, self.held_on])

    @property
    def last_save(self):
        """Who saved it last, when, and with which topic, as `earlier_saves` keeps it once somebody else has saved."""
        return {"by": self.taken_by_id, "at": self.taken_at.isoformat(), "topic": self.topic}


class MarkQuerySet(ScopedQuerySet):
    def owned_by(self, key):
        """One's own, and those in batches that one teaches."""
        return self.filter(Q(student=key) | Q(sheet__batch__instructor=key))

    def recorded_by(self, scope):
        """Those of the batches `recorded_by` that ``scope``."""
        return self if scope is None else self.filter(sheet__batch__instructor=scope)


class Mark(models.Model):
    """One student on one sheet."""

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="marks")
    student = models.ForeignKey(StudentProfile, on_delete=models.PROTECT, related_name="marks")
    #: The enrollment under which the student was in the batch that day: the percentage is told for each.
    enrollment = models.ForeignKey(Enrollment, on_delete=models.PROTECT, related_name="marks")
    status = models.CharField(max_length=10, choices=MarkStatus.choices)
    #: A word on the student that day; the student reads it too.
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
            one_of("mark", "status", MarkStatus),
        ]

    def __str__(self):
        return f"{self.student}: {self.get_status_display()}"


class MarkChange(models.Model):
    """What a mark was before it was corrected, who corrected it, when, and why. Only ever added."""

    mark = models.ForeignKey(Mark, on_delete=models.CASCADE, related_name="changes")
    before = models.CharField(max_length=10, choices=MarkStatus.choices)
    after = models.CharField(max_length=10, choices=MarkStatus.choices)
    note_before = SingleLineField(max_length=200, blank=True)
    note_after = SingleLineField(max_length=200, blank=True)
    #: Asked for when the sheet could no longer be corrected by who took it.
    reason = SingleLineField(max_length=200, blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-changed_at", "-pk"]
        indexes = [models.Index(fields=["-changed_at", "-id"], name="mark_change_by_newest")]

    def __str__(self):
        return f"{self.before} → {self.after}"


class CheckIn(models.Model):
    """A student who marked themselves by the code of a class. The database lets a device mark one student on a sheet."""

    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="check_ins")
    student = models.ForeignKey(StudentProfile, on_delete=models.PROTECT, related_name="check_ins")
    #: A name that the server gave to the browser, by a signed cookie.
    device = models.CharField(max_length=64)
    #: What the clock said; the mark may have been corrected since.
    status = models.CharField(max_length=10, choices=MarkStatus.choices)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "check-in"
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["sheet", "student"], name="check_in_once"),
            models.UniqueConstraint(fields=["sheet", "device"], name="check_in_one_a_device"),
            one_of("check_in", "status", MarkStatus),
        ]

    def __str__(self):
        return f"{self.student}, {timezone.localtime(self.at):%d %b %Y %H:%M}"


class Reminder(SentReminder):
    """A reminder about attendance that somebody sent or opened to send, with the figures that it told."""

    enrollment = models.ForeignKey(
        Enrollment, on_delete=models.CASCADE, related_name="attendance_reminders"
    )
    attended = models.PositiveIntegerField()
    counted = models.PositiveIntegerField()

    class Meta:
        ordering = ["-sent_at"]
        indexes = [
            models.Index(fields=["enrollment", "-sent_at"], name="attendance_reminder_latest")
        ]

    def __str__(self):
        return f"{self.enrollment}, {self.sent_at:%d %b %Y}"


class RegisterReminder(models.Model):
    """That an instructor was mailed which registers they have to take: at most once a day."""

    instructor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    sent_on = BoundedDateField()
    registers = models.PositiveIntegerField(help_text="How many the mail named.")

    class Meta:
        ordering = ["-sent_on", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["instructor", "sent_on"], name="register_reminder_one_a_day"
            ),
            *day_bounds("register_reminder", "sent_on"),
        ]

    def __str__(self):
        return f"{self.instructor}, {self.sent_on:%d %b %Y}"


class PresenceQuerySet(MarkCountsQuerySet):
    def owned_by(self, key):
        """One's own, and those in batches that one teaches."""
        return self.filter(Q(enrollment__student=key) | Q(enrollment__batch__instructor=key))

    def recorded_by(self, scope):
        """Those of the batches `recorded_by` that ``scope``."""
        return self if scope is None else self.filter(enrollment__batch__instructor=scope)

    def active(self):
        """Those of enrollments that go on."""
        # Not by their status, by whose index SQLite would begin with everybody, and look up the counts of each.
        return self.filter(enrollment__ended_on=None)

    def needing_attention(self, institute):
        """Active ones that are short or away, or short after the next absence, as `Expected` judges them.

        With the share that their course expects (``expected``).
        """
        expected = Coalesce(
            "enrollment__batch__course__low_attendance_percent",
            Value(institute.low_attendance_percent),
            output_field=models.IntegerField(),
        )
        courses = Course.objects.exclude(low_attendance_percent=None).order_by(
            "-low_attendance_percent"
        )
        strictest = Greatest(
            Coalesce(Subquery(courses.values("low_attendance_percent")[:1]), 0),
            Value(institute.low_attendance_percent),
            output_field=models.IntegerField(),
        )

        def after_next(percent):
            classes = institute.low_attendance_classes
            return shortfall(
                F("present") + F("late"), F("absent") + 1, percent, classes, least_expression
            )

        away = Q(absences_in_a_row__gte=institute.absences_in_a_row)
        # Who would be fine by what the strictest course expects is left out first: that spares most rows their joins.
        near = self.alias(by_strictest=after_next(strictest)).filter(Q(by_strictest__gt=0) | away)
        judged = near.active().annotate(expected=expected).alias(by_own=after_next(F("expected")))
        return judged.filter(Q(by_own__gt=0) | away)

    def for_list(self):
        """With student, batch and course, and when the last reminder was sent (``reminded_at``)."""
        reminders = (
            Reminder.objects.filter(enrollment=OuterRef("pk"))
            .order_by("-sent_at")
            .values("sent_at")
        )
        return (
            self.select_related("enrollment__student__user", "enrollment__batch__course")
            .only(
                *MarkStatus.values,
                "absences_in_a_row",
                *(
                    f"enrollment__student__{name}"
                    for name in ("admission_number", "guardian_name", "guardian_phone")
                ),
                *(
                    f"enrollment__student__{name}"
                    for name in ("guardian_email", "user__full_name", "user__phone")
                ),
                "enrollment__student__user__email",
                "enrollment__batch__name",
                "enrollment__batch__course__name",
                "enrollment__batch__course__low_attendance_percent",
            )
            .annotate(reminded_at=Subquery(reminders[:1]))
        )


class Presence(MarkCounts):
    """The marks of one enrollment, counted. An enrollment without a mark may have none."""

    enrollment = models.OneToOneField(
        Enrollment, on_delete=models.CASCADE, primary_key=True, related_name="presence"
    )
    #: How many absences stand after the last class the student came to; excused ones neither count nor interrupt.
    absences_in_a_row = models.PositiveIntegerField(default=0, editable=False)

    objects = PresenceQuerySet.as_manager()

    def __str__(self):
        return f"{self.enrollment}: {self.tally}"


class EarlierAttendance(MarkCounts):
    """The classes of one enrollment from before CoachMaster, of which only the totals are known. Its `Presence` has them
    too, so that they count wherever attendance is told of; no sheet and no month shows them."""

    enrollment = models.OneToOneField(
        Enrollment, on_delete=models.CASCADE, primary_key=True, related_name="earlier_attendance"
    )

    def __str__(self):
        return f"{self.enrollment}: {self.tally} before CoachMaster"


#: What a list of enrollments loads beside them to have the `tally_of` each.
PRESENCE_COUNTS = [f"presence__{status}" for status in MarkStatus.values]


def tally_of(enrollment):
    """The Tally of an enrollment that was loaded with its ``presence``."""
    presence = getattr(enrollment, "presence", None)
    return presence.tally if presence else Tally()
