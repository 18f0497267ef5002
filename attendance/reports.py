"""Who came and what was not taken, over several batches: questions that write nothing and answer with plain data.

Each costs the same few queries however many batches there are, and none loads marks that it only counts.
"""

import datetime
from calendar import Calendar
from collections import defaultdict
from dataclasses import dataclass, field

from django.db.models import Max, Min, Q
from django.shortcuts import get_object_or_404

from academics.models import Batch, Enrollment, Institute
from academics.timetable import Class, Timetable, class_days
from accounts.models import User
from accounts.scopes import scope_of
from coachmaster.core.compiled import compiled
from coachmaster.core.dates import day_words, month_end, months_between
from coachmaster.core.exports import Column, Kind

from .models import COUNTS_OF_PRESENCE, STATUS_OF, Expected, Mark, MarkChange, Presence, Sheet, Status, Tally, tally_of
from .services import batches_kept_by


@dataclass
class ClassDay:
    """One batch on one day: its classes that day, and its sheet once there is one."""

    batch: Batch
    day: datetime.date
    #: By time; those that are not held too.
    classes: list[Class] = field(default_factory=list)
    sheet: Sheet | None = None
    #: When its first class begins that was not called off, the end of the day without one.
    first_at: datetime.time = datetime.time.max

    def by_time(self):
        """What the classes of a day are sorted by."""
        return self.first_at, self.batch.name, self.batch.pk

    @property
    def slots(self):
        """The times of the classes that are held."""
        return [one.slot for one in self.classes if not one.off]

    @property
    def notes(self):
        """What is unusual about its classes, in words."""
        return [one.note for one in self.classes if one.note]

    @property
    def tally(self):
        """The Tally of the sheet, None before it is taken."""
        return self.sheet.tally if self.sheet else None

    @property
    def is_taken(self):
        """Whether the sheet was saved; one that students check in to is still to be."""
        return self.sheet is not None and not self.sheet.is_open


@compiled  # 0.7 to 0.4 ms, with each dashboard of staff
def _sheets(*, day, scope):
    counts = Sheet.objects.filter(held_on=day).kept_in(scope).order_by()
    return counts.only("batch", "is_open", *Status.values)


def classes_on(day, scope=None):
    """A `ClassDay` for each batch `kept_in` that ``scope`` that has a class or a sheet on ``day``, by time of day.

    On a holiday, or where the class was called off, there are only those whose sheet was taken before.
    """
    # Not `prefetch_related`: on SQLite it fails with more than a thousand instructors.
    batches = Batch.objects.kept_in(scope).select_related("course", "instructor").order_by()
    batches = batches.only("name", "room", "starts_on", "ends_on", "course__name", "instructor__full_name")
    return _class_days(day, batches, Sheet.objects.filter(held_on=day).kept_in(scope).for_list().order_by())


def _class_days(day, kept, sheets):
    """The `ClassDay`s of the batches ``kept`` (a queryset) with their ``sheets`` of the day."""
    sheets = {sheet.batch_id: sheet for sheet in sheets}
    batches = list(kept.running(day))
    if others := sheets.keys() - {batch.pk for batch in batches}:
        batches += kept.filter(pk__in=others)
    timetable = Timetable(batches, day, day)
    rows = []
    for batch in batches:
        plan, sheet = timetable.plan(batch, day), sheets.get(batch.pk)
        if sheet or any(not one.off for one in plan.classes):
            rows.append(ClassDay(batch, day, plan.classes, sheet, plan.first_at or datetime.time.max))
    return sorted(rows, key=ClassDay.by_time)


@dataclass
class DayInBrief:
    """The classes of a day, counted, and the first of them."""

    in_all: int
    taken: int
    #: One for each class that somebody missed.
    absences: int
    first: list[ClassDay]


def day_in_brief(day, number, scope=None):
    """The `DayInBrief` of `classes_on` with the first ``number`` of them, those first whose attendance is not taken yet."""
    batches = Batch.objects.kept_in(scope).for_timetable().order_by()
    rows = _class_days(day, batches, _sheets(day=day, scope=scope))
    taken = [row for row in rows if row.is_taken]
    first = sorted(rows, key=lambda row: row.is_taken)[:number]
    return DayInBrief(len(rows), len(taken), sum(row.sheet.absent for row in taken), first)


def batch_tallies(batches, first=None, last=None):
    """``{batch id: Tally}`` with an entry for each of ``batches`` (any iterable), over all days or those given."""
    ids = [batch.pk for batch in batches]
    found = Sheet.objects.filter(batch__in=ids).between(first, last).tallies_by("batch")
    return {pk: found.get(pk, Tally()) for pk in ids}


