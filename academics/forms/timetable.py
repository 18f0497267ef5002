import datetime

from django import forms

from coachmaster.core.dates import FIRST_DAY, LAST_DAY
from coachmaster.core.form_fields import DateFormField
from coachmaster.core.forms import FilterForm
from coachmaster.core.text import folded

from .batch_filters import limit_batches
from .batches import sorted_choices


class WeekForm(FilterForm):
    """Which week of the calendar: the one of ``week``, of ``day`` where one day alone is asked for, or this one."""

    q = None
    week = DateFormField(label="Week of")
    day = DateFormField()

    def __init__(self, data, *, today):
        super().__init__(data)
        self.day = self.value("day")
        within = self.day or self.value("week") or today
        #: Weeks at either end of what dates can be reach no further.
        self.monday = max(within - datetime.timedelta(days=within.weekday()), FIRST_DAY)
        self.sunday = min(self.monday + datetime.timedelta(days=6), LAST_DAY)


class ClassFilter(FilterForm):
    """Whose classes, in which room, of which batch; the choices are those of ``batches`` (loaded, with instructors)."""

    q = None
    instructor = forms.ChoiceField(label="Instructor")
    room = forms.ChoiceField(label="Room")
    batch = forms.ChoiceField(label="Batch")

    def __init__(self, data, *, batches):
        super().__init__(data)
        rooms = {folded(batch.room): batch.room for batch in batches if batch.room}
        teaching = sorted_choices(
            {
                (batch.instructor_id, batch.instructor.full_name)
                for batch in batches
                if batch.instructor
            }
        )
        self.fields["instructor"].choices = [("", "Everybody"), *teaching, ("none", "Nobody yet")]
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
        """Return the ``batches`` (loaded) of the chosen instructor and batch; a room is of a class, not of a batch."""
        instructor, pk = self.value("instructor"), self.value("batch")
        if instructor:
            wanted = None if instructor == "none" else int(instructor)
            batches = [batch for batch in batches if batch.instructor_id == wanted]
        return [batch for batch in batches if str(batch.pk) == pk] if pk else batches

    def filter(self, classes):
        """Those of ``classes``, of batches that were narrowed, that were asked for."""
        room = self.value("room")
        return [one for one in classes if folded(one.room) == room] if room else classes
