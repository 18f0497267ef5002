from django import forms
from django.db.models import Q

from academics import class_times
from academics.models import Batch, Course, EnrollmentStatus
from accounts.models import User
from coachmaster.core.concurrency import EditForm
from coachmaster.core.form_fields import WholeNumberField
from coachmaster.core.forms import FilterForm

from .class_times import class_time_formset


class BatchFilter(FilterForm):
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
        pairs = batches.order_by().values_list(
            "course", "course__name", "instructor", "instructor__full_name"
        )
        pairs = list(pairs.distinct())
        self.fields["course"].choices = [
            ("", "All courses"),
            *sorted_choices({pair[:2] for pair in pairs}),
        ]
        if by_instructor:
            teaching = sorted_choices({pair[2:] for pair in pairs if pair[2]})
            everybody, nobody = ("", "All instructors"), ("none", "No instructor yet")
            self.fields["instructor"].choices = [everybody, *teaching, nobody]
        else:
            del self.fields["instructor"]

    def filter(self, batches, on):
        when = self.value("when") or "not_over"
        if when != "all":
            batches = getattr(batches, when)(on)
        if course := self.value("course"):
            batches = batches.filter(course=course)
        if instructor := self.value("instructor"):
            batches = batches.filter(instructor=None if instructor == "none" else instructor)
        return batches.search(self.value("q") or "")


def sorted_choices(pairs):
    by_name = sorted(pairs, key=lambda pair: (pair[1].casefold(), pair[0]))
    return [(str(pk), name) for pk, name in by_name]


def offered_choices(batch, user=None):
    """Return the courses and instructors of a form; the current ones can always be kept.

    Instructors are those that ``user`` may see; all without a user.
    """
    people = User.objects.visible_to(user) if user else User.objects
    teaching = people.able_to_teach().values("pk")
    return {
        "course": Course.objects.filter(Q(is_active=True) | Q(pk=batch.course_id)),
        "instructor": User.objects.filter(Q(pk__in=teaching) | Q(pk=batch.instructor_id)),
    }


class BatchForm(EditForm):
    capacity = WholeNumberField(
        label="Seats",
        min_value=1,
        max_value=9999,
        required=False,
        help_text=Batch._meta.get_field("capacity").help_text,
    )
    despite_clash = forms.BooleanField(label="Save anyway", required=False)

    class Meta:
        model = Batch
        fields = [
            "name",
            "code",
            "course",
            "instructor",
            "starts_on",
            "ends_on",
            "capacity",
            "room",
            "class_times_note",
        ]

    def __init__(self, *args, user, slots=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.slots = slots
        self.rows = class_time_formset(self.data if self.is_bound else None, slots)
        offered = offered_choices(self.instance, user)
        self.fields["course"].queryset = offered["course"]
        self.fields["course"].empty_label = "Choose a course"
        self.fields["instructor"].queryset = offered["instructor"].only("full_name")
        self.fields["instructor"].empty_label = "No instructor yet"

    @property
    def may_add_clashes(self):
        moved = {"starts_on", "ends_on", "instructor", "room"} & set(self.changed_data)
        return bool(moved) or sorted(self.rows.slots) != sorted(self.slots)

    # Class times have no history, so the form compares them as text.

    def current_values(self):
        return {
            **super().current_values(),
            "rows": ("Weekly class times", class_times.format_slots(self.slots)),
        }

    def is_changed(self, name, value):
        if name == "rows":
            return not self.rows.is_valid() or class_times.format_slots(self.rows.slots) != value
        return super().is_changed(name, value)

    def show_value(self, name, value):
        if name == "rows":
            self.rows = class_time_formset(None, self.slots)
        else:
            super().show_value(name, value)


class StudentsFilter(FilterForm):
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
        status = self.value("status") or EnrollmentStatus.ACTIVE
        if status != "all":
            enrollments = enrollments.filter(status=status)
        return enrollments.search(self.value("q") or "")
