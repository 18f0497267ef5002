import re

from django import forms
from django.core.exceptions import ValidationError

from attendance.percentages import STATUS_BY_VALUE, MarkStatus
from coachmaster.core.form_fields import DateFormField, SingleLineFormField


class AttendanceSheetForm(forms.Form):
    """A sheet, read without a form field for each student.

    `seen` has the marks that the page showed, like `12p 13a`, and `was-<id>` the notes. Only
    students that differ need `mark-<id>` and `note-<id>`.
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
    _MALFORMED = "This page sent incomplete data. Check the list and save again."

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        #: Valid statuses and notes, and errors of notes, by student id.
        self.statuses, self.notes, self.note_errors = {}, {}, {}
        self._seen, self._seen_notes, self._is_malformed = None, {}, False
        if self.is_bound:
            self._read()

    def _read(self):
        for name, value in self.data.items():
            match = self._FIELD.fullmatch(name)
            if match:
                self._read_field(match[1], int(match[2]), value)
            elif name.startswith(("mark-", "note-")):
                self._is_malformed = True
        if seen := self.data.get("seen"):
            parts = [self._SEEN.fullmatch(part) for part in seen.split()]
            self._is_malformed = self._is_malformed or not all(parts)
            self._seen = {int(part[1]): self._LETTERS[part[2]] for part in parts if part}
            self.statuses = self._seen | self.statuses

    def _read_field(self, kind, student_id, value):
        if kind == "mark":
            if status := STATUS_BY_VALUE.get(value):
                self.statuses[student_id] = status
            else:
                self._is_malformed = True
        elif kind == "was":
            self._seen_notes[student_id] = value
        else:
            try:
                self.notes[student_id] = value and _NOTE.clean(value)
            except ValidationError as error:
                self.notes[student_id] = value
                self.note_errors[student_id] = error.messages[0]

    def seen_status(self, student_id):
        return (self._seen or {}).get(student_id)

    def is_changed(self, student_id):
        return self._seen is None or self.statuses.get(student_id) != self._seen.get(student_id)

    def is_note_changed(self, student_id):
        return self.notes.get(student_id, "") != self._seen_notes.get(student_id, "")

    def clean(self):
        if self._is_malformed:
            raise ValidationError(
                "Choose Present, Absent, Late or Excused for each student, and save again."
            )
        if "version" in self.errors:
            del self.errors["version"]
            raise ValidationError(self._MALFORMED)
        if self.note_errors:
            raise ValidationError("Correct the notes that are marked below.")
        return self.cleaned_data

    def clean_version(self):
        return int(self.cleaned_data["version"])


_NOTE = SingleLineFormField(max_length=200, required=False)


class SheetFillForm(forms.Form):
    fill = forms.ChoiceField(
        choices=[
            ("present", "All present"),
            ("absent", "All absent"),
            ("last", "Same as last class"),
        ]
    )


class SheetDayForm(forms.Form):
    on = DateFormField(label="Day")
    step = forms.ChoiceField(choices=[("previous", "Previous"), ("next", "Next")], required=False)
