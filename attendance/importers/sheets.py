import itertools
from array import array

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from academics.importers.columns import batch_column, batch_of, batches_by_name
from academics.models import Batch
from accounts.importers.student_finder import StudentFinder, student_column
from accounts.models import StudentProfile
from attendance.models import Sheet
from attendance.percentages import MarkStatus
from attendance.services import sheets as sheets_services
from attendance.services.bulk_sheets import EnrollmentsByDay, create_sheets
from attendance.services.sheets import SheetContent, attendance_batches, save_sheet
from coachmaster.core.chunks import in_chunks
from coachmaster.core.dates import format_date
from coachmaster.core.importers import ImportColumn, Importer, ImportRow, normalised

BATCHES_PER_CHUNK = 50
_STATUSES = {
    MarkStatus.PRESENT: ["p", "pr", "1", "yes", "y", "attended", "✓"],
    MarkStatus.ABSENT: ["a", "ab", "0", "no", "n"],
    MarkStatus.LATE: ["l", "lt"],
    MarkStatus.EXCUSED: ["e", "ex", "leave", "on leave", "medical leave", "ml"],
}
_IN_ORDER = [status.value for status in MarkStatus]
_NUMBERS = {status: number for number, status in enumerate(_IN_ORDER)}


class StatusField(forms.CharField):
    known = {
        normalised(word): status for status, words in _STATUSES.items() for word in (status, *words)
    }

    def to_python(self, value):
        try:
            return self.known[normalised(super().to_python(value))]
        except KeyError as error:
            raise ValidationError(
                "Write P, A, L or E, or present, absent, late or excused. "
                "Skip rows that are none of these."
            ) from error


def students_and_batches(rows, by):
    """Return the students, and the batches whose sheets ``by`` may save; all for None."""
    students, batches = StudentProfile.objects.all(), Batch.objects.all()
    if by:
        students, batches = students.visible_to(by), attendance_batches(by)
    return StudentFinder((row["student"] for row in rows), students), batches_by_name(batches)


class AttendanceImporter(Importer):
    """Marks are identified by batch, date and student."""

    noun = ("mark", "marks")
    model = Sheet
    label_columns = ("held_on", "batch", "student")
    add_permissions = change_permissions = ("attendance.add_sheet",)
    columns = [
        batch_column(),
        ImportColumn.of(Sheet, "held_on", "date", "day", "class date", "attendance date"),
        student_column(),
        ImportColumn("status", StatusField(), "attendance", "mark", "present", "attendance status"),
    ]

    def created_records(self, result):
        return {Sheet: result.records.get(Sheet, [])}  # without those that got marks only

    def look_up(self, rows, result):
        """Collect ``{(batch, date): array of line, student, status}``, to save memory."""
        students, batches = students_and_batches(rows, self.by)
        self._sheets: dict = {}
        for row in rows:
            student, batch = students.get(row, result), batch_of(row, batches, result)
            if student and batch:
                for day, status in self._marks(row):
                    marks = self._sheets.setdefault((batch.pk, day), array("q"))
                    marks.extend((row.line, student, _NUMBERS[status]))

    def write(self, rows, result, advance):
        self.today, sheets = timezone.localdate(), self._sheets
        by_batch = itertools.groupby(sorted(sheets), key=lambda sheet: sheet[0])
        for chunk in in_chunks((list(keys) for _, keys in by_batch), BATCHES_PER_CHUNK):
            self._write_batches(
                [(key, sheets.pop(key)) for keys in chunk for key in keys], result, advance
            )

    def _marks(self, row):
        """Return ``(date, status)`` of each mark in a row."""
        return [(row["held_on"], row["status"])]

    def _column(self, name, held_on):
        """Return the column for an error about a mark."""
        return name

    def _write_batches(self, sheets, result, advance):
        days = [day for (_, day), _ in sheets]
        enrollments = EnrollmentsByDay(
            {batch_id for (batch_id, _), _ in sheets}, min(days), max(days)
        )
        new = []
        for (batch_id, held_on), numbers in sheets:
            batch = enrollments.batches[batch_id]
            marks = self._changed_marks(batch, held_on, numbers, enrollments, result)
            if marks and (batch_id, held_on) in enrollments.sheet_ids:
                self._correct(batch, held_on, marks, result)
            elif marks:
                new.append((batch_id, held_on, marks))
            advance(len(numbers) // 3)
        if result.is_valid:
            created = create_sheets(new, by=self.by)
            result.created_ids += created
            result.records.setdefault(Sheet, []).extend(created)

    def _changed_marks(self, batch, held_on, numbers, enrollments, result):
        """Return ``{student: (enrollment, status)}`` of the marks that a sheet changes."""
        students = enrollments.of(batch.pk, held_on)
        reason_not_allowed = sheets_services.reason_not_allowed(
            batch,
            held_on,
            today=self.today,
            schedule=enrollments.schedule(batch.pk, held_on),
            user=self.by,
        )
        marks, lines = {}, {}
        numbers = iter(numbers)
        for line, student, number in zip(numbers, numbers, numbers, strict=True):
            row, status = ImportRow(line), _IN_ORDER[number]
            enrollment, before = students.get(student, (None, None))
            if first := lines.get(student):
                sentence = f"Row {first} marks the same student on this day. Keep one of them."
                result.add_error(row, self._column("student", held_on), sentence)
            elif before == status:
                result.unchanged += 1
            elif reason_not_allowed:
                result.add_error(row, self._column("held_on", held_on), reason_not_allowed)
            elif student not in students:
                day = format_date(held_on)
                sentence = f"Not enrolled in {batch} on {day}. Check batch and date."
                result.add_error(row, self._column("student", held_on), sentence)
            else:
                marks[student] = enrollment, status
                if before is None:
                    result.add_created(row)
                else:
                    labels = (MarkStatus(before).label, MarkStatus(status).label)
                    changes = {self._column("status", held_on): labels}
                    result.add_changed(row, changes, enrollments.sheet_ids[batch.pk, held_on])
            lines.setdefault(student, line)
        return marks

    def _correct(self, batch, held_on, marks, result):
        if result.is_valid:
            saved = save_sheet(
                batch=batch,
                held_on=held_on,
                content=SheetContent(
                    {student: status for student, (_, status) in marks.items()},
                    reason="Imported from a file",
                ),
                by=self.by,
                allow_unplanned=True,
            )
            result.created_ids.append(saved.sheet.pk)
