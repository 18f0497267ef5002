from django import forms

from academics.models import Course
from coachmaster.core.concurrency import EditForm
from coachmaster.core.form_fields import AmountField, WholeNumberField
from coachmaster.core.forms import FilterForm


class CourseFilter(FilterForm):
    show = forms.ChoiceField(label="Show", choices=[("", "Active courses"), ("all", "All courses")])

    def filter(self, courses):
        if self.value("show") != "all":
            courses = courses.filter(is_active=True)
        return courses.search(self.value("q") or "")


class CourseForm(EditForm):
    total_fee = AmountField(
        label="Total fee (₹)",
        allow_zero=True,
        help_text=Course._meta.get_field("total_fee").help_text,
    )
    low_attendance_percent = WholeNumberField(
        label="Low attendance below (%)",
        min_value=1,
        max_value=100,
        required=False,
        help_text=Course._meta.get_field("low_attendance_percent").help_text,
    )

    class Meta:
        model = Course
        fields = ["name", "code", "total_fee", "description", "low_attendance_percent", "is_active"]
