import collections

from django.core.exceptions import ValidationError

from academics.importers.columns import all_batches, batch_column, batch_of
from academics.models import Enrollment
from academics.services.clashes import enrollment_clash_messages
from accounts.importers.student_finder import StudentFinder, student_column
from coachmaster.core.chunks import in_chunks
from coachmaster.core.form_fields import AmountField
from coachmaster.core.importers import ImportColumn, Importer, ImportResult
from finance.services.bulk_enrollments import BulkEnrollment


class EnrollmentImporter(Importer):
    """Enrollments, known by student, batch and day; by student and batch where the file has no day."""

    noun = ("enrollment", "enrollments")
    model = Enrollment
    label_columns = ("student", "batch")
    columns = [
        student_column(),
        batch_column(),
        ImportColumn.of(Enrollment, "enrolled_on", "date", "enrollment date", "enrolment date", "admission date",
                  "date of admission", "joining date", "joined on", "date of joining", "start date", required=False),
        ImportColumn("agreed_fee", AmountField(allow_zero=True, required=False), "fee", "fees", "total fee", "total fees",
               "fee agreed", "final fee"),
        ImportColumn.of(Enrollment, "fee_reason", "reason", "discount reason", "concession", "scholarship"),
    ]  # fmt: skip

    def look_up(self, rows, result):
        self._students, self._batches = StudentFinder(row["student"] for row in rows), all_batches()

    def write(self, rows, result, advance):
        students, batches, places = self._students, self._batches, set()
        for row in rows:
            student, batch = students.get(row, result), batch_of(row, batches, result)
            if student and batch:
                places.add((student, batch.pk))
        standing = _standing_enrollments({student for student, _ in places})
        enrolling = BulkEnrollment(
            student_ids={student for student, _ in places},
            batch_ids={batch for _, batch in places},
            by=self.by,
            imported=True,
        )
        del places
        lines, nothing, beside = {}, ImportResult(), []
        for chunk in in_chunks(rows):
            for row in chunk:
                row["student"], row["batch"] = (
                    students.get(row, nothing),
                    batch_of(row, batches, nothing),
                )
            people = enrolling.students(row["student"] for row in chunk)
            new = []
            for row in chunk:
                if not (row["student"] and row["batch"]):
                    continue
                key = (row["student"], row["batch"].pk)
                has_day = "enrolled_on" in row and "enrolled_on" not in row.defaulted
                once = (*key, row["enrolled_on"] if has_day else None)
                if first := lines.get(once):
                    result.add_error(
                        row,
                        "student",
                        f"Row {first} enrolls the same student there too. Keep one of them.",
                    )
                    continue
                lines[once] = row.line
                days = standing.get(key, ())
                if row["enrolled_on"] in days if has_day else days:
                    result.unchanged += 1
                    continue
                try:
                    enrollment = enrolling.enroll(
                        student=people[row["student"]],
                        batch_id=row["batch"].pk,
                        enrolled_on=row.get("enrolled_on")
                        or enrolling.batches[row["batch"].pk].starts_on,
                        agreed_fee=row.get("agreed_fee"),
                        fee_reason=row.get("fee_reason", ""),
                    )
                except ValidationError as error:
                    result.add_errors(row, error, "student")
                else:
                    new.append(enrollment)
                    result.add_created(row)
            if result.is_valid:
                enrolling.write(new)
                result.created_ids += [enrollment.pk for enrollment in new]
                beside += [enrollment.pk for enrollment in new if not enrollment.is_exclusive]
            advance(len(chunk))
        if result.is_valid:
            enrolling.finish()
            result.notes += enrollment_clash_messages(beside) if beside else []


def _standing_enrollments(student_ids):
    """``{(student, batch): {days}}`` of the enrollments that these students have, ended ones too."""
    found = collections.defaultdict(set)
    for chunk in in_chunks(student_ids):
        enrollments = Enrollment.objects.filter(student__in=chunk).order_by()
        for student, batch, day in enrollments.values_list("student", "batch", "enrolled_on"):
            found[student, batch].add(day)
    return found
