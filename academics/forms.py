"""Request data in, clean values out."""

import datetime

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q

from accounts.models import User
from coachmaster.core.concurrency import EditForm, OneAtATime
from coachmaster.core.dates import FIRST_DAY, LAST_DAY, DayFormField
from coachmaster.core.forms import FilterForm, PercentField, WholeNumberField
from coachmaster.core.money import AmountField
from coachmaster.core.statuses import State
from coachmaster.core.text import LineFormField, folded

from . import class_times
from .choices import to_offer
from .models import Batch, Course, EnrollmentStatus, Institute

# Courses --------------------------------------------------------------------------------------------------------


class CourseFilter(FilterForm):
    """The filters of the list of courses."""

    show = forms.ChoiceField(label="Show", choices=[("", "Active courses"), ("all", "All courses")])

    def filter(self, courses):
        """The courses that were asked for."""
        if self.value("show") != "all":
            courses = courses.filter(is_active=True)
        return courses.search(self.value("q") or "")


class CourseForm(EditForm):
    """A course."""

    total_fee = AmountField(
        label="Total fee (₹)", allow_zero=True, help_text=Course._meta.get_field("total_fee").help_text
    )
    low_attendance_percent = WholeNumberField(
        label="Low attendance below (%)",
        least=1,
        most=100,
        required=False,
        help_text=Course._meta.get_field("low_attendance_percent").help_text,
    )

    class Meta:
        model = Course
        fields = ["name", "code", "total_fee", "description", "low_attendance_percent", "is_active"]


# Batches --------------------------------------------------------------------------------------------------------


class BatchFilter(FilterForm):
    """The filters of the list of batches; the courses and instructors to choose from are those of ``batches``."""

    course = forms.ChoiceField(label="Course")
    instructor = forms.ChoiceField(label="Instructor")
    when = forms.ChoiceField(
        label="When",
        choices=[
            ("", "Running and upcoming"),
            ("running", "Running"),
            ("upcoming", "Upcoming"),
            ("over", "Over"),
            ("all", "All"),
        ],
    )

    def __init__(self, data, *, batches, by_instructor, **kwargs):
        super().__init__(data, **kwargs)
        pairs = batches.order_by().values_list("course", "course__name", "instructor", "instructor__full_name")
        pairs = list(pairs.distinct())
        self.fields["course"].choices = [("", "All courses"), *_named({pair[:2] for pair in pairs})]
        if by_instructor:
            teaching = _named({pair[2:] for pair in pairs if pair[2]})
            self.fields["instructor"].choices = [("", "Everybody"), *teaching, ("none", "Nobody yet")]
        else:
            del self.fields["instructor"]

    def filter(self, batches, on):
        """The batches that were asked for, as things stand on that day."""
        when = self.value("when") or "not_over"
        if when != "all":
            batches = getattr(batches, when)(on)
        if course := self.value("course"):
            batches = batches.filter(course=course)
        if instructor := self.value("instructor"):
            batches = batches.filter(instructor=None if instructor == "none" else instructor)
        return batches.search(self.value("q") or "")


def _named(pairs):
    """Pairs of a key and a name as choices, by name."""
    return [(str(key), name) for key, name in sorted(pairs, key=lambda pair: (pair[1].casefold(), pair[0]))]


