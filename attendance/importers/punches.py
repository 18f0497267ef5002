import collections
import datetime
import re

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from academics.models import Enrollment, Institute
from academics.timetable import Timetable
from accounts.importers.people import ADMISSION_NUMBER
from accounts.importers.student_finder import StudentFinder
from accounts.models import StudentProfile
from attendance.models import Sheet
from attendance.percentages import MarkStatus
from attendance.services.bulk_sheets import EnrollmentsByDay, create_sheets
from attendance.services.check_in import current_class, status_at
from attendance.services.sheets import SheetContent, save_sheet
from coachmaster.core.chunks import in_chunks
from coachmaster.core.dates import format_date
from coachmaster.core.form_fields import DateFormField
from coachmaster.core.importers import ImportColumn, Importer, ReferenceColumn

from .sheets import BATCHES_PER_CHUNK

#: A punch counts from so long before a class; one until so long after it is an exit.
MARGIN = datetime.timedelta(minutes=30)
_MOST_NOTES = 100


class DateTimeOrTimeField(forms.CharField):
    """`2026-06-15 17:03:22`, `15/06/2026 5:03 pm`, or a time alone as ``datetime.time``."""

    FORMATS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
    _SHAPE = re.compile(r"(?:(.*\S) )?(\d{1,2}:\d\d(?::\d\d)?(?: ?[AP]M)?)")
    _INVALID = (
        "Write date and time, like 15/06/2026 17:03, or 17:03 with the date in a column of its own."
    )

    def to_python(self, value):
        text = re.sub(r"\s+", " ", super().to_python(value).replace("T", " ").upper()).strip()
        text = re.sub(r"(?<=:\d\d)\.\d+", "", text)  # fractions of a second
        match = self._SHAPE.fullmatch(text)
        if match is None:
            raise ValidationError(self._INVALID)
        day, time = match.groups()
        time = self._parse_time(re.sub(r"(?<=\d)(?=[AP]M)", " ", time))
        return datetime.datetime.combine(DateFormField().clean(day), time) if day else time

    def _parse_time(self, text):
        for time_format in self.FORMATS:
            try:
                return datetime.datetime.strptime(text, time_format).time()
            except ValueError:
                continue
        raise ValidationError(self._INVALID)