def batch_of_register(user, pk):
    """The batch of that ``pk`` with its class times and the Tally of all its sheets (``since_it_began``).

    Raises Http404 for one whose register is not ``user``'s to keep.
    """
    batch = get_object_or_404(batches_kept_by(user).with_class_times(), pk=pk)
    batch.since_it_began = batch.sheets.all().tally()
    return batch


def student_tally(student):
    """The Tally of all marks of ``student`` (a record or an id)."""
    return Presence.objects.filter(enrollment__student=student).tally()


@compiled  # 1.5 to 0.3 ms, with each page of a student
def _enrollments(*, student, scope):
    found = Enrollment.objects.in_scope(scope).filter(student=student)
    return found.latest_first().select_related("presence", "earlier_attendance")


def enrollments_with_tally(student, user):
    """The enrollments of ``student`` that ``user`` may see, each with the ``tally`` of its marks, what is ``expected``, and
    whether it ``is_short``: one that goes on and lies below that. The active ones first, then the newest. One query.
    """
    institute = Institute.objects.current()
    found = _enrollments(student=student.pk, scope=scope_of(user))
    for enrollment in found:
        enrollment.tally = tally_of(enrollment)
        enrollment.expected = Expected.of(enrollment.batch.course, institute)
        enrollment.is_short = enrollment.is_active and enrollment.expected.is_short(enrollment.tally)
    return found


def months_of(enrollments, today):
    """The first days of the months in which these enrollments ran, the newest first."""
    months = {
        month
        for enrollment in enrollments
        if enrollment.enrolled_on <= today
        for month in months_between(enrollment.enrolled_on, min(enrollment.ended_on or today, today))
    }
    return sorted(months, reverse=True)


# The register of a batch ----------------------------------------------------------------------------------------


@dataclass
class RegisterRow:
    """One student of a register: a mark, or None, for each sheet of the range."""

    student_id: int
    name: str
    admission_number: str
    marks: list[Status | None]
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


def register(batch, first, last):
    """The `Register` of ``batch`` from ``first`` to ``last``; shares of all classes below what its course expects are low.

    ``batch`` comes with its class times. Four queries; no marks are read but those of the range.
    """
    sheets = list(Sheet.objects.filter(batch=batch).between(first, last).for_list().order_by("held_on"))
    marks = marks_on(sheets)
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
    expected = Expected.of(batch.course, Institute.objects.current())
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
    found = Enrollment.objects.filter(in_batch | marked, batch=batch).by_name().select_related("presence")
    return found.only("student__admission_number", "student__user__full_name", *COUNTS_OF_PRESENCE)


def register_columns(found):
    """The columns of a `Register` as a file: its days, the range in counts, and all classes since joining."""

    def mark_of(column):
        return lambda row: row.marks[column].label[0] if row.marks[column] else None

    def count(kind, of):
        return lambda row: getattr(getattr(row, of), kind)

    return [
        Column("Student", Kind.TEXT, lambda row: row.name),
        Column("Admission number", Kind.TEXT, lambda row: row.admission_number),
        *(Column(day_words(sheet.held_on), Kind.TEXT, mark_of(column)) for column, sheet in enumerate(found.sheets)),
        *(Column(status.label, Kind.NUMBER, count(status.value, "tally")) for status in Status),
        Column("Attended", Kind.NUMBER, count("attended", "tally")),
        Column("Of", Kind.NUMBER, count("counted", "tally")),
        Column("%", Kind.NUMBER, count("percentage", "tally")),
        Column("Attended in all", Kind.NUMBER, count("attended", "overall")),
        Column("Of in all", Kind.NUMBER, count("counted", "overall")),
        Column("% in all", Kind.NUMBER, count("percentage", "overall")),
    ]


# A student's month ----------------------------------------------------------------------------------------------


@dataclass
class CalendarDay:
    """One day of a student's month: their marks, one a batch that had class."""

    day: datetime.date
    is_inside: bool
    marks: list["MarkOfStudent"]


@dataclass
class MarkOfStudent:
    """What a student reads of one of their marks; ``changes`` are its corrections, the newest first."""

    pk: int
    status: str
    note: str
    day: datetime.date
    topic: str
    batch: str
    changes: list[MarkChange]


