"""Attendance from other programs: one mark a line."""

import itertools

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from academics.importing import all_batches, batch_column, batch_of
from academics.models import Enrollment
from accounts.importing import StudentFinder, student_column
from coachmaster.ground.days import DayFormField, day_words
from coachmaster.ground.forms import WholeNumberField
from coachmaster.ground.importing import Column, Importer, Row, in_chunks, normalised, plain_day, set_changes

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

    def write(self, rows, result, advance):
        self._take_all(_resolved(rows, result), result, advance)

    def _take_all(self, rows, result, advance):
        """Write the marks of ``rows``, a sheet at a time."""
        self.today = timezone.localdate()
        rows.sort(key=lambda row: (row["batch"].pk, row["held_on"], row.line))
        by_batch = (list(lines) for _, lines in itertools.groupby(rows, key=lambda row: row["batch"].pk))
        for chunk in in_chunks(by_batch, BATCHES_AT_ONCE):
            self._take_batches(list(itertools.chain.from_iterable(chunk)), result, advance)

    def _take_batches(self, rows, result, advance):
        """Write the lines of some batches: sheets that are new all at once, others one by one."""
        days = [row["held_on"] for row in rows]
        rolls = Rolls({row["batch"].pk for row in rows}, min(days), max(days))
        new = []
        sheets = itertools.groupby(rows, key=lambda row: (row["batch"].pk, row["held_on"]))
        for (batch_id, held_on), lines in ((sheet, list(group)) for sheet, group in sheets):
            batch = rolls.batch(batch_id, held_on)
            marks = self._take(batch, held_on, lines, rolls, result)
            if marks and (batch_id, held_on) in rolls.taken:
                self._correct(batch, held_on, marks, result)
            elif marks:
                new.append((batch_id, held_on, marks))
            advance(len(lines))
        if result.is_clean:
            result.made += take_new_sheets(new, by=self.by)

    def _take(self, batch, held_on, rows, rolls, result):
        """What the lines of one sheet change: ``{student: (enrollment, status)}``."""
        roll = rolls.of(batch.pk, held_on)
        why_not = services.why_not(batch, held_on, today=self.today)
        marks, lines = {}, {}
        for row in rows:
            student = row["student"]
            enrollment, before = roll.get(student, (None, None))
            if first := lines.get(student):
                result.refuse(
                    row,
                    row.get("column", "student"),
                    f"Line {first} marks the same student on this day. Keep one of them.",
                )
            elif before == row["status"]:
                result.unchanged += 1
            elif why_not:
                result.refuse(row, row.get("column", "held_on"), why_not)
            elif student not in roll:
                sentence = f"Not enrolled in {batch} on {day_words(held_on)}. Check batch and date."
                result.refuse(row, row.get("column", "student"), sentence)
            else:
                marks[student] = enrollment, row["status"]
                if before is None:
                    result.create(row)
                else:
                    result.change(
                        row, {row.get("column", "status"): (Status(before).label, Status(row["status"]).label)}
                    )
            lines.setdefault(student, row.line)
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

    def write(self, rows, result, advance):
        marks = []
        for row in _resolved(rows, result):
            for column, day in self.days.items():
                if column in row:
                    mark = Row(row.line)
                    mark.update(
                        student=row["student"], batch=row["batch"], held_on=day, status=row[column], column=column
                    )
                    marks.append(mark)
        self._take_all(marks, result, advance)


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
            result.count(row, changes)
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
