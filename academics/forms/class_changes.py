from django import forms

from academics.services.class_changes import NewTime
from coachmaster.core.form_fields import DateFormField, SingleLineFormField

from .class_times import TimeInput


class ClassCancelForm(forms.Form):
    reason = SingleLineFormField(
        max_length=200, help_text="Shown to students and the instructor, like “Hall is taken”."
    )


class ClassChangeForm(ClassCancelForm):
    to_day = DateFormField(label="Day")
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
    room = SingleLineFormField(
        max_length=60, required=False, help_text="Leave empty for the room of the batch."
    )
    despite_clash = forms.BooleanField(label="Save anyway", required=False)

    @property
    def new_time(self):
        values = self.cleaned_data
        return NewTime(
            values["to_day"], values["to_starts_at"], values["to_ends_at"], values["room"]
        )