@compiled  # 1.2 to 0.3 ms, with each page of a student's attendance
def _marks(*, student, scope, batches, first, last):
    # Sheets are found by batch and day.
    found = Mark.objects.in_scope(scope).filter(
        student=student, sheet__batch__in=batches, sheet__held_on__range=(first, last)
    )
    rows = found.order_by("sheet__held_on", "pk")
    return rows.values_list("pk", "status", "note", "sheet__held_on", "sheet__topic", "sheet__batch__name")


def marks_of_month(student, user, batches, first):
    """The marks of ``student`` in the month of ``first`` that ``user`` may see, by day, as `MarkOfStudent`s.

    ``batches`` (ids) are those that the marks may be in. Two queries.
    """
    days = {"first": first, "last": month_end(first)}
    rows = _marks(student=student.pk, scope=scope_of(user), batches=batches, **days)
    marks = [MarkOfStudent(*row, changes=[]) for row in rows]
    changes = MarkChange.objects.filter(mark__in=[mark.pk for mark in marks]).select_related("changed_by")
    by_mark = {mark.pk: mark for mark in marks}
    for change in changes.order_by("-changed_at", "-pk"):
        by_mark[change.mark_id].changes.append(change)
    return marks


def calendar_of(first, marks):
    """The weeks of the month of ``first``, Monday to Sunday, as lists of `CalendarDay`."""
    by_day = defaultdict(list)
    for mark in marks:
        by_day[mark.day].append(mark)
    return [
        [CalendarDay(day, is_inside=day.month == first.month, marks=by_day.get(day, [])) for day in week]
        for week in Calendar().monthdatescalendar(first.year, first.month)
    ]


# The history of a sheet ------------------------------------------------------------------------------------------


@dataclass
class Save:
    """One save of a sheet: None for ``by`` is an import."""

    by: str | None
    at: datetime.datetime
    topic: str
    #: The topic of the save before, None of the first one.
    topic_before: str | None = None


def saves_of(sheet):
    """Every `Save` of ``sheet`` that is known, the newest first: what it is now, and how it stood before. One query."""
    kept = [*sheet.earlier_saves, sheet.as_saved]
    names = dict(User.objects.filter(pk__in={one["by"] for one in kept}).values_list("pk", "full_name"))
    saves, topic = [], None
    for one in kept:
        saves.append(Save(names.get(one["by"]), datetime.datetime.fromisoformat(one["at"]), one["topic"], topic))
        topic = one["topic"]
    return saves[::-1]


# What stands before a sheet --------------------------------------------------------------------------------------


@compiled  # 1.2 to 0.4 ms, with each page of a sheet
def _newest_sheets(*, batch, last):
    return Sheet.objects.filter(batch=batch, held_on__lte=last).for_list().order_by("-held_on")[:6]


def sheets_up_to(batch, held_on):
    """``(sheet, earlier)``: the sheet of ``batch`` on that day or None, and the last five before it, the oldest first."""
    found = _newest_sheets(batch=batch.pk, last=held_on)
    sheet = found.pop(0) if found and found[0].held_on == held_on else None
    return sheet, found[:5][::-1]


def marks_on(sheets):
    """``{student id: [Status or None, one a sheet]}`` of who has a mark on one of ``sheets`` (a list). One query."""
    columns = {sheet.pk: column for column, sheet in enumerate(sheets)}
    marks = {}
    if columns:
        found = Mark.objects.filter(sheet__in=columns).order_by().values_list("student", "sheet", "status")
        for student_id, sheet_id, status in found:
            marks.setdefault(student_id, [None] * len(columns))[columns[sheet_id]] = STATUS_OF[status]
    return marks


# Other days -----------------------------------------------------------------------------------------------------


def class_day_beside(batch, day, *, forward, last):
    """The next class day of ``batch`` after ``day``, or the one before it; None without one. Not after ``last``.

    A class day is a planned one, or one with a sheet. At most three queries.
    """
    one = datetime.timedelta(days=1)
    first, last = (max(day + one, batch.starts_on), last) if forward else (batch.starts_on, min(day - one, last))
    held = batch.sheets.between(first, last).aggregate(day=Min("held_on") if forward else Max("held_on"))["day"]
    found = [*class_days(batch, first, last), *([held] if held else [])]
    return (min if forward else max)(found, default=None)


def class_days_near(batch, day, first, last):
    """The planned class days closest to ``day`` on both sides and the last one, out of those from ``first`` to ``last``."""
    days = class_days(batch, first, last)
    before, after = [one for one in days if one < day], [one for one in days if one > day]
    return sorted({*before[-1:], *after[:1], *days[-1:]})
