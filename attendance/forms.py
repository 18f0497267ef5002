"""Request data in, clean values out."""

import re

from django import forms
from django.core.exceptions import ValidationError

from coachmaster.core.dates import DayFormField, DayInput, day_words, month_end, month_start
from coachmaster.core.forms import FilterForm
from coachmaster.core.text import LineFormField

from .models import STATUS_OF, Status

#: The longest range a register shows: a term, and a table that a browser and a sheet of paper can hold.
REGISTER_DAYS = 92


class SheetForm(forms.Form):
    """The whole sheet, read without a form field for each student.

    A student has `mark-<id>`, `note-<id>` and, where a note was saved, `was-<id>`: what it was when the page was opened.
    `seen` holds the marks as the page was opened, like `12p 13a`: who is named there and has no `mark-` of their own stands
    as they were.
    """

    topic = LineFormField(
        label="Topic of the class",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )
    reason = LineFormField(
        label="Reason for the correction",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )
    version = forms.RegexField(r"^[0-9]{1,9}$", widget=forms.HiddenInput)
    confirmed = forms.BooleanField(required=False)

    _FIELD = re.compile(r"(mark|note|was)-([0-9]{1,18})")
    _SEEN = re.compile(r"([0-9]{1,18})([pale])")
    _LETTERS = {status.value[0]: status for status in Status}
    _NOT_UNDERSTOOD = "This page was sent in a way that is not understood. Check the list and save again."

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
            if status := STATUS_OF.get(value):
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
            raise ValidationError("Choose Present, Absent, Late or Excused for each student, and save again.")
        if "version" in self.errors:
            del self.errors["version"]
            raise ValidationError(self._NOT_UNDERSTOOD)
        if self.note_errors:
            raise ValidationError("A note cannot be kept as it is: see below.")
        return self.cleaned_data

    def clean_version(self):
        return int(self.cleaned_data["version"])


_NOTE = LineFormField(max_length=200, required=False)


class FillForm(forms.Form):
    """What a sheet is filled with before it is marked: `?fill=`."""

    fill = forms.ChoiceField(choices=[("present", "All present"), ("absent", "All absent"), ("last", "As last time")])


class GoForm(forms.Form):
    """Where to go from a sheet: to a day, or to the class day before or after it."""

    on = DayFormField(label="Day")
    step = forms.ChoiceField(choices=[("previous", "Previous"), ("next", "Next")], required=False)


class RegisterForm(forms.Form):
    """The range of days of a register: `?from=&to=`."""

    def __init__(self, data, *, first, last):
        super().__init__(data or None)
        self.default = first, last
        for name, label, day in (("from", "From", first), ("to", "To", last)):
            self.fields[name] = DayFormField(
                label=label, initial=day, required=False, widget=DayInput(attrs={"class": "form-control"})
            )

    def clean(self):
        cleaned = super().clean()
        first, last = self._asked(cleaned)
        if first > last:
            raise ValidationError(f"The range ends before it begins: choose a last day from {day_words(first)} on.")
        if (last - first).days >= REGISTER_DAYS:
            raise ValidationError(f"A register shows at most {REGISTER_DAYS} days: choose a shorter range.")
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


class DayFilter(FilterForm):
    """The filters of the classes of a day."""

    q = None
    on = DayFormField(label="Day")
    show = forms.ChoiceField(
        label="Show",
        choices=[
            ("", "All classes of the day"),
            ("taken", "Taken"),
            ("open", "Not taken yet"),
        ],
    )

    def __init__(self, data, *, today):
        super().__init__({"on": today, **data.dict()})
        self.today = today

    @property
    def day(self):
        """The day to show: today unless another one was chosen."""
        return self.value("on") or self.today

    @property
    def is_filtering(self):
        """Whether anything but all of today is shown."""
        return bool(self.value("show")) or self.day != self.today


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
        people = [(str(key or "none"), f"{name or 'Nobody yet'} ({number})") for key, name, number in by_instructor]
        self.fields["instructor"].choices = [("", "Everybody"), *people]

    def filter(self, rows):
        """The rows that were asked for."""
        wanted = self.value("instructor")
        return [row for row in rows if not wanted or str(row.instructor_id or "none") == wanted]


class MonthForm(forms.Form):
    """One month out of those there are: `?month=2026-06`; the newest unless another is chosen."""

    def __init__(self, data, *, months):
        self.months = {f"{day:%Y-%m}": day for day in months}
        asked = data.get("month")
        self.month = asked if asked in self.months else next(iter(self.months), "")
        super().__init__({"month": self.month})
        choices = [(key, f"{day:%B %Y}") for key, day in self.months.items()]
        self.fields["month"] = forms.ChoiceField(
            choices=choices, widget=forms.Select(attrs={"class": "form-select", "aria-label": "Month"})
        )

    @property
    def first(self):
        """The first day of the month to show; None when there is none."""
        return self.months.get(self.month)

    @property
    def earlier(self):
        """The month before, None at the oldest."""
        return self._beside(1)

    @property
    def later(self):
        """The month after, None at the newest."""
        return self._beside(-1)

    def _beside(self, step):
        months = list(self.months.values())
        at = months.index(self.first) + step if months else -1
        return months[at] if 0 <= at < len(months) else None