class PunchImporter(Importer):
    """The first punch of a student in a class sets present or late; existing marks stay.

    With ``marks_absent`` the others are absent and the sheet is saved, otherwise it waits for
    the instructor. With ``skips_unknown`` punches of no class do not refuse the file.
    """

    noun = ("mark", "marks")
    model = Sheet
    label_columns = ("student", "at")
    columns = [
        ReferenceColumn(
            "student", *ADMISSION_NUMBER, "admission number", "person number", "person id",
            "user id", "employee id", "employee code", "emp code", "enroll id", "id number", "pin",
        ),
        ImportColumn(
            "at", DateTimeOrTimeField(), "date time", "datetime", "timestamp", "punch time",
            "punched at", "log date", "log time", "check time", "time",
        ),
        ImportColumn(
            "on", DateFormField(required=False), "date", "punch date", "day", "attendance date"
        ),
    ]  # fmt: skip

    def __init__(self, *, marks_absent=False, skips_unknown=False):
        self.marks_absent, self.skips_unknown = marks_absent, skips_unknown

    def check(self, row):
        if isinstance(row["at"], datetime.time):
            if "on" not in row:
                raise ValidationError({"at": "Write the date too, here or in a column of its own."})
            row["at"] = datetime.datetime.combine(row["on"], row["at"])

    def write(self, rows, result, advance):
        students = StudentFinder(
            (row["student"] for row in rows), self.visible(StudentProfile.objects.all())
        )
        self.now = timezone.now()
        self.institute = Institute.objects.current()
        known = []
        for row in rows:
            try:
                row["student"] = students[row["student"]]
            except ValidationError as error:
                self._add_unknown(row, "student", error.message, result)
            else:
                known.append(row)
        advance(len(rows) - len(known))
        by_batch = collections.defaultdict(dict)
        if known:
            for (batch, day), marks in self._first_punches(known, result).items():
                by_batch[batch][day] = marks
        advance(len(known))
        for chunk in in_chunks(sorted(by_batch.items()), BATCHES_PER_CHUNK):
            self._write_batches(dict(chunk), result)

    def _add_unknown(self, row, column, sentence, result):
        if not self.skips_unknown:
            result.add_error(row, column, sentence)
            return
        result.skipped.append(row.line)
        if len(result.skipped) <= _MOST_NOTES:
            result.notes.append(f"Row {row.line} skipped: {sentence}")

    # Which class ------------------------------------------------------------------------------

    def _first_punches(self, rows, result):
        """Return ``{(batch, date): {student: (row, status)}}``."""
        classes_of = _StudentClasses(rows)
        marks, used = collections.defaultdict(dict), set()
        for row in sorted(rows, key=lambda row: (row["student"], row["at"], row.line)):
            student, day = row["student"], row["at"].date()
            at = timezone.make_aware(row["at"])
            if at > self.now:
                sentence = "This is in the future. Check the clock of the device."
                self._add_unknown(row, "at", sentence, result)
                continue
            classes = classes_of.on(student, day)
            punched = [scheduled for scheduled in classes if _class_key(student, scheduled) in used]
            not_punched = [scheduled for scheduled in classes if scheduled not in punched]
            if scheduled := current_class(not_punched, at, early=MARGIN):
                used.add(_class_key(student, scheduled))
                first = marks[scheduled.batch.pk, day].setdefault(
                    student, (row, status_at(scheduled, at, self.institute))
                )
                if first[0] is not row:  # a second class of the batch that day
                    result.unchanged += 1
            elif current_class(punched, at, early=MARGIN, after=MARGIN):
                result.unchanged += 1  # another punch, or the exit
            else:
                sentence = f"No class of the student's batches on {format_date(day)} at this time."
                self._add_unknown(row, "at", sentence, result)
        return marks

    # Writing ----------------------------------------------------------------------------------

    def _write_batches(self, by_batch, result):
        """Write ``{batch: {date: {student: (row, status)}}}``."""
        days = [day for by_day in by_batch.values() for day in by_day]
        enrollments = EnrollmentsByDay(set(by_batch), min(days), max(days))
        new = []
        for batch_id, by_day in by_batch.items():
            for day, punches in by_day.items():
                marks = self._new_marks(punches, enrollments.of(batch_id, day), result)
                if (batch_id, day) not in enrollments.sheet_ids:
                    new.append((batch_id, day, marks))
                elif result.is_valid:
                    self._add_to_sheet(enrollments.batches[batch_id], day, marks)
        if result.is_valid:
            result.created_ids += create_sheets(new, by=self.by, is_open=not self.marks_absent)

    def _new_marks(self, punches, students, result):
        marks = {}
        for student, (row, status) in punches.items():
            enrollment, before = students.get(student, (None, None))
            if before is None:
                marks[student] = enrollment, status
                result.add_created(row)
            else:
                result.unchanged += 1
        if self.marks_absent:
            for student, (enrollment, before) in students.items():
                if before is None and student not in marks:
                    marks[student] = enrollment, MarkStatus.ABSENT
                    result.created += 1
        return marks

    def _add_to_sheet(self, batch, day, marks):
        save_sheet(
            batch=batch,
            held_on=day,
            content=SheetContent({student: status for student, (_, status) in marks.items()}),
            by=self.by,
            allow_unplanned=True,
            keep_open=not self.marks_absent,
        )


def _class_key(student, scheduled):
    return student, scheduled.batch.pk, scheduled.day, scheduled.slot


class _StudentClasses:
    def __init__(self, rows):
        self._enrollments = collections.defaultdict(list)
        for chunk in in_chunks({row["student"] for row in rows}):
            enrollments = Enrollment.objects.filter(student__in=chunk).order_by("pk")
            for enrollment in enrollments.select_related("batch__course"):
                self._enrollments[enrollment.student_id].append(enrollment)
        self._batches = {
            enrollment.batch_id: enrollment.batch
            for enrollments in self._enrollments.values()
            for enrollment in enrollments
        }
        days = [row["at"].date() for row in rows]
        self._timetable = Timetable(self._batches.values(), min(days), max(days))
        self._classes = {}

    def on(self, student, day):
        classes = []
        for enrollment in self._enrollments[student]:
            if enrollment.covers(day):
                key = enrollment.batch_id, day
                if key not in self._classes:
                    batch = self._batches[enrollment.batch_id]
                    self._classes[key] = self._timetable.on(batch, day)
                classes += self._classes[key]
        return sorted(classes, key=lambda scheduled: scheduled.slot)
