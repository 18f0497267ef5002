from django import forms
from django.core.exceptions import ValidationError

from coachmaster.core.dates import DayFormField, DayInput, day_words, month_end, month_start
from coachmaster.core.forms import FilterForm

#: The longest range a register shows: a term, and a table that a browser and a sheet of paper can hold.
REGISTER_DAYS = 92


class RegisterForm(forms.Form):
    """The range of days of a register: `?from=&to=`."""

    def __init__(self, data, *, first, last):
        super().__init__(data or None)
        self.default = first, last
        for name, label, day in (("from", "From", first), ("to", "To", last)):
            self.fields[name] = DayFormField(
                label=label,
                initial=day,
                required=False,
                widget=DayInput(attrs={"class": "form-control"}),
            )

    def clean(self):
        cleaned = super().clean()
        first, last = self._asked(cleaned)
        if first > last:
            raise ValidationError(
                f"The range ends before it begins: choose a last day from {day_words(first)} on."
            )
        if (last - first).days >= REGISTER_DAYS:
            raise ValidationError(
                f"A register shows at most {REGISTER_DAYS} days: choose a shorter range."
            )
        return cleaned

    def _asked(self, cleaned):
        """The range asked for; one end alone means the month that it lies in."""
        first, last = cleaned.get("from"), cleaned.get("to")
        if first and not last:
            last = max(first, min(self.default[1], month_end(first)))
        if last and not first:
            first = month_start(last)
        return first or self.default[0], last or self.default[1]

    @property
    def range(self):
        """First and last day to show; the default where what was asked for cannot be shown."""
        return self._asked(self.cleaned_data) if self.is_bound and self.is_valid() else self.default


class MissingFilter(FilterForm):
    """Whose missing registers, and how far back; the choices are the instructors who have some."""

    q = None
    instructor = forms.ChoiceField(label="Instructor")
    back = forms.ChoiceField(label="Days before today")

    def __init__(self, data, *, by_instructor, days, most_days):
        super().__init__(data)
        self.fields["back"].choices = [("", days), ("most", most_days)]
        if days >= most_days:
            del self.fields["back"]
        people = [
            (str(key or "none"), f"{name or 'Nobody yet'} ({number})")
            for key, name, number in by_instructor
        ]
        self.fields["instructor"].choices = [("", "Everybody"), *people]

    def filter(self, rows):
        """The rows that were asked for."""
        wanted = self.value("instructor")
        return [row for row in rows if not wanted or str(row.instructor_id or "none") == wanted]
