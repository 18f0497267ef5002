from django import forms
from django.core.exceptions import ValidationError

from coachmaster.core.dates import format_date, month_end, month_start
from coachmaster.core.form_fields import DateFormField, DatePicker

#: The longest range a register shows: a term, and a table that a browser and a sheet of paper can hold.
REGISTER_DAYS = 92


class RegisterRangeForm(forms.Form):
    """The range of days of a register: `?from=&to=`."""

    def __init__(self, data, *, first, last):
        super().__init__(data or None)
        self.default = first, last
        for name, label, day in (("from", "From", first), ("to", "To", last)):
            self.fields[name] = DateFormField(
                label=label,
                initial=day,
                required=False,
                widget=DatePicker(attrs={"class": "form-control"}),
            )

    def clean(self):
        cleaned = super().clean()
        first, last = self._asked(cleaned)
        if first > last:
            raise ValidationError(
                f"The range ends before it begins: choose a last day from {format_date(first)} on."
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
