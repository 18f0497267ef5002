from django import forms
from django.core.exceptions import ValidationError

from academics import class_times


class TimeInput(forms.TimeInput):
    input_type = "time"

    def __init__(self, attrs=None):
        super().__init__(attrs={"class": "form-control", **(attrs or {})}, format="%H:%M")


class ClassTimeForm(forms.Form):
    """Weekdays that share a time of day."""

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
            raise ValidationError("Tick the days of this class, or clear its times to remove it.")
        if None in times:
            raise ValidationError("Enter both times.")
        class_times.check(self.slots)

    @property
    def slots(self):
        values = self.cleaned_data
        return sorted(
            class_times.Slot(day, values["starts_at"], values["ends_at"])
            for day in values.get("days", [])
        )


class _BaseClassTimeFormSet(forms.BaseFormSet):
    def clean(self):
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
        return sorted(slot for row in self.forms for slot in row.slots)


_ClassTimeFormSet = forms.formset_factory(
    ClassTimeForm, formset=_BaseClassTimeFormSet, extra=2, max_num=50, absolute_max=60
)


def class_time_formset(data, slots):
    initial = [
        {"days": weekdays, "starts_at": starts_at, "ends_at": ends_at}
        for weekdays, starts_at, ends_at in class_times.group_by_time(slots)
    ]
    return _ClassTimeFormSet(data, initial=initial, prefix="times")
