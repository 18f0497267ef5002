"""The institute, its courses and batches with their class times, holidays, and who is enrolled where."""

import datetime
from decimal import Decimal

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from simple_history.models import HistoricalRecords

from accounts.models import StudentProfile, User
from accounts.scopes import ScopedQuerySet
from coachmaster.core.constraints import Net, day_bounds, errors_beside, one_of
from coachmaster.core.dates import DayField
from coachmaster.core.money import ZERO, MoneyField
from coachmaster.core.statuses import State
from coachmaster.core.text import AddressField, LineField, LinesField, PhoneField, folded

from . import class_times
from .validators import check_absence_message, check_attendance_reminder, check_gstin, check_reminder, check_upi_id

_CACHE_KEY = "institute"


class InstituteManager(models.Manager):
    def current(self):
        """The institute's row, read now; `migrate` made it. What decides anything by the settings asks here."""
        return self.get(pk=Institute.ONLY)

    def for_page_heads(self):
        """The institute's row, at most a minute old in other processes: for what is only shown."""
        return cache.get_or_set(_CACHE_KEY, self.current, 60)


class Institute(models.Model):
    """The one row about the institute itself."""

    ONLY = 1

    name = LineField(max_length=120, default="My institute")
    address = LinesField(max_length=300, blank=True)
    state = models.CharField(max_length=2, choices=State.choices, blank=True)
    phone = PhoneField()
    email = AddressField("e-mail", blank=True)
    receipt_prefix = LineField(
        max_length=4,
        default="CM",
        validators=[RegexValidator(r"^[A-Z0-9]{1,4}$", "Use one to four capital letters or digits, like CM.")],
        help_text="Receipts read CM/26-27/00042. A change takes effect with the next financial year's first receipt.",
    )
    gstin = LineField(
        "GSTIN",
        max_length=15,
        blank=True,
        validators=[check_gstin],
        help_text="With it, receipts become tax invoices. Without it they name no tax.",
    )
    gst_percent = models.DecimalField(
        "GST rate (%)",
        max_digits=4,
        decimal_places=2,
        default=Decimal("18.00"),
        validators=[MinValueValidator(0), MaxValueValidator(28)],
        help_text="Fees include it. Coaching is taxed at 18 % (SAC 999293).",
    )
    upi_id = LineField(
        "UPI id",
        max_length=100,
        blank=True,
        validators=[check_upi_id],
        help_text="Like sunrise@okaxis. With it, statements show a code to pay by.",
    )
    concession_limit = MoneyField(
        "concessions up to (₹)",
        default=Decimal("5000.00"),
        help_text="A larger concession waits for the approval of somebody who may approve.",
    )
    back_dating_days = models.PositiveSmallIntegerField(
        "days to back-date payments", default=30, validators=[MaxValueValidator(3650)]
    )
    cash_ceiling = MoneyField(
        "cash ceiling (₹)",
        default=Decimal("200000.00"),
        help_text="Cash of this much or more from one student in a day, or for one enrollment, is refused: "
        "section 269ST of the Income-tax Act sets two lakh rupees.",
    )
    bounce_charge = MoneyField("charge for a bounced cheque (₹)", default=ZERO)
    leaving_deduction_percent = models.PositiveSmallIntegerField(
        "deduction on leaving (% of the fee)", default=10, validators=[MaxValueValidator(100)]
    )
    refund_days = models.PositiveSmallIntegerField(
        "days to pay a refund in", default=15, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    reminder_days = models.PositiveSmallIntegerField(
        "days between reminders",
        default=7,
        validators=[MaxValueValidator(365)],
        help_text="A reminder sooner than that after the last one asks first.",
    )
    fee_reminder = LinesField(
        "text of a fee reminder",
        max_length=1000,
        validators=[check_reminder],
        default="Dear parent, {amount} of the fees of {name} ({admission_number}) was due on {due_on}. "
        "Please pay at {institute}. {upi_link}",
        help_text="May name {name}, {admission_number}, {amount}, {due_on}, {institute}, {phone} and {upi_link}.",
    )
    several_batches_at_once = models.BooleanField(
        default=False, help_text="On: a student may be enrolled in several batches at the same time."
    )
    attendance_edit_days = models.PositiveSmallIntegerField(
        "days to correct attendance",
        default=7,
        validators=[MaxValueValidator(365)],
        help_text="How many days back instructors may take or correct a sheet. Admins always may.",
    )
    low_attendance_percent = models.PositiveSmallIntegerField(
        "low attendance below (%)",
        default=75,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="A course may have its own.",
    )
    low_attendance_classes = models.PositiveSmallIntegerField(
        "judged from so many classes on",
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="Before, nobody's attendance is called low.",
    )
    absences_in_a_row = models.PositiveSmallIntegerField(
        "absences in a row to be told of", default=3, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    late_after_minutes = models.PositiveSmallIntegerField(
        "late after (minutes)",
        default=10,
        validators=[MaxValueValidator(120)],
        help_text="Who checks in, or is read by a device, later than that after the class began is late.",
    )
    check_in_by_code = models.BooleanField(
        "check-in by code",
        default=False,
        help_text="On: an instructor can show a code for the class, and students scan it with their own phones.",
    )
    attendance_reminder = LinesField(
        "text about attendance",
        max_length=1000,
        validators=[check_attendance_reminder],
        default="Dear parent, {name} ({admission_number}) has attended {attended} of {counted} classes of {batch}: "
        "{percent} %, where {expected} % are expected. Please call {institute}, {phone}.",
        help_text="May name {name}, {admission_number}, {batch}, {attended}, {counted}, {percent}, {expected}, {absences} "
        "(in a row), {institute} and {phone}.",
    )
    absence_message = LinesField(
        "text about an absence",
        max_length=1000,
        validators=[check_absence_message],
        default="Dear parent, {name} ({admission_number}) was absent from {batch} on {day}. Please call {institute}, {phone}.",
        help_text="From the list of who is absent. May name {name}, {admission_number}, {batch}, {day}, {institute} and "
        "{phone}.",
    )

    objects = InstituteManager()
    history = HistoricalRecords()

    class Meta:
        verbose_name_plural = "institute"
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="institute_one_row"),
            models.CheckConstraint(
                condition=Q(low_attendance_percent__range=(1, 100)), name="institute_low_attendance_is_a_percentage"
            ),
            models.CheckConstraint(
                condition=Q(concession_limit__gte=ZERO, cash_ceiling__gt=ZERO, bounce_charge__gte=ZERO),
                name="institute_amounts_not_negative",
            ),
        ]

    def __str__(self):
        return self.name

    def save(self, **kwargs):
        super().save(**kwargs)
        cache.delete(_CACHE_KEY)
        transaction.on_commit(lambda: cache.delete(_CACHE_KEY))  # somebody may have read the former row meanwhile

    def clean(self):
        of = self.gstin[:2]
        if self.state and of in State.values and of != self.state:
            raise ValidationError({"gstin": f"This GSTIN is of {State(of).label}. Compare it with the state above."})


