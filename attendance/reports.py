"""Who came and what was not taken, over several batches: questions that write nothing and answer with plain data.

Each costs the same few queries however many batches there are, and none loads marks that it only counts.
"""

import datetime
from dataclasses import dataclass, field

from django.db.models import F, FilteredRelation, Max, Min, Q
from django.db.models.functions import Coalesce

from academics.calendar import Class, Timetable, class_days
from academics.models import Batch, Enrollment, days_between
from coachmaster.ground.days import LAST_DAY, month_start

from .models import Mark, Presence, Sheet, Status, Tally, tally_of


@dataclass
class ClassDay:
    """One batch on one day: its classes that day, and its sheet once there is one."""

    batch: Batch
    day: datetime.date
    #: By time; those that are not held too.
    classes: list[Class] = field(default_factory=list)
    sheet: Sheet | None = None

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
        """Whether the sheet exists."""
        return self.sheet is not None


def classes_on(day, batches, *, timetable=None):
    """A `ClassDay` for each of ``batches`` (a queryset) that has a class or a sheet on ``day``, by time of day.

    On a holiday, or where the class was called off, there are only those whose sheet was taken before. Three queries;
    with the `Timetable` of the batches, where a page has it for more days, one.
    """
    sheets = {sheet.batch_id: sheet for sheet in Sheet.objects.filter(held_on=day).select_related("taken_by")}
    if timetable is None:
        with_class = Batch.objects.with_class_on(day).values("pk")
        found = batches.filter(Q(pk__in=with_class) | Q(pk__in=sheets.keys())).select_related("course", "instructor")
        timetable = Timetable(found, day, day)
    classes = [
        ClassDay(batch, day, classes=timetable.all_on(batch, day), sheet=sheets.get(batch.pk))
        for batch in timetable.batches
    ]
    classes = [one for one in classes if one.slots or one.sheet]
    return sorted(classes, key=lambda one: (one.slots[0].starts_at if one.slots else datetime.time.max, one.batch.name))


def missing_sheets(batches, first, last):
    """``(batch, day)`` for each planned class of ``batches`` (a queryset) without a sheet, the newest day first.

    From ``first`` to ``last``, both included; holidays, classes called off, and days before the first student came or
    after the last one went, are not missing. Four queries.
    """
    running = batches.filter(Q(ends_on__gte=first) | Q(ends_on=None), starts_on__lte=last)
    return missing_in(Timetable(running.select_related("course", "instructor"), first, last))


def missing_in(timetable, last=None):
    """`missing_sheets` of the batches and days of a `Timetable`, not after ``last``. Two queries."""
    first, last = timetable.first, last or timetable.last
    taken = set(
        Sheet.objects.filter(batch__in=timetable.batches, held_on__range=(first, last)).values_list("batch", "held_on")
    )
    missing = [
        (batch, day)
        for batch in timetable.batches
        for day in timetable.class_days(batch)
        if day <= last and (batch.pk, day) not in taken
    ]
    peopled = {
        batch: (joined, left)
        for batch, joined, left in Enrollment.objects.filter(batch__in={batch for batch, _ in missing})
        .order_by()
        .values_list("batch")
        .annotate(joined=Min("enrolled_on"), left=Max(Coalesce(F("ended_on"), LAST_DAY)))
    }
    missing = [
        (batch, day)
        for batch, day in missing
        if batch.pk in peopled and peopled[batch.pk][0] <= day < peopled[batch.pk][1]
    ]
    return sorted(missing, key=lambda found: (-found[1].toordinal(), found[0].name, found[0].pk))


def batch_tallies(batches, first=None, last=None):
    """``{batch id: Tally}`` with an entry for each of ``batches`` (any iterable), over all days or those given."""
    ids = [batch.pk for batch in batches]
    found = Sheet.objects.filter(batch__in=ids).between(first, last).tallies_by("batch")
    return {pk: found.get(pk, Tally()) for pk in ids}


def student_tally(student):
    """The Tally of all marks of ``student`` (a record or an id)."""
    return Presence.objects.filter(enrollment__student=student).tally()


def enrollments_with_tally(enrollments):
    """The enrollments given, each with the ``tally`` of its marks; the active ones first, then the newest. One query."""
    found = list(enrollments.latest_first().select_related("presence"))
    for enrollment in found:
        enrollment.tally = tally_of(enrollment)
    return found


def months_of(enrollments, today):
    """The first days of the months in which these enrollments ran, the newest first."""
    months = {
        month_start(day)
        for enrollment in enrollments
        for day in days_between(enrollment.enrolled_on, min(enrollment.ended_on or today, today))
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
    tally: Tally
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


def register(batch, first, last, *, low=0):
    """The `Register` of ``batch`` from ``first`` to ``last``; shares below ``low`` per cent are marked as low.

    ``batch`` comes with its class times. Three queries.
    """
    sheets = {
        sheet.held_on: sheet
        for sheet in batch.sheets.between(first, last).select_related("taken_by").order_by("held_on")
    }
    columns = {sheet.pk: column for column, sheet in enumerate(sheets.values())}
    rows = {}
    for student_id, name, number, sheet_id, status in _roll_of_range(batch, first, last, columns):
        row = rows.get(student_id)
        if row is None:
            row = rows[student_id] = RegisterRow(student_id, name, number, [None] * len(columns), Tally())
        if status:
            row.marks[columns[sheet_id]] = Status(status)
    for row in rows.values():
        row.tally = Tally.of(row.marks)
        row.is_low = row.tally.is_below(low)
    for sheet in sheets.values():
        sheet.tally = Tally.of(row.marks[columns[sheet.pk]] for row in rows.values())
    planned = set(class_days(batch, first, last)) if first <= last else set()
    return Register(
        days=[ClassDay(batch, day, sheet=sheets.get(day)) for day in sorted(planned | sheets.keys())],
        rows=list(rows.values()),
        tally=sum((row.tally for row in rows.values()), Tally()),
    )


def _roll_of_range(batch, first, last, sheets):
    """``(student, name, admission number, sheet, status)`` of who was in the batch in those days, by name.

    One row a mark; a student without a mark on the ``sheets`` has one with None.
    """
    return (
        Enrollment.objects.filter(batch=batch)
        .annotate(mark=FilteredRelation("marks", condition=Q(marks__sheet__in=list(sheets))))
        .filter(Q(ended_on__gt=first) | Q(ended_on=None) | Q(mark__isnull=False), enrolled_on__lte=last)
        .order_by("student__user__full_name", "student")
        .values_list("student", "student__user__full_name", "student__admission_number", "mark__sheet", "mark__status")
    )


# What stands before a sheet --------------------------------------------------------------------------------------


def sheets_up_to(batch, held_on, *, before=5):
    """``(sheet, earlier)``: the sheet of ``batch`` on that day or None, and the last ones before it, the oldest first.

    One query.
    """
    found = list(
        Sheet.objects.filter(batch=batch, held_on__lte=held_on)
        .select_related("taken_by")
        .order_by("-held_on")[: before + 1]
    )
    sheet = found.pop(0) if found and found[0].held_on == held_on else None
    return sheet, found[:before][::-1]


def marks_on(sheets):
    """``{student id: [Status or None, one a sheet]}`` of who has a mark on one of ``sheets`` (a list). One query."""
    columns = {sheet.pk: column for column, sheet in enumerate(sheets)}
    marks = {}
    if columns:
        rows = Mark.objects.order_by().filter(sheet__in=columns).values_list("student", "sheet", "status")
        for student_id, sheet_id, status in rows:
            marks.setdefault(student_id, [None] * len(columns))[columns[sheet_id]] = Status(status)
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
