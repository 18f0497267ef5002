from django import forms

from coachmaster.core.form_fields import DateFormField, SingleLineFormField

from .class_times import TimeInput


class ClassCancelForm(forms.Form):
    """Why a class is called off."""

    reason = SingleLineFormField(
        max_length=200, help_text="Students and the instructor read it, like “Hall is taken”."
    )


class ClassChangeForm(ClassCancelForm):
    """When and where one class is held, and why not as the timetable says."""

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
        max_length=60, required=False, help_text="Empty: the room of the batch."
    )
    despite_clash = forms.BooleanField(label="Save anyway", required=False)