class CourseQuerySet(models.QuerySet):
    def search(self, words):
        """Courses in whose code or name every word occurs."""
        found = self
        for word in words.split():
            found = found.filter(Q(name__icontains=word) | Q(code__icontains=word))
        return found

    def for_listing(self, on):
        """With what one row of the course table shows: batches that run on that day, and active students."""
        batches = Batch.objects.filter(course=OuterRef("pk")).running(on)
        students = Enrollment.objects.active().filter(batch__course=OuterRef("pk"))
        return self.annotate(
            running_batches=_count_of(batches, "course"), active_students=_count_of(students, "batch__course")
        )


def _count_of(queryset, group):
    """A subquery that counts ``queryset`` by ``group``: joins of two counts would multiply each other."""
    counted = queryset.order_by().values(group).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)


class Course(models.Model):
    """What is taught, and what it costs."""

    code = LineField(max_length=30, blank=True, help_text="A short name, like JEE-2Y. May be left empty.")
    name = LineField(max_length=150)
    description = LinesField(max_length=1000, blank=True)
    total_fee = MoneyField(default=ZERO, help_text="A later change counts for new enrollments only.")
    low_attendance_percent = models.PositiveSmallIntegerField(
        "low attendance below (%)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Empty: as the institute's settings say.",
    )
    is_active = models.BooleanField("active", default=True, help_text="Off: no new batches are offered for it.")
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
            Net(
                condition=Q(low_attendance_percent__range=(1, 100)) | Q(low_attendance_percent=None),
                name="course_low_attendance_is_a_percentage",
            ),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("academics:course-detail", args=[self.pk])

    def validate_constraints(self, exclude=None):
        with errors_beside(self, course_code_unique="code"):
            super().validate_constraints(exclude)


