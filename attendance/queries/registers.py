from dataclasses import dataclass

from django.db.models import Q
from django.shortcuts import get_object_or_404

from academics.models import Enrollment, Institute
from academics.timetable import class_days
from attendance.models import PRESENCE_COUNTS, Mark, Sheet, tally_of
from attendance.percentages import AttendanceRequirement, MarkStatus, Tally
from attendance.services.sheets import attendance_batches
from coachmaster.core.dates import format_date, months_between
from coachmaster.core.exports import CellType, ExportColumn

from .days import ClassDay
from .sheets import marks_by_student


def register_batch_or_404(user, pk):
    """The batch of that ``pk`` with its class times and the Tally of all its sheets (``overall_tally``).

    Raises Http404 for one whose register is not ``user``'s to keep.
    """
    batch = get_object_or_404(attendance_batches(user).with_class_times(), pk=pk)
    batch.overall_tally = batch.sheets.all().tally()
    return batch


def enrolled_months(enrollments, today):
    """The first days of the months in which these enrollments ran, the newest first."""
    months = {
        month
        for enrollment in enrollments
        if enrollment.enrolled_on <= today
        for month in months_between(
            enrollment.enrolled_on, min(enrollment.ended_on or today, today)
        )
    }
    return sorted(months, reverse=True)


@dataclass
class RegisterRow:
    """One student of a register: a mark, or None, for each sheet of the range."""

    student_id: int
    name: str
    admission_number: str
    marks: list[MarkStatus | None]
    #: Of the range, and of all classes since the student joined the batch.
    tally: Tally
    overall: Tally
    is_low: bool = False


@dataclass
class Register:
    """The sheets of a batch in a range of days, and who came."""

    #: Every day with a sheet or a planned class, the oldest first.
    days: list[ClassDay]
    rows: list[RegisterRow]
    tally: Tally

    @property
    def sheets(self):
        """The sheets, the oldest first."""
        return [one.sheet for one in self.days if one.sheet]

    @property
    def missing(self):
        """How many planned classes have no sheet."""
        return len(self.days) - len(self.sheets)

    @property
    def overall(self):
        """The Tally of all classes of these students."""
        return sum((row.overall for row in self.rows), Tally())


def batch_register(batch, first, last):
    """The `Register` of ``batch`` from ``first`` to ``last``; shares of all classes below what its course expects are low.

    ``batch`` comes with its class times. Four queries; no marks are read but those of the range.
    """
    sheets = list(
        Sheet.objects.filter(batch=batch).between(first, last).for_list().order_by("held_on")
    )
    marks = marks_by_student(sheets)
    rows = {}
    for enrollment in _roll_of_range(batch, first, last, sheets):
        student = enrollment.student
        tally = tally_of(enrollment)
        if row := rows.get(student.pk):  # somebody who left and came back
            row.overall += tally
            continue
        found = marks.get(student.pk, [None] * len(sheets))
        name, number = student.user.full_name, student.admission_number
        rows[student.pk] = RegisterRow(student.pk, name, number, found, Tally.of(found), tally)
    expected = AttendanceRequirement.for_course(batch.course, Institute.objects.current())
    for row in rows.values():
        row.is_low = expected.is_short(row.overall)
    for column, sheet in enumerate(sheets):
        sheet.tally = Tally.of(row.marks[column] for row in rows.values())
    taken = {sheet.held_on: sheet for sheet in sheets}
    planned = set(class_days(batch, first, last)) if first <= last else set()
    return Register(
        days=[ClassDay(batch, day, sheet=taken.get(day)) for day in sorted(planned | taken.keys())],
        rows=list(rows.values()),
        tally=sum((row.tally for row in rows.values()), Tally()),
    )


def _roll_of_range(batch, first, last, sheets):
    """The enrollments of who was in the batch in those days, or has a mark on one of ``sheets``, by name, with their counts."""
    in_batch = Q(Q(ended_on__gt=first) | Q(ended_on=None), enrolled_on__lte=last)
    marked = Q(pk__in=Mark.objects.filter(sheet__in=sheets).order_by().values("enrollment"))
    found = (
        Enrollment.objects.filter(in_batch | marked, batch=batch)
        .by_name()
        .select_related("presence")
    )
    return found.only("student__admission_number", "student__user__full_name", *PRESENCE_COUNTS)


def register_columns(found):
    """The columns of a `Register` as a file: its days, the range in counts, and all classes since joining."""

    def mark_of(column):
        return lambda row: row.marks[column].label[0] if row.marks[column] else None

    def count(kind, of):
        return lambda row: getattr(getattr(row, of), kind)

    return [
        ExportColumn("Student", CellType.TEXT, lambda row: row.name),
        ExportColumn("Admission number", CellType.TEXT, lambda row: row.admission_number),
        *(
            ExportColumn(format_date(sheet.held_on), CellType.TEXT, mark_of(column))
            for column, sheet in enumerate(found.sheets)
        ),
        *(
            ExportColumn(status.label, CellType.NUMBER, count(status.value, "tally"))
            for status in MarkStatus
        ),
        ExportColumn("Attended", CellType.NUMBER, count("attended", "tally")),
        ExportColumn("Of", CellType.NUMBER, count("counted", "tally")),
        ExportColumn("%", CellType.NUMBER, count("percentage", "tally")),
        ExportColumn("Attended in all", CellType.NUMBER, count("attended", "overall")),
        ExportColumn("Of in all", CellType.NUMBER, count("counted", "overall")),
        ExportColumn("% in all", CellType.NUMBER, count("percentage", "overall")),
    ]
