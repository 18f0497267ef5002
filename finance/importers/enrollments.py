import collections

from django.core.exceptions import ValidationError

from academics.importers.columns import batch_column, batch_of, batches_by_name
from academics.models import Batch, Enrollment
from academics.services.clashes import enrollment_clash_messages
from accounts.importers.student_finder import StudentFinder, student_column
from accounts.models import StudentProfile
from coachmaster.core.chunks import in_chunks
from coachmaster.core.form_fields import AmountField
from coachmaster.core.importers import ImportColumn, Importer, ImportResult
from finance.services.bulk_cancellations import without_cancelled
from finance.services.bulk_enrollments import BulkEnrollment


class EnrollmentImporter(Importer):
    """Enrollments are identified by student and batch, and by date if the file has one."""

    noun = ("enrollment", "enrollments")
    model = Enrollment
    label_columns = ("student", "batch")
    add_permissions = ("academics.add_enrollment",)
    columns = [
        student_column(),
        batch_column(),
        ImportColumn.of(
            Enrollment, "enrolled_on", "date", "enrollment date", "enrolment date",
            "admission date", "date of admission", "joining date", "joined on", "date of joining",
            "start date", required=False,
        ),
        ImportColumn(
            "agreed_fee", AmountField(allow_zero=True, required=False), "fee", "fees",
            "total fee", "total fees", "fee agreed", "final fee",
        ),
        ImportColumn.of(
            Enrollment, "fee_reason", "reason", "discount reason", "concession", "scholarship"
        ),
    ]  # fmt: skip

    def look_up(self, rows, result):
        students = self.visible(StudentProfile.objects.all())
        self._students = StudentFinder((row["student"] for row in rows), students)
        self._batches = batches_by_name(self.visible(Batch.objects.all()))

    def write(self, rows, result, advance):
        bulk = self._lock(rows, result)
        existing, lines = _enrollment_days(bulk.student_ids), {}
        not_exclusive = []
        for chunk in in_chunks(self._with_records(rows)):
            new = self._enroll(chunk, bulk, existing, lines, result)
            if result.is_valid:
                bulk.write(new)
                result.created_ids += [enrollment.pk for enrollment in new]
                not_exclusive += [
                    enrollment.pk for enrollment in new if not enrollment.is_exclusive
                ]
            advance(len(chunk))
        if result.is_valid:
            bulk.finish()
            if not_exclusive:
                result.notes += enrollment_clash_messages(not_exclusive, by=self.by)

    def _lock(self, rows, result):
        student_ids, batch_ids = set(), set()
        for row in rows:
            student = self._students.get(row, result)
            batch = batch_of(row, self._batches, result)
            if student and batch:
                student_ids.add(student)
                batch_ids.add(batch.pk)
        return BulkEnrollment(
            student_ids=student_ids, batch_ids=batch_ids, by=self.by, imported=True
        )

    def _with_records(self, rows):
        """Yield rows with the student's id and the batch, or None if unknown."""
        ignored = ImportResult()
        for row in rows:
            row["student"] = self._students.get(row, ignored)
            row["batch"] = batch_of(row, self._batches, ignored)
            yield row

    def _enroll(self, rows, bulk, existing, lines, result):
        students, new = bulk.students(row["student"] for row in rows), []
        for row in rows:
            if not (row["student"] and row["batch"]):
                continue
            key = row["student"], row["batch"].pk
            has_date = "enrolled_on" in row and "enrolled_on" not in row.defaulted
            if not self._is_new(row, key, has_date, existing, lines, result):
                continue
            try:
                enrollment = bulk.enroll(
                    student=students[row["student"]],
                    batch_id=row["batch"].pk,
                    enrolled_on=row.get("enrolled_on") or bulk.batches[row["batch"].pk].starts_on,
                    agreed_fee=row.get("agreed_fee"),
                    fee_reason=row.get("fee_reason", ""),
                )
            except ValidationError as error:
                result.add_errors(row, error, "student")
            else:
                new.append(enrollment)
                result.add_created(row)
                result.add_amount("Tuition", enrollment.agreed_fee)
        return new

    def _is_new(self, row, key, has_date, existing, lines, result):
        line = lines.setdefault((*key, row["enrolled_on"] if has_date else None), row.line)
        if line != row.line:
            sentence = f"Row {line} enrolls the same student there too. Keep one of them."
            result.add_error(row, "student", sentence)
            return False
        days = existing.get(key, ())
        if (row["enrolled_on"] in days) if has_date else days:
            result.unchanged += 1
            return False
        return True


def _enrollment_days(student_ids):
    """Return ``{(student, batch): {dates}}`` of all enrollments, ended ones too, but not undone."""
    found = collections.defaultdict(set)
    for chunk in in_chunks(student_ids):
        enrollments = without_cancelled(Enrollment.objects.filter(student__in=chunk)).order_by()
        for student, batch, day in enrollments.values_list("student", "batch", "enrolled_on"):
            found[student, batch].add(day)
    return found