class BatchQuerySet(ScopedQuerySet):
    def owned_by(self, key):
        """The batches that one teaches or is, or was, enrolled in."""
        enrolled = Enrollment.objects.filter(student=key).values("batch")
        return self.filter(Q(instructor=key) | Q(pk__in=enrolled))

    def taught_by(self, user):
        """The batches whose instructor ``user`` (a person or a key) is."""
        return self.filter(instructor=user)

    def kept_in(self, scope):
        """The batches whose registers are kept in a ``scope`` (of `scope_of`): all, or those that this person teaches."""
        return self if scope is None else self.taught_by(scope)

    def running(self, first, last=None):
        """Batches that run on some day from ``first`` to ``last`` (left out: that one day)."""
        return self.filter(Q(ends_on__gte=first) | Q(ends_on=None), starts_on__lte=last or first)

    def upcoming(self, on):
        """Batches that start after that day."""
        return self.filter(starts_on__gt=on)

    def over(self, on):
        """Batches that ended before that day."""
        return self.filter(ends_on__lt=on)

    def not_over(self, on):
        """Batches that somebody can still be enrolled in."""
        return self.filter(Q(ends_on__gte=on) | Q(ends_on=None))

    def search(self, words):
        """Batches in whose code, name or course every word occurs."""
        found = self
        for word in words.split():
            found = found.filter(Q(name__icontains=word) | Q(code__icontains=word) | Q(course__name__icontains=word))
        return found

    def with_class_times(self):
        """With course, instructor and weekly class times, in two queries."""
        return self.select_related("course", "instructor").prefetch_related("class_times")

    def with_details(self):
        """With what the API tells of a batch: course, class times, and the instructor with their role."""
        return self.with_class_times().select_related("instructor__membership__group")

    def with_strength(self):
        """With the number of students now enrolled (``strength``)."""
        return self.annotate(strength=_count_of(Enrollment.objects.active().filter(batch=OuterRef("pk")), "batch"))

    def for_timetable(self):
        """With what a `Timetable` and its pages show of a batch, by name; nothing else is loaded."""
        shown = "name", "room", "starts_on", "ends_on", "instructor__full_name"
        return self.select_related("instructor").only(*shown).order_by("name", "pk")

    def for_listing(self):
        """Everything one row of the batch table shows."""
        return self.with_class_times().with_strength()

    def for_list(self):
        """With what the list of batches shows; nothing else is loaded."""
        shown = "name", "code", "room", "capacity", "starts_on", "ends_on", "course__name", "instructor__full_name"
        return self.for_listing().only(*shown)


class Batch(models.Model):
    """A group that takes a course together: when, where, with whom."""

    code = LineField(max_length=30, blank=True, help_text="A short name, like JEE-M1. May be left empty.")
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="batches")
    instructor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="batches_taught"
    )
    name = LineField(max_length=150)
    starts_on = DayField("first day")
    ends_on = DayField("last day", null=True, blank=True, help_text="May be left empty while it is open.")
    capacity = models.PositiveSmallIntegerField(
        "seats", null=True, blank=True, validators=[MinValueValidator(1)], help_text="Empty: as many as come."
    )
    room = LineField(max_length=60, blank=True)
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
                violation_error_message="A batch has at least one seat.",
            ),
            *day_bounds("batch", "starts_on", "ends_on"),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("academics:batch-detail", args=[self.pk])

    def validate_constraints(self, exclude=None):
        with errors_beside(self, batch_code_unique="code", batch_ends_after_it_starts="ends_on"):
            super().validate_constraints(exclude)

    def is_over(self, on):
        """Whether its last day lies before that day."""
        return self.ends_on is not None and self.ends_on < on

    def is_running(self, on):
        """Whether that day lies between its first and last."""
        return self.starts_on <= on and not self.is_over(on)

    @property
    def seats_left(self):
        """Seats that are free, with the ``strength`` of `with_strength`; None when there is no limit."""
        return None if self.capacity is None else max(self.capacity - self.strength, 0)

    @property
    def slots(self):
        """Its weekly class times as `class_times.Slot`s, in order of the week."""
        return sorted(class_times.Slot(row.weekday, row.starts_at, row.ends_at) for row in self.class_times.all())

    @property
    def class_times_text(self):
        """Its weekly class times as text: `Mon-Fri 17:00-18:30`."""
        return class_times.written(self.slots)

    @property
    def class_times_words(self):
        """Its weekly class times as pairs of words, days and times, one for each time of day."""
        return [part.rsplit(" ", 1) for part in self.class_times_text.split("; ") if part]


