"""Attendance from other programs: one mark a line."""

import itertools

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from academics.importing import all_batches, batch_column, batch_of
from academics.models import Batch
from accounts.importing import StudentFinder, student_column
from coachmaster.ground.days import day_words
from coachmaster.ground.importing import Column, Importer, in_chunks, normalised

from . import services
from .models import Sheet, Status

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
        students, batches = StudentFinder(row["student"] for row in rows), all_batches()
        self.today = timezone.localdate()
        for row in rows:
            row["student"], row["batch"] = students.get(row, result), batch_of(row, batches, result)
        rows = [row for row in rows if row["student"] and row["batch"]]
        rows.sort(key=lambda row: (row["batch"].pk, row["held_on"], row.line))
        sheets = itertools.groupby(rows, key=lambda row: (row["batch"].pk, row["held_on"]))
        for chunk in in_chunks(((key, list(lines)) for key, lines in sheets), 50):
            for (batch_id, held_on), lines in chunk:
                self._take(batch_id, held_on, lines, result)
                advance(len(lines))

    def _take(self, batch_id, held_on, rows, result):
        """Write the lines of one sheet."""
        batch = Batch.objects.as_of(held_on).get(pk=batch_id)
        marked = {enrollment.student_id: enrollment.marked for enrollment in services.roll(batch, held_on)}
        why_not = services.why_not(batch, held_on, today=self.today)
        statuses, lines, told = {}, {}, []
        for row in rows:
            student = row["student"]
            if first := lines.get(student):
                result.refuse(row, "student", f"Line {first} marks the same student on this day. Keep one of them.")
            elif student in marked and marked[student] == row["status"]:
                result.unchanged += 1
            elif why_not:
                result.refuse(row, "held_on", why_not)
            elif student not in marked:
                result.refuse(row, "student", f"Not enrolled in {batch} on {day_words(held_on)}. Check batch and date.")
            else:
                statuses[student] = row["status"]
                told.append((row, marked[student]))
            lines.setdefault(student, row.line)
        for row, before in told:
            if before is None:
                result.create(row)
            else:
                result.change(row, {"status": (Status(before).label, Status(row["status"]).label)})
        if result.is_clean and statuses:
            saved = services.take_attendance(
                batch=batch, held_on=held_on, statuses=statuses, by=self.by, confirmed_unplanned=True
            )
            result.made.append(saved.sheet.pk)
