"""What a fingerprint or card reader read, turned into marks: one reading a line, who and when."""

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
from attendance.percentages import MarkStatus
from attendance.services.bulk_sheets import EnrollmentsByDay, create_sheets
from attendance.services.check_in import current_class, status_at
from attendance.services.sheets import save_sheet
from coachmaster.core.chunks import in_chunks
from coachmaster.core.dates import format_date
from coachmaster.core.form_fields import DateFormField
from coachmaster.core.importers import ImportColumn, Importer, ReferenceColumn

#: How long before a class a reading counts for it, and how long after it is somebody leaving.
AROUND = datetime.timedelta(minutes=30)

BATCHES_AT_ONCE = 50


class MomentField(forms.CharField):
    """A moment at the institute, `2026-06-15 17:03:22` or `15/06/2026 5:03 pm`; or a time of day alone, for files that
    have the date in a column of its own."""

    TIMES = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
    _SHAPE = re.compile(r"(?:(.*\S) )?(\d{1,2}:\d\d(?::\d\d)?(?: ?[AP]M)?)")
    _WRONG = (
        "Write date and time, like 15/06/2026 17:03, or 17:03 with the date in a column of its own."
    )

    def to_python(self, value):
        text = re.sub(r"\s+", " ", super().to_python(value).replace("T", " ").upper()).strip()
        text = re.sub(r"(?<=:\d\d)\.\d+", "", text)  # parts of a second
        match = self._SHAPE.fullmatch(text)
        if match is None:
            raise ValidationError(self._WRONG)
        day, time = match.groups()
        time = self._time(re.sub(r"(?<=\d)(?=[AP]M)", " ", time))
        return datetime.datetime.combine(DateFormField().clean(day), time) if day else time

    def _time(self, text):
        for form in self.TIMES:
            try:
                return datetime.datetime.strptime(text, form).time()
            except ValueError:
                continue
        raise ValidationError(self._WRONG)