class BatchForm(EditForm):
    """A batch, and beside it the ``rows`` of its weekly class times, those in ``slots`` (`class_times.Slot`s)."""

    capacity = WholeNumberField(
        label="Seats", least=1, most=9999, required=False, help_text=Batch._meta.get_field("capacity").help_text
    )
    despite_clash = forms.BooleanField(label="Save anyway", required=False)

    class Meta:
        model = Batch
        fields = ["name", "code", "course", "instructor", "starts_on", "ends_on", "capacity", "room"]

    def __init__(self, *args, slots=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.slots = slots
        self.rows = class_time_rows(self.data if self.is_bound else None, slots)
        # What a batch has is kept on offer, also when the course is no longer active or the person no longer teaches.
        self.fields["course"].queryset = Course.objects.filter(Q(is_active=True) | Q(pk=self.instance.course_id))
        self.fields["course"].empty_label = "Choose a course"
        teaching = User.objects.who_can_teach().values("pk")
        offered = User.objects.filter(Q(pk__in=teaching) | Q(pk=self.instance.instructor_id))
        self.fields["instructor"].queryset = offered.only("full_name")
        self.fields["instructor"].empty_label = "Nobody yet"

    @property
    def can_clash_anew(self):
        """Whether what was typed moves the batch in time or place, or gives it to somebody else."""
        moved = {"starts_on", "ends_on", "instructor", "room"} & set(self.changed_data)
        return bool(moved) or sorted(self.rows.slots) != sorted(self.slots)

    # Class times have no history: the page remembers them as text.

    def current(self):
        return {**super().current(), "rows": ("Weekly class times", class_times.written(self.slots))}

    def differs(self, name, value):
        if name == "rows":
            return not self.rows.is_valid() or class_times.written(self.rows.slots) != value
        return super().differs(name, value)

    def show(self, name, value):
        if name == "rows":
            self.rows = class_time_rows(None, self.slots)
        else:
            super().show(name, value)


class TimeInput(forms.TimeInput):
    """The browser's own time picker; it sends and takes `17:30`."""

    input_type = "time"

    def __init__(self, attrs=None):
        super().__init__(attrs={"class": "form-control", **(attrs or {})}, format="%H:%M")


class ClassTimeRow(forms.Form):
    """The weekdays that share a time of day; a row left empty is no class."""

    days = forms.TypedMultipleChoiceField(
        choices=list(enumerate(class_times.WEEKDAYS)),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    starts_at = forms.TimeField(
        label="From",
        required=False,
        widget=TimeInput,
        error_messages={"invalid": "Enter a time of day for “From”, like 17:30."},
    )
    ends_at = forms.TimeField(
        label="To",
        required=False,
        widget=TimeInput,
        error_messages={"invalid": "Enter a time of day for “To”, like 18:30."},
    )

    def clean(self):
        values = self.cleaned_data
        times = [values.get("starts_at"), values.get("ends_at")]
        if self.errors or not (values.get("days") or any(times)):
            return
        if not values["days"]:
            raise ValidationError("Tick the days of this class. To remove it, empty its times too.")
        if None in times:
            raise ValidationError("Enter the time from and to.")
        class_times.check(self.slots)

    @property
    def slots(self):
        """The row's classes as `class_times.Slot`s, in order of the week."""
        values = self.cleaned_data
        return sorted(class_times.Slot(day, values["starts_at"], values["ends_at"]) for day in values.get("days", []))


class _ClassTimeRows(forms.BaseFormSet):
    def clean(self):
        """No class overlaps one of the rows above it; the row that does says so."""
        if any(self.errors):
            return
        above = []
        for row in self.forms:
            try:
                above = class_times.check(sorted([*above, *row.slots]))
            except ValidationError as error:
                row.add_error(None, error)

    @property
    def slots(self):
        """The classes of all rows, in order of the week."""
        return sorted(slot for row in self.forms for slot in row.slots)


_Rows = forms.formset_factory(ClassTimeRow, formset=_ClassTimeRows, extra=2, max_num=50, absolute_max=60)


def class_time_rows(data, slots):
    """The rows of class times of a form: one for each time of day in ``slots``, and two to fill in."""
    initial = [
        {"days": weekdays, "starts_at": starts_at, "ends_at": ends_at}
        for weekdays, starts_at, ends_at in class_times.grouped(slots)
    ]
    return _Rows(data, initial=initial, prefix="times")


# The calendar ---------------------------------------------------------------------------------------------------


class WeekForm(FilterForm):
    """Which week of the calendar: the one of ``week``, of ``day`` where one day alone is asked for, or this one."""

    q = None
    week = DayFormField(label="Week of")
    day = DayFormField()

    def __init__(self, data, *, today):
        super().__init__(data)
        self.day = self.value("day")
        within = self.day or self.value("week") or today
        #: Weeks at either end of what dates can be reach no further.
        self.monday = max(within - datetime.timedelta(days=within.weekday()), FIRST_DAY)
        self.sunday = min(self.monday + datetime.timedelta(days=6), LAST_DAY)


class ClassFilter(FilterForm):
    """Whose classes, in which room, of which batch; the choices are those of ``batches`` (loaded, with instructors)."""

    q = None
    instructor = forms.ChoiceField(label="Instructor")
    room = forms.ChoiceField(label="Room")
    batch = forms.ChoiceField(label="Batch")

    def __init__(self, data, *, batches):
        super().__init__(data)
        rooms = {folded(batch.room): batch.room for batch in batches if batch.room}
        teaching = _named({(batch.instructor_id, batch.instructor.full_name) for batch in batches if batch.instructor})
        self.fields["instructor"].choices = [("", "Everybody"), *teaching, ("none", "Nobody yet")]
        self.fields["room"].choices = [("", "All rooms"), *_named(rooms.items())]
        rows = [(batch.pk, batch.name, folded(batch.room), batch.instructor_id) for batch in batches]
        offered = to_offer(rows, self.data, room=2, instructor=3)
        self.fields["batch"].choices = [("", "All batches"), *_named(row[:2] for row in offered)]
        if not offered:
            del self.fields["batch"]

    def narrow(self, batches):
        """Return the ``batches`` (loaded) of the chosen instructor and batch; a room is of a class, not of a batch."""
        instructor, pk = self.value("instructor"), self.value("batch")
        if instructor:
            wanted = None if instructor == "none" else int(instructor)
            batches = [batch for batch in batches if batch.instructor_id == wanted]
        return [batch for batch in batches if str(batch.pk) == pk] if pk else batches

    def filter(self, classes):
        """Those of ``classes``, of batches that were narrowed, that were asked for."""
        room = self.value("room")
        return [one for one in classes if folded(one.room) == room] if room else classes


# Single classes -------------------------------------------------------------------------------------------------


class ReasonForm(forms.Form):
    """Why a class is called off."""

    reason = LineFormField(max_length=200, help_text="Students and the instructor read it, like “Hall is taken”.")


class ClassForm(ReasonForm):
    """When and where one class is held, and why not as the timetable says."""

    to_day = DayFormField(label="Day")
    to_starts_at = forms.TimeField(
        label="From",
        widget=TimeInput,
        error_messages={"invalid": "Enter a time of day, like 17:30."},
    )
    to_ends_at = forms.TimeField(
        label="To",
        widget=TimeInput,
        error_messages={"invalid": "Enter a time of day, like 18:30."},
    )
    room = LineFormField(max_length=60, required=False, help_text="Empty: the room of the batch.")
    despite_clash = forms.BooleanField(label="Save anyway", required=False)


class StudentsFilter(FilterForm):
    """The filters of the students of a batch."""

    status = forms.ChoiceField(
        label="Show",
        choices=[
            ("", "Active"),
            (EnrollmentStatus.COMPLETED, "Completed"),
            (EnrollmentStatus.DROPPED, "Dropped"),
            ("all", "All"),
        ],
    )

    def filter(self, enrollments):
        """The enrollments that were asked for."""
        status = self.value("status") or EnrollmentStatus.ACTIVE
        if status != "all":
            enrollments = enrollments.filter(status=status)
        return enrollments.search(self.value("q") or "")


# The institute and its holidays ---------------------------------------------------------------------------------


#: The settings of the institute, by headings.
INSTITUTE_GROUPS = {
    "The institute": ["name", "address", "state", "phone", "email"],
    "Receipts": ["receipt_prefix", "gstin", "gst_percent", "upi_id"],
    "Fees": [
        "concession_limit",
        "back_dating_days",
        "cash_ceiling",
        "bounce_charge",
        "leaving_deduction_percent",
        "refund_days",
        "reminder_days",
        "fee_reminder",
    ],
    "Enrollment and attendance": ["several_batches_at_once", "attendance_edit_days"],
    "Check-in": ["check_in_by_code", "late_after_minutes"],
    "Low attendance": [
        "low_attendance_percent",
        "low_attendance_classes",
        "absences_in_a_row",
        "attendance_reminder",
        "absence_message",
    ],
}


class GstinField(LineFormField):
    """A GSTIN, however it was typed: spaces and small letters do not count."""

    def to_python(self, value):
        return "".join(super().to_python(value).upper().split())


class InstituteForm(EditForm):
    """The settings of the institute, in groups."""

    #: The bounds of the whole numbers.
    BOUNDS = {
        "back_dating_days": (0, 3650),
        "leaving_deduction_percent": (0, 100),
        "refund_days": (1, 365),
        "reminder_days": (0, 365),
        "attendance_edit_days": (0, 365),
        "low_attendance_percent": (1, 100),
        "late_after_minutes": (0, 120),
        "low_attendance_classes": (1, 365),
        "absences_in_a_row": (1, 365),
    }

    class Meta:
        model = Institute
        fields = [name for names in INSTITUTE_GROUPS.values() for name in names]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["state"].choices = [("", "Choose the state"), *State.choices]
        for name in ("concession_limit", "bounce_charge"):
            self.fields[name].allow_zero = True
        self.fields["gstin"] = GstinField(
            label="GSTIN",
            max_length=20,
            required=False,
            help_text="With it, receipts made from now on are tax invoices; older ones stay as they are. Without it they "
            "name no tax.",
        )
        self.fields["gst_percent"] = PercentField(
            label="GST rate (%)",
            help_text="Counts with a GSTIN: fees include it. Coaching (SAC 999293) is taxed at 18 %.",
        )
        self.fields[
            "upi_id"
        ].help_text = "Like sunrise@okaxis. With it, statements and reminders carry a way to pay by."
        for name, (least, most) in self.BOUNDS.items():
            old = self.fields[name]
            self.fields[name] = WholeNumberField(label=old.label, help_text=old.help_text, least=least, most=most)

    @property
    def groups(self):
        """The fields as pairs of a heading and the fields under it."""
        return [(heading, [self[name] for name in names]) for heading, names in INSTITUTE_GROUPS.items()]


class HolidayFilter(FilterForm):
    """The filters of the list of holidays: one year, this one unless said otherwise."""

    year = forms.ChoiceField(label="Year")

    def __init__(self, data, *, holidays, this_year, **kwargs):
        super().__init__(data, **kwargs)
        self.this_year = this_year
        years = holidays.dates("day", "year", order="DESC")
        others = [(str(day.year), str(day.year)) for day in years if day.year != this_year]
        self.fields["year"].choices = [("", f"This year ({this_year})"), *others, ("all", "All years")]

    def filter(self, holidays):
        """The holidays that were asked for."""
        year = self.value("year") or self.this_year
        if year != "all":
            holidays = holidays.filter(day__year=year)
        for word in (self.value("q") or "").split():
            holidays = holidays.filter(name__icontains=word)
        return holidays


class HolidayDeleteForm(forms.Form):
    """Whether one day goes, or all days in a row with its name."""

    all_days = forms.BooleanField(required=False)

    def __init__(self, data, *, number):
        super().__init__(data)
        self.fields["all_days"].label = f"All {number} days in a row with this name"
        if number == 1:
            del self.fields["all_days"]


class HolidayForm(OneAtATime, forms.Form):
    """One holiday, or several days in a row with one name."""

    name = LineFormField(max_length=100, help_text="Like Diwali, or Summer break.")
    first = DayFormField(label="First day")
    last = DayFormField(label="Last day", required=False, help_text="Left empty, it is one day.")