class ClassTime(models.Model):
    """One weekly class of a batch."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="class_times")
    weekday = models.PositiveSmallIntegerField(choices=list(enumerate(class_times.WEEKDAYS)))
    starts_at = models.TimeField("from")
    ends_at = models.TimeField("to")

    class Meta:
        ordering = ["weekday", "starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "weekday", "starts_at"], name="class_time_unique"),
            models.CheckConstraint(condition=Q(weekday__range=(0, 6)), name="class_time_weekday_known"),
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
    day = DayField("class of", null=True, blank=True)
    starts_at = models.TimeField("class from", null=True, blank=True)
    ends_at = models.TimeField("class to", null=True, blank=True)
    to_day = DayField("held on", null=True, blank=True)
    to_starts_at = models.TimeField("held from", null=True, blank=True)
    to_ends_at = models.TimeField("held to", null=True, blank=True)
    room = LineField(max_length=60, blank=True, help_text="Empty: the room of the batch.")
    reason = LineField(max_length=200)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
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
                | Q(day__isnull=False, starts_at__isnull=False, ends_at__isnull=False, ends_at__gt=F("starts_at")),
                name="class_change_takes_out_a_whole_class",
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
                name="class_change_puts_in_a_whole_class",
                violation_error_message="Enter the day and both times; a class must end after it starts.",
            ),
            models.CheckConstraint(
                condition=Q(day__isnull=False) | Q(to_day__isnull=False),
                name="class_change_changes_something",
                violation_error_message="A change takes a class out, or puts one in.",
            ),
            models.CheckConstraint(
                condition=~Q(reason=""), name="class_change_has_a_reason", violation_error_message="Say why."
            ),
            *day_bounds("class_change", "day", "to_day"),
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
    def keeps_its_start(self):
        """Whether the class begins when it would have: only its end or its room is another."""
        return self.day is not None and (self.day, self.starts_at) == (self.to_day, self.to_starts_at)

    @property
    def words(self):
        """What was changed: `Moved from Mon 1 Jun, 17:00 to Tue 2 Jun, 18:00`."""
        if self.is_extra:
            return f"Extra class on {class_words(self.to_day, self.to_starts_at)}{self._where}"
        if self.is_cancelled:
            return f"Cancelled: the class of {class_words(self.day, self.starts_at)}"
        if self.keeps_its_start:
            return f"Changed: the class of {class_words(self.day, self.starts_at)}, until {self.to_ends_at:%H:%M}{self._where}"
        when = class_words(self.to_day, self.to_starts_at)
        return f"Moved from {class_words(self.day, self.starts_at)} to {when}{self._where}"

    @property
    def _where(self):
        return f" in {room_words(self.room)}" if self.room else ""

    @property
    def words_there(self):
        """What stands at the class that is taken out: `Moved to Tue 2 Jun, 18:00: hall is taken`."""
        what = "Cancelled" if self.is_cancelled else f"Moved to {class_words(self.to_day, self.to_starts_at)}"
        return f"{what}: {self.reason}"

    @property
    def words_here(self):
        """What stands at the class that is put in: `Moved from Mon 1 Jun, 17:00: hall is taken`."""
        if self.keeps_its_start:
            return f"Changed: {self.reason}"
        what = "Extra class" if self.is_extra else f"Moved from {class_words(self.day, self.starts_at)}"
        return f"{what}: {self.reason}"


def class_words(day, starts_at):
    """When a class begins, as sentences name it: `Mon 1 Jun, 17:00`."""
    return f"{date_format(day, 'D j M')}, {starts_at:%H:%M}"


def room_words(room):
    """A room as sentences name it: `Room 2` for "2" and "Room 2" alike."""
    return room if folded(room).startswith("room") else f"Room {room}"


class Holiday(models.Model):
    """A day without classes in the whole institute."""

    day = DayField("date", unique=True, error_messages={"unique": "There is a holiday on this date already."})
    name = LineField(max_length=100)

    class Meta:
        ordering = ["day"]
        constraints = day_bounds("holiday", "day")

    def __str__(self):
        return f"{self.name}, {self.day:%d %b %Y}"

    def get_absolute_url(self):
        return reverse("academics:holiday-update", args=[self.pk])


class EnrollmentStatus(models.TextChoices):
    """Where an enrollment stands."""

    ACTIVE = "active", "Active"
    COMPLETED = "completed", "Completed"
    DROPPED = "dropped", "Dropped"


class EnrollmentQuerySet(ScopedQuerySet):
    def owned_by(self, key):
        """One's own, and those in batches that one teaches."""
        return self.filter(Q(student=key) | Q(batch__instructor=key))

    def active(self):
        """Enrollments that go on."""
        return self.filter(status=EnrollmentStatus.ACTIVE)

    def on_roll(self, on, *, or_else=None):
        """Enrollments whose student is in the batch on that day, which the day they end is not; or for whom ``or_else`` holds."""
        return self.filter(Q(Q(ended_on__gt=on) | Q(ended_on=None), enrolled_on__lte=on) | (or_else or Q()))

    def search(self, words):
        """Enrollments of the students that `User.objects.search` finds."""
        return self.filter(student__user__in=User.objects.search(words)) if words.strip() else self

    def by_name(self):
        """With the student, in the order of a roll."""
        return self.select_related("student__user").order_by("student__user__full_name", "pk")

    def latest_first(self):
        """With batch and course; the active ones first, then the newest."""
        return self.select_related("batch__course", "batch__instructor").order_by(
            F("ended_on").desc(nulls_first=True), "-enrolled_on", "-pk"
        )


