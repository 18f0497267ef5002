"""Enrollments with attendance shortage or repeated absences."""

import math
from dataclasses import dataclass
from functools import cache
from operator import attrgetter

from attendance.models import Presence
from attendance.percentages import MarkStatus, Tally
from attendance.shortage import AttendanceRequirement
from coachmaster.core.chunks import in_chunks
from coachmaster.core.compiled import compiled
from coachmaster.core.exports import CellType, ExportColumn
from coachmaster.core.querysets import restricted_id
from coachmaster.core.reminders import whatsapp_phone


def presences_for(user):
    return Presence.objects.recorded_by(restricted_id(user))


class EnrollmentShortage:
    def __init__(self, pk, name, tally, absences_in_a_row, requirement, institute):
        self.pk, self.name, self.tally = pk, name, tally
        self.absences_in_a_row, self.requirement = absences_in_a_row, requirement
        self.is_short = requirement.is_short(tally)
        self.is_borderline = not self.is_short and requirement.is_borderline(tally)
        self.is_repeatedly_absent = absences_in_a_row >= institute.absences_in_a_row

    @property
    def needs_attention(self):
        return self.is_short or self.is_borderline or self.is_repeatedly_absent

    @property
    def classes_needed(self):
        """None if no number of classes ends the shortage."""
        return self.requirement.classes_needed(self.tally) if self.is_short else 0

    @property
    def attended_share(self):
        return self.tally.attended / self.tally.counted if self.tally.counted else 1


SHORTAGE_SORTS = {
    "share": lambda row: (row.attended_share, row.pk),
    "name": lambda row: (row.name, row.pk),
    "away": lambda row: (row.absences_in_a_row, row.attended_share, row.pk),
    "back": lambda row: (
        math.inf if row.classes_needed is None else row.classes_needed,
        row.attended_share,
        row.pk,
    ),
}


def enrollment_shortages(presences, institute):
    requirement = cache(
        lambda percent: AttendanceRequirement(percent, institute.low_attendance_classes)
    )
    rows = presences.order_by().values_list(
        "pk",
        "enrollment__student__user__full_name",
        "absences_in_a_row",
        "required_percent",
        *MarkStatus.values,
    )
    return [
        EnrollmentShortage(pk, name, Tally(*counts), in_a_row, requirement(percent), institute)
        for pk, name, in_a_row, percent, *counts in rows
    ]


@dataclass
class ShortageTotals:
    listed: int
    short: int
    borderline: int
    repeatedly_absent: int

    @classmethod
    def of(cls, rows):
        reasons = ("is_short", "is_borderline", "is_repeatedly_absent")
        return cls(len(rows), *(sum(map(attrgetter(reason), rows)) for reason in reasons))


class ShortageRow(EnrollmentShortage):
    """An EnrollmentShortage with its student and batch."""

    def __init__(self, presence, institute):
        self.enrollment = presence.enrollment
        self.batch = self.enrollment.batch
        self.student = self.enrollment.student
        self.phone = self.student.contact_phone
        self.email = self.student.contact_email
        self.reminded_at = presence.reminded_at
        super().__init__(
            presence.pk,
            self.student.user.full_name,
            presence.tally,
            presence.absences_in_a_row,
            AttendanceRequirement.for_course(self.batch.course, institute),
            institute,
        )

    @property
    def can_be_messaged(self):
        return bool(whatsapp_phone(self.student))

    @property
    def guardian(self):
        """Name of the guardian if the phone is theirs, else ""."""
        return self.student.guardian_phone and (self.student.guardian_name or "guardian")

    @property
    def status(self):
        if self.is_short:
            return "Short"
        return "Short after the next absence" if self.is_borderline else ""

    @property
    def status_class(self):
        return "status-bad" if self.is_short else "status-warn"

    @property
    def classes_needed_label(self):
        """`8 classes to reach 75 %`"""
        if not self.is_short:
            return "–"
        number, percent = self.classes_needed, self.requirement.percent
        if number is None:
            return f"cannot reach {percent} %"
        return f"{number} class{'' if number == 1 else 'es'} to reach {percent} %"

    @property
    def reason(self):
        """`28 of 40 · 70 %, short, absent 3 times in a row`"""
        absences = f"absent {self.absences_in_a_row} times in a row"
        absences = absences if self.is_repeatedly_absent else ""
        return ", ".join(filter(None, [str(self.tally), self.status.lower(), absences]))


@compiled  # 3.9 to 2.3 ms, with each page of the shortage and absence lists
def _presences(*, ids):
    return Presence.objects.filter(pk__in=ids).for_list()


def shortage_rows(ids, institute):
    """Return rows in the order of ``ids``."""
    presences = {row.pk: row for row in _presences(ids=ids)}
    return [ShortageRow(presences[pk], institute) for pk in ids if pk in presences]


def all_shortage_rows(ids, institute):
    for chunk in in_chunks(ids, 500):
        yield from shortage_rows(chunk, institute)


def shortage_rows_of_students(students, user, institute):
    """Return the rows that need attention and that ``user`` may see."""
    presences = presences_for(user).active().filter(enrollment__student__in=students).order_by("pk")
    rows = shortage_rows(list(presences.values_list("pk", flat=True)), institute)
    return [row for row in rows if row.needs_attention]


SHORTAGE_COLUMNS = [
    ExportColumn("Student", CellType.TEXT, lambda row: row.name),
    ExportColumn("Admission number", CellType.TEXT, lambda row: row.student.admission_number),
    ExportColumn("Batch", CellType.TEXT, lambda row: row.batch.name),
    ExportColumn("Course", CellType.TEXT, lambda row: row.batch.course.name),
    ExportColumn("Guardian", CellType.TEXT, lambda row: row.student.guardian_name),
    ExportColumn("Phone", CellType.TEXT, lambda row: row.phone),
    ExportColumn("Attended", CellType.NUMBER, lambda row: row.tally.attended),
    ExportColumn("Classes", CellType.NUMBER, lambda row: row.tally.counted),
    ExportColumn("Percentage", CellType.NUMBER, lambda row: row.tally.percentage),
    ExportColumn("Required percentage", CellType.NUMBER, lambda row: row.requirement.percent),
    ExportColumn("Status", CellType.TEXT, lambda row: row.status),
    ExportColumn("Classes needed", CellType.NUMBER, lambda row: row.classes_needed),
    ExportColumn("Absences in a row", CellType.NUMBER, lambda row: row.absences_in_a_row),
    ExportColumn("Last reminder", CellType.DATETIME, lambda row: row.reminded_at),
]
