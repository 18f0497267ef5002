from django import forms
from django.core.exceptions import ValidationError

from coachmaster.core.dates import format_date, month_end, month_start
from coachmaster.core.form_fields import DateFormField, DatePicker

#: Longest range of a register: about one term.
REGISTER_DAYS = 92


class RegisterRangeForm(forms.Form):
    """First and last day of a register, `?from=&to=`."""

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
        first, last = self._range(cleaned)
        if first > last:
            raise ValidationError(f"The last day must not be before {format_date(first)}.")
        if (last - first).days >= REGISTER_DAYS:
            raise ValidationError(
                f"A register shows at most {REGISTER_DAYS} days. Choose a shorter range."
            )
        return cleaned

    def _range(self, cleaned):
        """Return the days asked for; one end alone means its month."""
        first, last = cleaned.get("from"), cleaned.get("to")
        if first and not last:
            last = max(first, min(self.default[1], month_end(first)))
        if last and not first:
            first = month_start(last)
        return first or self.default[0], last or self.default[1]

    @property
    def range(self):
        return self._range(self.cleaned_data) if self.is_bound and self.is_valid() else self.default
