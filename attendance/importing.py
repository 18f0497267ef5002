"""Attendance from other programs: one mark a line."""

import itertools
from array import array

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from academics.importers.columns import all_batches, batch_column, batch_of
from academics.models import Enrollment
from accounts.importers.student_finder import StudentFinder, student_column
from coachmaster.core.dates import DayFormField, day_words
from coachmaster.core.forms import WholeNumberField
from coachmaster.core.importers import Column, Importer, Row, in_chunks, normalised, plain_day, set_changes

from . import services
from .bulk import Rolls, take_new_sheets
from .counting import keep_presences
from .models import EarlierAttendance, Sheet, Status

#: So many batches are looked up and written together.
BATCHES_AT_ONCE = 50

_STATUSES = {
    Status.PRESENT: ["p", "pr", "1", "yes", "y", "attended", "✓"],
    Status.ABSENT: ["a", "ab", "0", "no", "n"],
    Status.LATE: ["l", "lt"],
    Status.EXCUSED: ["e", "ex", "leave", "on leave", "medical leave", "ml"],
}


_IN_ORDER = [status.value for status in Status]
_NUMBERS = {status: number for number, status in enumerate(_IN_ORDER)}


class StatusField(forms.CharField):
    """What a register says of a student, in a letter or a word."""

    known = {normalised(word): status for status, words in _STATUSES.items() for word in (status, *words)}

    def to_python(self, value):
        try:
            return self.known[normalised(super().to_python(value))]
        except KeyError as error:
            raise ValidationError(
                "Write P, A, L or E, or present, absent, late or excused. Skip lines that are none of these."
            ) from error


def _count(*, required=False):
    return WholeNumberField(least=0, most=5000, required=required)


