from dataclasses import dataclass

from django.db.models import Q
from django.shortcuts import get_object_or_404

from academics.models import Enrollment, Institute
from academics.timetable import class_days
from attendance.models import PRESENCE_COUNTS, Mark, Sheet, tally_of
from attendance.percentages import MarkStatus, Tally
from attendance.services.sheets import attendance_batches
from attendance.shortage import AttendanceRequirement
from coachmaster.core.dates import format_date, months_between
from coachmaster.core.exports import CellType, ExportColumn

from .days import ClassDay
from .sheets import marks_by_student


def register_batch_or_404(user, pk):
    """Return the batch with class times and ``overall_tally``."""
    batch = get_object_or_404(attendance_batches(user).with_class_times(), pk=pk)
    batch.overall_tally = batch.sheets.all().tally()
    return batch


def enrolled_months(enrollments, today):
    """Return the first days of the months, newest first."""
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
    student_id: int
    name: str
    admission_number: str
    marks: list[MarkStatus | None]
    tally: Tally
    #: All classes since the student was enrolled.
    overall: Tally
    is_short: bool = False


@dataclass
class Register:
    #: Every day with a sheet or a planned class, oldest first.
    days: list[ClassDay]
    rows: list[RegisterRow]
    tally: Tally

    @property
    def sheets(self):
        return [class_day.sheet for class_day in self.days if class_day.sheet]

    @property
    def missing(self):
        """Number of planned classes without a sheet."""
        return len(self.days) - len(self.sheets)

    @property
    def overall(self):
        return sum((row.overall for row in self.rows), Tally())


def batch_register(batch, first, last):
    """Return the Register of a batch loaded with its class times."""
    sheets = list(
        Sheet.objects.filter(batch=batch).between(first, last).for_list().order_by("held_on")
    )
    marks = marks_by_student(sheets)
    rows = {}
    for enrollment in _enrollments_between(batch, first, last, sheets):
        student = enrollment.student
        tally = tally_of(enrollment)
        if row := rows.get(student.pk):  # the student left and returned
            row.overall += tally
            continue
        statuses = marks.get(student.pk, [None] * len(sheets))
        rows[student.pk] = RegisterRow(
            student.pk,
            student.user.full_name,
            student.admission_number,
            statuses,
            Tally.of(statuses),
            tally,
        )
    requirement = AttendanceRequirement.for_course(batch.course, Institute.objects.current())
    for row in rows.values():
        row.is_short = requirement.is_short(row.overall)
    for column, sheet in enumerate(sheets):
        sheet.tally = Tally.of(row.marks[column] for row in rows.values())
    by_day = {sheet.held_on: sheet for sheet in sheets}
    planned = set(class_days(batch, first, last)) if first <= last else set()
    return Register(
        days=[
            ClassDay(batch, day, sheet=by_day.get(day)) for day in sorted(planned | by_day.keys())
        ],
        rows=list(rows.values()),
        tally=sum((row.tally for row in rows.values()), Tally()),
    )


def _enrollments_between(batch, first, last, sheets):
    in_batch = Q(Q(ended_on__gt=first) | Q(ended_on=None), enrolled_on__lte=last)
    marked = Q(pk__in=Mark.objects.filter(sheet__in=sheets).order_by().values("enrollment"))
    enrollments = Enrollment.objects.filter(in_batch | marked, batch=batch).by_name()
    return enrollments.select_related("presence").only(
        "student__admission_number", "student__user__full_name", *PRESENCE_COUNTS
    )


def register_columns(register):
    def mark_of(column):
        return lambda row: row.marks[column].label[0] if row.marks[column] else None

    def count(name, tally):
        return lambda row: getattr(getattr(row, tally), name)

    return [
        ExportColumn("Student", CellType.TEXT, lambda row: row.name),
        ExportColumn("Admission number", CellType.TEXT, lambda row: row.admission_number),
        *(
            ExportColumn(format_date(sheet.held_on), CellType.TEXT, mark_of(column))
            for column, sheet in enumerate(register.sheets)
        ),
        *(
            ExportColumn(status.label, CellType.NUMBER, count(status.value, "tally"))
            for status in MarkStatus
        ),
        ExportColumn("Attended", CellType.NUMBER, count("attended", "tally")),
        ExportColumn("Classes", CellType.NUMBER, count("counted", "tally")),
        ExportColumn("%", CellType.NUMBER, count("percentage", "tally")),
        ExportColumn("Total attended", CellType.NUMBER, count("attended", "overall")),
        ExportColumn("Total classes", CellType.NUMBER, count("counted", "overall")),
        ExportColumn("Total %", CellType.NUMBER, count("percentage", "overall")),
    ]
