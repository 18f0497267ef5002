from django.core.exceptions import ValidationError

from coachmaster.core.form_fields import DateFormField
from coachmaster.core.importers import ImportColumn, plain_day

from .sheets import AttendanceImporter, StatusField


class AttendanceGridImporter(AttendanceImporter):
    """A register with a row for each student and a column for each date."""

    label_columns = ("student", "batch")
    columns = AttendanceImporter.columns[:1] + AttendanceImporter.columns[2:3]

    def prepare(self, header):
        days = [(name, day) for name in header if (day := _parse_heading(name))]
        self.days = {day.isoformat(): day for _, day in days}
        date_columns = [
            ImportColumn(day.isoformat(), StatusField(required=False), name, is_fixed=True)
            for name, day in days
        ]
        self.columns = [*self.columns, *(date_columns or [ImportColumn("a date", StatusField())])]

    def _marks(self, row):
        return [(day, row[column]) for column, day in self.days.items() if column in row]

    def _column(self, name, held_on):
        return held_on.isoformat()


def _parse_heading(heading):
    """Return the date of a heading, or None."""
    try:
        return DateFormField(required=False).clean(plain_day(heading))
    except ValidationError:
        return None