class AttendanceImporter(Importer):
    """Marks, known by batch, day and student; a mark that differs is corrected, and what it was is kept."""

    noun = ("mark", "marks")
    model = Sheet
    labels = ("held_on", "batch", "student")
    columns = [
        batch_column(),
        Column.of(Sheet, "held_on", "date", "day", "class date", "attendance date"),
        student_column(),
        Column("status", StatusField(), "attendance", "mark", "present", "attendance status"),
    ]

    def look_up(self, rows, result):
        students, batches = StudentFinder(row["student"] for row in rows), all_batches()
        self._sheets: dict = {}
        for row in rows:
            student, batch = students.get(row, result), batch_of(row, batches, result)
            if student and batch:
                for day, status in self._marks(row):
                    # Numbers in a row: a million marks as objects would need a gigabyte.
                    sheet = self._sheets.setdefault((batch.pk, day), array("q"))
                    sheet.extend((row.line, student, _NUMBERS[status]))

    def write(self, rows, result, advance):
        self.today, sheets = timezone.localdate(), self._sheets
        by_batch = itertools.groupby(sorted(sheets), key=lambda sheet: sheet[0])
        for chunk in in_chunks((list(keys) for _, keys in by_batch), BATCHES_AT_ONCE):
            self._take_batches([(key, sheets.pop(key)) for keys in chunk for key in keys], result, advance)

    def _marks(self, row):
        """``(day, status)`` of the marks that a line holds."""
        return [(row["held_on"], row["status"])]

    def _column(self, name, held_on):
        """The column in which a mark of a day says what it is called by."""
        return name

    def _take_batches(self, sheets, result, advance):
        """Write the ``sheets`` of some batches: those that are new all at once, others one by one."""
        days = [day for (_, day), _ in sheets]
        rolls = Rolls({batch_id for (batch_id, _), _ in sheets}, min(days), max(days))
        new = []
        for (batch_id, held_on), numbers in sheets:
            batch = rolls.batches[batch_id]
            marks = self._take(batch, held_on, numbers, rolls, result)
            if marks and (batch_id, held_on) in rolls.taken:
                self._correct(batch, held_on, marks, result)
            elif marks:
                new.append((batch_id, held_on, marks))
            advance(len(numbers) // 3)
        if result.is_clean:
            result.made += take_new_sheets(new, by=self.by)

    def _take(self, batch, held_on, numbers, rolls, result):
        """What the marks of one sheet change: ``{student: (enrollment, status)}``."""
        roll = rolls.of(batch.pk, held_on)
        why_not = services.why_not(batch, held_on, today=self.today, plan=rolls.plan(batch.pk, held_on))
        marks, lines = {}, {}
        numbers = iter(numbers)
        for line, student, number in zip(numbers, numbers, numbers, strict=True):
            row, status = Row(line), _IN_ORDER[number]
            enrollment, before = roll.get(student, (None, None))
            if first := lines.get(student):
                sentence = f"Line {first} marks the same student on this day. Keep one of them."
                result.refuse(row, self._column("student", held_on), sentence)
            elif before == status:
                result.unchanged += 1
            elif why_not:
                result.refuse(row, self._column("held_on", held_on), why_not)
            elif student not in roll:
                sentence = f"Not enrolled in {batch} on {day_words(held_on)}. Check batch and date."
                result.refuse(row, self._column("student", held_on), sentence)
            else:
                marks[student] = enrollment, status
                if before is None:
                    result.create(row)
                else:
                    changes = (Status(before).label, Status(status).label)
                    result.change(row, {self._column("status", held_on): changes}, rolls.taken[batch.pk, held_on])
            lines.setdefault(student, line)
        return marks

    def _correct(self, batch, held_on, marks, result):
        """Write what differs on a sheet that was taken already."""
        if result.is_clean:
            saved = services.take_attendance(
                batch=batch,
                held_on=held_on,
                statuses={student: status for student, (_, status) in marks.items()},
                by=self.by,
                confirmed_unplanned=True,
            )
            result.made.append(saved.sheet.pk)


def _resolved(rows, result):
    """Those of ``rows`` whose student and batch are found, which are then in the place of their names."""
    rows = list(rows)
    students, batches = StudentFinder(row["student"] for row in rows), all_batches()
    for row in rows:
        row["student"], row["batch"] = students.get(row, result), batch_of(row, batches, result)
    return [row for row in rows if row["student"] and row["batch"]]


class AttendanceGridImporter(AttendanceImporter):
    """A register as it hangs on the wall: a line a student, a column a day, headed by its date. Empty cells are no mark."""

    labels = ("student", "batch")
    columns = AttendanceImporter.columns[:1] + AttendanceImporter.columns[2:3]

    def prepare(self, header):
        self.days = {day.isoformat(): day for day in map(_day_of, header) if day}
        of_days = [
            Column(day.isoformat(), StatusField(required=False), name, is_fixed=True)
            for name in header
            if (day := _day_of(name))
        ]
        if not of_days:
            of_days = [Column("a date", StatusField())]
        self.columns = [*self.columns, *of_days]

    @property
    def cells_a_row(self):
        return len(self.days)

    def _marks(self, row):
        return [(day, row[column]) for column, day in self.days.items() if column in row]

    def _column(self, name, held_on):
        return held_on.isoformat()


class AttendanceTotalsImporter(Importer):
    """How many classes there were before CoachMaster, known by student and batch; of the latest enrollment in it."""

    noun = ("total", "totals")
    model = Enrollment
    labels = ("student", "batch")
    columns = [
        batch_column(),
        student_column(),
        Column("attended", _count(required=True), "present", "classes attended", "days attended", "days present", "p"),
        Column("held", _count(), "classes held", "classes", "total classes", "total days", "working days", "out of"),
        Column("absent", _count(), "classes missed", "missed", "days absent", "a"),
        Column("excused", _count(), "leave", "on leave", "e"),
    ]

    def check(self, row):
        if "held" in row:
            absent = row["held"] - row["attended"] - row.get("excused", 0)
            if absent < 0 or row.get("absent", absent) != absent:
                raise ValidationError(
                    {"held": "Attended, absent and excused do not add up to it. Correct one of them."}
                )
            row["absent"] = absent
        elif "absent" not in row:
            raise ValidationError({"attended": "Say of how many: fill in the classes held, or those missed."})

    def write(self, rows, result, advance):
        rows = _resolved(rows, result)
        lines = {}
        for chunk in in_chunks(rows):
            enrollments = _latest({row["student"] for row in chunk})
            before = EarlierAttendance.objects.in_bulk([enrollment.pk for enrollment in enrollments.values()])
            changed = []
            for row in chunk:
                key = row["student"], row["batch"].pk
                if key not in enrollments:
                    result.refuse(row, "student", f"Was never enrolled in {row['batch']}. Check student and batch.")
                elif first := lines.get(key):
                    result.refuse(row, "student", f"Line {first} is the same student in this batch. Keep one of them.")
                else:
                    changed += self._take(row, enrollments[key], before, result)
                lines.setdefault(key, row.line)
            if result.is_clean:
                EarlierAttendance.objects.bulk_create(
                    changed,
                    update_conflicts=True,
                    unique_fields=["enrollment"],
                    update_fields=["present", "absent", "excused"],
                )
                keep_presences(one.pk for one in changed)
            advance(len(chunk))

    def _take(self, row, enrollment, before, result):
        """What is to be written of a line: a list of one, or of none."""
        said = {"present": row["attended"], "absent": row["absent"], "excused": row.get("excused", 0)}
        if enrollment.pk in before:
            changes = set_changes(before[enrollment.pk], said)
            result.count(row, changes, enrollment.pk)
            return [before[enrollment.pk]] if changes else []
        result.create(row)
        result.made.append(enrollment.pk)
        return [EarlierAttendance(enrollment=enrollment, **said)]


def _latest(students):
    """``{(student, batch): the latest enrollment}`` of these students (keys), locked."""
    rows = Enrollment.objects.select_for_update(no_key=True).filter(student__in=students).order_by("pk")
    return {(enrollment.student_id, enrollment.batch_id): enrollment for enrollment in rows}


def _day_of(heading):
    """The date that a column is headed by, or None."""
    try:
        return DayFormField(required=False).clean(plain_day(heading))
    except ValidationError:
        return None
