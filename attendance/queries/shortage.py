"""Who is short of attendance, who would be after the next absence, and who has stayed away: the list and its files."""

import math
from dataclasses import dataclass
from functools import cache
from operator import attrgetter

from attendance.models import Presence
from attendance.percentages import AttendanceRequirement, MarkStatus, Tally
from coachmaster.core.compiled import compiled
from coachmaster.core.exports import Column, Kind
from coachmaster.core.importers import in_chunks
from coachmaster.core.querysets import restricted_id
from coachmaster.core.reminders import whatsapp_phone


class EnrollmentShortage:
    """One enrollment, judged by its counts; ``name`` is the student's."""

    def __init__(self, pk, name, tally, absences_in_a_row, expected, institute):
        self.pk, self.name, self.tally = pk, name, tally
        self.absences_in_a_row, self.expected = absences_in_a_row, expected
        #: Below what is expected.
        self.is_short = expected.is_short(tally)
        #: Below it after the next absence.
        self.is_borderline = not self.is_short and expected.is_borderline(tally)
        #: Absent as often in a row as the institute is to be told of.
        self.is_repeatedly_absent = absences_in_a_row >= institute.absences_in_a_row

    @property
    def needs_attention(self):
        """Whether there is any reason to be on the list."""
        return self.is_short or self.is_borderline or self.is_repeatedly_absent

    @property
    def classes_needed(self):
        """How many classes in a row bring it back, 0 when it is not short; None when none can."""
        return self.expected.classes_needed(self.tally) if self.is_short else 0

    @property
    def share(self):
        """The attended share of the classes that count, 1 before the first of them."""
        return self.tally.attended / self.tally.counted if self.tally.counted else 1


SHORTAGE_SORTS = {
    "share": lambda row: (row.share, row.pk),
    "name": lambda row: (row.name, row.pk),
    "away": lambda row: (row.absences_in_a_row, row.share, row.pk),
    "back": lambda row: (
        math.inf if row.classes_needed is None else row.classes_needed,
        row.share,
        row.pk,
    ),
}


def enrollment_shortages(presences, institute):
    """A `Judged` for each of ``presences`` that are `needing_attention`. One query."""
    expected = cache(
        lambda percent: AttendanceRequirement(percent, institute.low_attendance_classes)
    )
    found = presences.order_by().values_list(
        "pk",
        "enrollment__student__user__full_name",
        "absences_in_a_row",
        "expected",
        *MarkStatus.values,
    )
    return [
        EnrollmentShortage(pk, name, Tally(*counts), in_a_row, expected(percent), institute)
        for pk, name, in_a_row, percent, *counts in found
    ]


@dataclass
class ShortageTotals:
    """How many enrollments there are in all, and how many for which reason."""

    listed: int
    short: int
    edge: int
    away: int

    @classmethod
    def of(cls, rows):
        """The Totals of `Judged` rows."""
        reasons = ("is_short", "is_borderline", "is_repeatedly_absent")
        return cls(len(rows), *(sum(map(attrgetter(reason), rows)) for reason in reasons))


class ShortageRow(EnrollmentShortage):
    """One enrollment on the list, with its records."""

    def __init__(self, presence, institute):
        self.presence, self.enrollment = presence, presence.enrollment
        self.student = self.enrollment.student
        expected = AttendanceRequirement.of(self.enrollment.batch.course, institute)
        name = self.student.user.full_name
        super().__init__(
            presence.pk, name, presence.tally, presence.absences_in_a_row, expected, institute
        )

    @property
    def reminded_at(self):
        """When the family was last reminded, or None."""
        return self.presence.reminded_at

    @property
    def can_be_messaged(self):
        """Whether there is a mobile number to write to."""
        return bool(whatsapp_phone(self.student))

    @property
    def state(self):
        """In words."""
        return (
            "Short"
            if self.is_short
            else "Short after the next absence"
            if self.is_borderline
            else ""
        )

    @property
    def reason(self):
        """Why it is on the list, in words: `28 of 40 · 70 %, short, absent 3 times in a row`."""
        away = (
            f"absent {self.absences_in_a_row} times in a row" if self.is_repeatedly_absent else ""
        )
        return ", ".join(filter(None, [str(self.tally), self.state.lower(), away]))


@compiled  # 3.9 to 2.3 ms, with each page of the list and of who is absent
def _presences(*, ids):
    return Presence.objects.filter(pk__in=ids).for_list()


def shortage_rows(ids, institute):
    """A Watched for each of these enrollments (ids), in this order."""
    found = {row.pk: row for row in _presences(ids=ids)}
    return [ShortageRow(found[pk], institute) for pk in ids if pk in found]


def all_shortage_rows(ids, institute):
    """The Watched of many enrollments, loaded by the hundred."""
    for chunk in in_chunks(ids, 500):
        yield from shortage_rows(chunk, institute)


def shortage_rows_of_students(students, user, institute):
    """A Watched for each enrollment of ``students`` (ids) that a list of ``user`` would have. Two queries."""
    presences = presences_for(user).active().filter(enrollment__student__in=students).order_by("pk")
    return [
        row
        for row in shortage_rows(list(presences.values_list("pk", flat=True)), institute)
        if row.needs_attention
    ]


SHORTAGE_COLUMNS = [
    Column("Student", Kind.TEXT, lambda one: one.student.user.full_name),
    Column("Admission number", Kind.TEXT, lambda one: one.student.admission_number),
    Column("Batch", Kind.TEXT, lambda one: one.enrollment.batch.name),
    Column("Course", Kind.TEXT, lambda one: one.enrollment.batch.course.name),
    Column("Guardian", Kind.TEXT, lambda one: one.student.guardian_name),
    Column("Phone", Kind.TEXT, lambda one: one.student.phone_to_call),
    Column("Attended", Kind.NUMBER, lambda one: one.tally.attended),
    Column("Of classes", Kind.NUMBER, lambda one: one.tally.counted),
    Column("Per cent", Kind.NUMBER, lambda one: one.tally.percentage),
    Column("Expected per cent", Kind.NUMBER, lambda one: one.expected.percent),
    Column("State", Kind.TEXT, lambda one: one.state),
    Column("Classes to get back", Kind.NUMBER, lambda one: one.classes_needed),
    Column("Absent in a row", Kind.NUMBER, lambda one: one.absences_in_a_row),
    Column("Last reminder", Kind.MOMENT, lambda one: one.reminded_at),
]


def presences_for(user):
    """The counts of the enrollments that a list of ``user`` is about."""
    return Presence.objects.recorded_by(restricted_id(user))
