"""Request data in, clean values out."""

import re

from django import forms
from django.core.exceptions import ValidationError

from attendance.percentages import STATUS_BY_VALUE, MarkStatus
from coachmaster.core.form_fields import DateFormField, SingleLineFormField


class AttendanceSheetForm(forms.Form):
    """The whole sheet, read without a form field for each student.

    A student has `mark-<id>`, `note-<id>` and, where a note was saved, `was-<id>`: what it was when the page was opened.
    `seen` holds the marks as the page was opened, like `12p 13a`: who is named there and has no `mark-` of their own stands
    as they were.
    """

    topic = SingleLineFormField(
        label="Topic of the class",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )
    reason = SingleLineFormField(
        label="Reason for the correction",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )
    version = forms.RegexField(r"^[0-9]{1,9}$", widget=forms.HiddenInput)
    confirmed = forms.BooleanField(required=False)

    _FIELD = re.compile(r"(mark|note|was)-([0-9]{1,18})")
    _SEEN = re.compile(r"([0-9]{1,18})([pale])")
    _LETTERS = {status.value[0]: status for status in MarkStatus}
    _NOT_UNDERSTOOD = (
        "This page was sent in a way that is not understood. Check the list and save again."
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        #: What was chosen, as far as it was understood: {student id: Status}.
        self.statuses = {}
        #: What was typed beside the students, and what is wrong with it: {student id: text}.
        self.notes, self.note_errors = {}, {}
        self._seen, self._were, self._odd = None, {}, False
        if self.is_bound:
            self._read()

    def _read(self):
        for name, value in self.data.items():
            match = self._FIELD.fullmatch(name)
            if match:
                self._take(match[1], int(match[2]), value)
            elif name.startswith(("mark-", "note-")):
                self._odd = True
        if seen := self.data.get("seen"):
            parts = [self._SEEN.fullmatch(part) for part in seen.split()]
            self._odd = self._odd or not all(parts)
            self._seen = {int(part[1]): self._LETTERS[part[2]] for part in parts if part}
            self.statuses = self._seen | self.statuses

    def _take(self, kind, student_id, value):
        if kind == "mark":
            if status := STATUS_BY_VALUE.get(value):
                self.statuses[student_id] = status
            else:
                self._odd = True
        elif kind == "was":
            self._were[student_id] = value
        else:
            try:
                self.notes[student_id] = value and _NOTE.clean(value)
            except ValidationError as error:
                self.notes[student_id] = value
                self.note_errors[student_id] = error.messages[0]

    def seen(self, student_id):
        """The mark of this student as the page was opened, None when it does not say."""
        return (self._seen or {}).get(student_id)

    def is_own(self, student_id):
        """Whether who sent the page chose the mark of this student, and did not leave it as the page had it."""
        return self._seen is None or self.statuses.get(student_id) != self._seen.get(student_id)

    def is_own_note(self, student_id):
        """Whether who sent the page typed this note, and did not leave it as the page had it."""
        return self.notes.get(student_id, "") != self._were.get(student_id, "")

    def clean(self):
        if self._odd:
            raise ValidationError(
                "Choose Present, Absent, Late or Excused for each student, and save again."
            )
        if "version" in self.errors:
            del self.errors["version"]
            raise ValidationError(self._NOT_UNDERSTOOD)
        if self.note_errors:
            raise ValidationError("A note cannot be kept as it is: see below.")
        return self.cleaned_data

    def clean_version(self):
        return int(self.cleaned_data["version"])


_NOTE = SingleLineFormField(max_length=200, required=False)


class SheetFillForm(forms.Form):
    """What a sheet is filled with before it is marked: `?fill=`."""

    fill = forms.ChoiceField(
        choices=[("present", "All present"), ("absent", "All absent"), ("last", "As last time")]
    )


class SheetDayForm(forms.Form):
    """Where to go from a sheet: to a day, or to the class day before or after it."""

    on = DateFormField(label="Day")
    step = forms.ChoiceField(choices=[("previous", "Previous"), ("next", "Next")], required=False)