class Enrollment(models.Model):
    """A student in a batch, from a day on, for an agreed fee. Ended ones stay as history."""

    student = models.ForeignKey(StudentProfile, on_delete=models.PROTECT, related_name="enrollments")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="enrollments")
    enrolled_on = DayField()
    status = models.CharField(max_length=10, choices=EnrollmentStatus.choices, default=EnrollmentStatus.ACTIVE)
    ended_on = DayField(null=True, blank=True)
    end_reason = LineField("reason for ending", max_length=200, blank=True)
    list_fee = MoneyField(help_text="The course's fee on the day of enrolling.")
    agreed_fee = MoneyField()
    fee_reason = LineField("reason for a lower fee", max_length=200, blank=True)
    transferred_from = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="transferred_to", editable=False
    )
    #: Copied from the institute's setting, so that a unique index can hold "one active enrollment a student".
    is_exclusive = models.BooleanField(default=True, editable=False)
    #: Kept by `attendance` in the transaction that writes a mark, so that the database refuses to end before it.
    last_marked_on = DayField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = EnrollmentQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["-enrolled_on", "-pk"]
        indexes = [
            models.Index(fields=["batch", "status"], name="enrollment_by_batch"),
            models.Index(fields=["-created_at", "-id"], name="enrollment_by_newest"),
            models.Index(fields=["status", "student"], name="enrollment_by_state"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["student"],
                condition=Q(status="active", is_exclusive=True),
                name="enrollment_one_active",
                violation_error_message="This student has an active enrollment already.",
            ),
            models.UniqueConstraint(
                fields=["student", "batch"],
                condition=Q(status="active"),
                name="enrollment_one_active_in_batch",
                violation_error_message="This student is enrolled in this batch already.",
            ),
            one_of("enrollment", "status", EnrollmentStatus),
            models.CheckConstraint(
                condition=Q(status="active", ended_on=None) | (~Q(status="active") & Q(ended_on__isnull=False)),
                name="enrollment_ended_with_a_date",
                violation_error_message="An enrollment that has ended needs the date it ended on.",
            ),
            models.CheckConstraint(
                condition=Q(ended_on__gte=F("enrolled_on")) | Q(ended_on=None),
                name="enrollment_ends_after_it_starts",
                violation_error_message="An enrollment cannot end before it started.",
            ),
            models.CheckConstraint(
                condition=Q(ended_on__gte=F("last_marked_on")) | Q(ended_on=None) | Q(last_marked_on=None),
                name="enrollment_ends_after_last_mark",
                violation_error_message="An enrollment cannot end before the student's last attendance mark.",
            ),
            models.CheckConstraint(
                condition=Q(agreed_fee__range=(ZERO, F("list_fee"))),
                name="enrollment_fee_at_most_list",
                violation_error_message="The agreed fee cannot be more than the course's fee, nor negative.",
            ),
            models.CheckConstraint(
                condition=Q(agreed_fee=F("list_fee")) | ~Q(fee_reason=""),
                name="enrollment_lower_fee_has_reason",
                violation_error_message="Say why the fee is lower than the course's fee.",
            ),
            *day_bounds("enrollment", "enrolled_on", "ended_on"),
        ]

    def __str__(self):
        return f"{self.student} in {self.batch}"

    def get_absolute_url(self):
        return reverse("academics:student-enrollment", args=[self.student_id])

    @property
    def with_earlier(self):
        """This enrollment and those it was transferred from, the latest first."""
        found = [self]
        while (before := found[-1].transferred_from) is not None:
            found.append(before)
        return found

    @property
    def is_active(self):
        """Whether it goes on."""
        return self.status == EnrollmentStatus.ACTIVE

    def covers(self, day):
        """Whether the student is in the batch on that day."""
        return self.enrolled_on <= day and (self.ended_on is None or day < self.ended_on)


def days_between(first, last):
    """Every day from ``first`` to ``last``, both included."""
    return (first + datetime.timedelta(days=number) for number in range((last - first).days + 1))
