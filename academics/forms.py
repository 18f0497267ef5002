"""Request data in, clean values out."""

from django import forms

from coachmaster.ground.forms import FilterForm
from coachmaster.ground.money import AmountField

from .models import Course


class CourseFilter(FilterForm):
    """The filters of the list of courses."""

    show = forms.ChoiceField(label="Show", choices=[("", "Active courses"), ("all", "All courses")])

    def filter(self, courses):
        """The courses that were asked for."""
        if self.value("show") != "all":
            courses = courses.filter(is_active=True)
        return courses.search(self.value("q") or "")


class CourseForm(forms.ModelForm):
    """A course."""

    total_fee = AmountField(
        label="Total fee (₹)", allow_zero=True, help_text=Course._meta.get_field("total_fee").help_text
    )

    class Meta:
        model = Course
        fields = ["name", "code", "total_fee", "description", "is_active"]
