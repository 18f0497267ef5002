import datetime

from django import forms

from coachmaster.core.dates import FIRST_DAY, LAST_DAY
from coachmaster.core.form_fields import DateFormField
from coachmaster.core.forms import FilterForm
from coachmaster.core.text import folded

from .batch_filters import limit_batches
from .batches import sorted_choices


class WeekForm(FilterForm):
    """The week to show: that of ``week`` or ``day``, or this week."""

    q = None
    week = DateFormField(label="Week of")
    day = DateFormField()

    def __init__(self, data, *, today):
        super().__init__(data)
        self.day = self.value("day")
        within = self.day or self.value("week") or today
        # The first and last possible weeks are shorter.
        self.monday = max(within - datetime.timedelta(days=within.weekday()), FIRST_DAY)
        self.sunday = min(self.monday + datetime.timedelta(days=6), LAST_DAY)


class ClassFilter(FilterForm):
    q = None
    instructor = forms.ChoiceField(label="Instructor")
    room = forms.ChoiceField(label="Room")
    batch = forms.ChoiceField(label="Batch")

    def __init__(self, data, *, batches):
        super().__init__(data)
        rooms = {folded(batch.room): batch.room for batch in batches if batch.room}
        instructors = {batch.instructor for batch in batches if batch.instructor}
        teaching = sorted_choices((user.pk, user.full_name) for user in instructors)
        self.fields["instructor"].choices = [
            ("", "All instructors"),
            *teaching,
            ("none", "No instructor yet"),
        ]
        self.fields["room"].choices = [("", "All rooms"), *sorted_choices(rooms.items())]
        rows = [
            (batch.pk, batch.name, folded(batch.room), batch.instructor_id) for batch in batches
        ]
        offered = limit_batches(rows, self.data, room=2, instructor=3)
        self.fields["batch"].choices = [
            ("", "All batches"),
            *sorted_choices(row[:2] for row in offered),
        ]
        if not offered:
            del self.fields["batch"]

    def narrow(self, batches):
        instructor, pk = self.value("instructor"), self.value("batch")
        if instructor:
            wanted = None if instructor == "none" else int(instructor)
            batches = [batch for batch in batches if batch.instructor_id == wanted]
        return [batch for batch in batches if str(batch.pk) == pk] if pk else batches

    def filter(self, classes):
        room = self.value("room")
        if not room:
            return classes
        return [scheduled for scheduled in classes if folded(scheduled.room) == room]
