from django.core.exceptions import ValidationError

from coachmaster.core.form_fields import DateFormField
from coachmaster.core.importers import ImportColumn, plain_day

from .sheets import AttendanceImporter, StatusField


class AttendanceGridImporter(AttendanceImporter):
    """A register as it hangs on the wall: a line a student, a column a day, headed by its date. Empty cells are no mark."""

    label_columns = ("student", "batch")
    columns = AttendanceImporter.columns[:1] + AttendanceImporter.columns[2:3]

    def prepare(self, header):
        self.days = {day.isoformat(): day for day in map(_day_of, header) if day}
        of_days = [
            ImportColumn(day.isoformat(), StatusField(required=False), name, is_fixed=True)
            for name in header
            if (day := _day_of(name))
        ]
        if not of_days:
            of_days = [ImportColumn("a date", StatusField())]
        self.columns = [*self.columns, *of_days]

    def _marks(self, row):
        return [(day, row[column]) for column, day in self.days.items() if column in row]

    def _column(self, name, held_on):
        return held_on.isoformat()


def _day_of(heading):
    """The date that a column is headed by, or None."""
    try:
        return DateFormField(required=False).clean(plain_day(heading))
    except ValidationError:
        return None
