from django import forms

from coachmaster.core.concurrency import ConflictCheckForm
from coachmaster.core.form_fields import DateFormField, SingleLineFormField
from coachmaster.core.forms import FilterForm


class HolidayFilter(FilterForm):
    year = forms.ChoiceField(label="Year")

    def __init__(self, data, *, holidays, this_year, **kwargs):
        super().__init__(data, **kwargs)
        self.this_year = this_year
        years = holidays.dates("day", "year", order="DESC")
        others = [(str(day.year), str(day.year)) for day in years if day.year != this_year]
        self.fields["year"].choices = [
            ("", f"This year ({this_year})"),
            *others,
            ("all", "All years"),
        ]

    def filter(self, holidays):
        year = self.value("year") or self.this_year
        if year != "all":
            holidays = holidays.filter(day__year=year)
        for word in (self.value("q") or "").split():
            holidays = holidays.filter(name__icontains=word)
        return holidays


class HolidayDeleteForm(forms.Form):
    all_days = forms.BooleanField(required=False)

    def __init__(self, data, *, number):
        super().__init__(data)
        self.fields["all_days"].label = f"Delete all {number} consecutive days with this name"
        if number == 1:
            del self.fields["all_days"]


class HolidayForm(ConflictCheckForm, forms.Form):
    name = SingleLineFormField(max_length=100, help_text="Like Diwali or Summer break.")
    first = DateFormField(label="First day")
    last = DateFormField(
        label="Last day", required=False, help_text="Leave empty for a single day."
    )