class PunchImporter(Importer):
    """Readings, known by student and moment.

    A reading counts for the class of one of the student's batches that is on then, or begins soon. The first one makes
    the mark, present or late; a mark that is there stays, whoever made it. The sheet is left for the instructor to save;
    with ``marks_absent`` who has no reading is absent, and the sheet is saved.
    """

    noun = ("mark", "marks")
    label_columns = ("student", "at")
    columns = [
        ReferenceColumn(
            "student", *ADMISSION_NUMBER, "admission number", "person number", "person id", "user id", "employee id",
            "employee code", "emp code", "enroll id", "id number", "pin",
        ),
        ImportColumn("at", MomentField(), "date time", "datetime", "timestamp", "punch time", "punched at", "log date",
               "log time", "check time", "time"),
        ImportColumn("on", DateFormField(required=False), "date", "punch date", "day", "attendance date"),
    ]  # fmt: skip

    def __init__(self, *, marks_absent=False, leaves_out=False):
        self.marks_absent, self.leaves_out = marks_absent, leaves_out

    def check(self, row):
        """Put date and time together, where the file has them apart."""
        if isinstance(row["at"], datetime.time):
            if "on" not in row:
                raise ValidationError({"at": "Write the date too, here or in a column of its own."})
            row["at"] = datetime.datetime.combine(row["on"], row["at"])

    def write(self, rows, result, advance):
        students, self.now = StudentFinder(row["student"] for row in rows), timezone.now()
        self.institute = Institute.objects.current()
        known = []
        for row in rows:
            try:
                row["student"] = students[row["student"]]
            except ValidationError as error:
                self._cannot_place(row, "student", error.message, result)
            else:
                known.append(row)
        advance(len(rows) - len(known))
        marks = self._place(known, result)
        advance(len(known))
        by_batch = collections.defaultdict(dict)
        for (batch, day), found in marks.items():
            by_batch[batch][day] = found
        for chunk in in_chunks(sorted(by_batch.items()), BATCHES_AT_ONCE):
            self._write(dict(chunk), result)

    def _cannot_place(self, row, column, sentence, result):
        """Say what is wrong with a reading: it keeps the file out, or is left out alone."""
        if not self.leaves_out:
            result.add_error(row, column, sentence)
            return
        result.skipped.append(row.line)
        if len(result.skipped) <= 100:
            result.notes.append(f"Row {row.line} skipped: {sentence}")

    def _place(self, rows, result):
        """``{(batch, day): {student: (row, status)}}``: the first reading of each student in each class."""
        if not rows:
            return {}
        days = [row["at"].date() for row in rows]
        enrollments = collections.defaultdict(list)
        for chunk in in_chunks({row["student"] for row in rows}):
            found = (
                Enrollment.objects.filter(student__in=chunk)
                .order_by("pk")
                .select_related("batch__course")
            )
            for enrollment in found:
                enrollments[enrollment.student_id].append(enrollment)
        batches = {one.batch_id: one.batch for own in enrollments.values() for one in own}
        timetable, held = Timetable(batches.values(), min(days), max(days)), {}
        marks, came = collections.defaultdict(dict), set()
        for row in sorted(rows, key=lambda row: (row["student"], row["at"], row.line)):
            student, day = row["student"], row["at"].date()
            at = timezone.make_aware(row["at"])
            if at > self.now:
                self._cannot_place(
                    row, "at", "This lies in the future. Check the clock of the device.", result
                )
                continue
            classes = []
            for enrollment in enrollments[student]:
                if enrollment.covers(day):
                    key = enrollment.batch_id, day
                    if key not in held:
                        held[key] = timetable.on(batches[enrollment.batch_id], day)
                    classes += held[key]
            classes.sort(key=lambda one: one.slot)
            fresh = [
                one for one in classes if (student, one.batch.pk, one.day, one.slot) not in came
            ]
            if one := current_class(fresh, at, early=AROUND):
                came.add((student, one.batch.pk, one.day, one.slot))
                first = marks[one.batch.pk, day].setdefault(
                    student, (row, status_at(one, at, self.institute))
                )
                if first[0] is not row:  # a second class of the batch that day
                    result.unchanged += 1
            elif current_class(
                [one for one in classes if one not in fresh], at, early=AROUND, after=AROUND
            ):
                result.unchanged += 1  # read again, or on the way out
            else:
                self._cannot_place(
                    row,
                    "at",
                    f"No class of the student's batches on {format_date(day)} then.",
                    result,
                )
        return marks

    def _write(self, by_batch, result):
        """Write the marks of some batches: ``{batch: {day: {student: (row, status)}}}``."""
        days = [day for found in by_batch.values() for day in found]
        rolls = EnrollmentsByDay(set(by_batch), min(days), max(days))
        new = []
        for batch_id, of_days in by_batch.items():
            for day, found in of_days.items():
                roll = rolls.of(batch_id, day)
                fresh = {}
                for student, (row, status) in found.items():
                    enrollment, before = roll.get(student, (None, None))
                    if before is None:
                        fresh[student] = enrollment, status
                        result.add_created(row)
                    else:
                        result.unchanged += 1
                if self.marks_absent:
                    for student, (enrollment, before) in roll.items():
                        if before is None and student not in fresh:
                            fresh[student] = enrollment, MarkStatus.ABSENT
                            result.created += 1
                if (batch_id, day) not in rolls.taken:
                    new.append((batch_id, day, fresh))
                elif result.is_valid:
                    self._add(rolls.batches[batch_id], day, fresh)
        if result.is_valid:
            result.created_ids += create_sheets(new, by=self.by, is_open=not self.marks_absent)

    def _add(self, batch, day, fresh):
        """Add marks to a sheet that is there."""
        save_sheet(
            batch=batch,
            held_on=day,
            statuses={student: status for student, (_, status) in fresh.items()},
            by=self.by,
            confirmed_unplanned=True,
            leaves_open=not self.marks_absent,
        )
