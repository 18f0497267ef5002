import datetime
from calendar import Calendar
from collections import defaultdict
from dataclasses import dataclass

from academics.models import Enrollment, Institute
from attendance.models import Mark, MarkChange, Presence, Sheet, tally_of
from attendance.percentages import Tally
from attendance.shortage import AttendanceRequirement
from coachmaster.core.compiled import compiled
from coachmaster.core.dates import month_end
from coachmaster.core.querysets import restricted_id


def batch_tallies(batches, first=None, last=None):
    ids = [batch.pk for batch in batches]
    tallies = Sheet.objects.filter(batch__in=ids).between(first, last).tallies_by("batch")
    return {pk: tallies.get(pk, Tally()) for pk in ids}


def student_tally(student):
    return Presence.objects.filter(enrollment__student=student).tally()


@compiled  # 1.5 to 0.3 ms, with each page of a student
def _enrollments(*, student, user_id):
    enrollments = Enrollment.objects.restricted_to(user_id).filter(student=student)
    return enrollments.latest_first().select_related("presence", "earlier_attendance")


def enrollments_with_tally(student, user):
    """Return enrollments with ``tally``, ``requirement`` and ``is_short``, active first."""
    institute = Institute.objects.current()
    enrollments = _enrollments(student=student.pk, user_id=restricted_id(user))
    for enrollment in enrollments:
        enrollment.tally = tally_of(enrollment)
        enrollment.requirement = AttendanceRequirement.for_course(
            enrollment.batch.course, institute
        )
        enrollment.is_short = enrollment.is_active and enrollment.requirement.is_short(
            enrollment.tally
        )
    return enrollments


@dataclass
class CalendarDay:
    day: datetime.date
    is_inside: bool
    marks: list["StudentMark"]


@dataclass
class StudentMark:
    pk: int
    status: str
    note: str
    day: datetime.date
    topic: str
    batch: str
    changes: list[MarkChange]


@compiled  # 1.2 to 0.3 ms, with each page of a student's attendance
def _marks(*, student, user_id, batches, first, last):
    # The batches make use of the index on batch and day.
    marks = Mark.objects.restricted_to(user_id).filter(
        student=student, sheet__batch__in=batches, sheet__held_on__range=(first, last)
    )
    return marks.order_by("sheet__held_on", "pk").values_list(
        "pk", "status", "note", "sheet__held_on", "sheet__topic", "sheet__batch__name"
    )


def month_marks(student, user, batches, first):
    """Return the StudentMarks that ``user`` may see, by day."""
    days = {"first": first, "last": month_end(first)}
    rows = _marks(student=student.pk, user_id=restricted_id(user), batches=batches, **days)
    marks = [StudentMark(*row, changes=[]) for row in rows]
    changes = MarkChange.objects.filter(mark__in=[mark.pk for mark in marks]).select_related(
        "changed_by"
    )
    by_mark = {mark.pk: mark for mark in marks}
    for change in changes.order_by("-changed_at", "-pk"):
        by_mark[change.mark_id].changes.append(change)
    return marks


def month_calendar(first, marks):
    """Return weeks from Monday to Sunday, as lists of CalendarDay."""
    by_day = defaultdict(list)
    for mark in marks:
        by_day[mark.day].append(mark)
    return [
        [
            CalendarDay(day, is_inside=day.month == first.month, marks=by_day.get(day, []))
            for day in week
        ]
        for week in Calendar().monthdatescalendar(first.year, first.month)
    ]
