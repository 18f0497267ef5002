from django.core.exceptions import ValidationError

from academics.importers.columns import batch_column, batch_of
from academics.models import Enrollment
from accounts.importers.student_finder import student_column
from attendance.models import EarlierAttendance
from attendance.statistics import update_presences
from coachmaster.core.chunks import in_chunks
from coachmaster.core.form_fields import WholeNumberField
from coachmaster.core.importers import ImportColumn, Importer, set_changes

from .sheets import students_and_batches


def _count(*, required=False):
    return WholeNumberField(min_value=0, max_value=5000, required=required)


class AttendanceTotalsImporter(Importer):
    """Classes before CoachMaster, identified by student and batch, for the last enrollment."""

    noun = ("total", "totals")
    model = Enrollment
    label_columns = ("student", "batch")
    add_permissions = ("attendance.add_sheet", "attendance.correct_any_day")
    change_permissions = add_permissions
    columns = [
        batch_column(),
        student_column(),
        ImportColumn(
            "attended", _count(required=True), "present", "classes attended", "days attended",
            "days present", "p",
        ),
        ImportColumn(
            "held", _count(), "classes held", "classes", "total classes", "total days",
            "working days", "out of",
        ),
        ImportColumn("absent", _count(), "classes missed", "missed", "days absent", "a"),
        ImportColumn("excused", _count(), "leave", "on leave", "e"),
    ]  # fmt: skip

    def created_records(self, result):
        return {EarlierAttendance: result.created_ids}

    def check(self, row):
        if "held" in row:
            absent = row["held"] - row["attended"] - row.get("excused", 0)
            if absent < 0 or row.get("absent", absent) != absent:
                sentence = "Attended, absent and excused do not add up to it. Correct one of them."
                raise ValidationError({"held": sentence})
            row["absent"] = absent
        elif "absent" not in row:
            sentence = "Enter the number of classes held, or of classes missed."
            raise ValidationError({"attended": sentence})

    def write(self, rows, result, advance):
        lines = {}
        for chunk in in_chunks(self._with_records(rows, result)):
            self._write_chunk(chunk, lines, result)
            advance(len(chunk))

    def _with_records(self, rows, result):
        rows = list(rows)
        students, batches = students_and_batches(rows, self.by)
        for row in rows:
            row["student"], row["batch"] = students.get(row, result), batch_of(row, batches, result)
        return [row for row in rows if row["student"] and row["batch"]]

    def _write_chunk(self, rows, lines, result):
        enrollments = _last_enrollments({row["student"] for row in rows})
        stored = EarlierAttendance.objects.in_bulk(
            [enrollment.pk for enrollment in enrollments.values()]
        )
        changed = []
        for row in rows:
            key = row["student"], row["batch"].pk
            if key not in enrollments:
                sentence = f"Was never enrolled in {row['batch']}. Check student and batch."
                result.add_error(row, "student", sentence)
            elif first := lines.get(key):
                sentence = f"Row {first} is the same student in this batch. Keep one of them."
                result.add_error(row, "student", sentence)
            elif totals := _changed_totals(row, enrollments[key], stored, result):
                changed.append(totals)
            lines.setdefault(key, row.line)
        if result.is_valid:
            EarlierAttendance.objects.bulk_create(
                changed,
                update_conflicts=True,
                unique_fields=["enrollment"],
                update_fields=["present", "absent", "excused"],
            )
            update_presences(totals.pk for totals in changed)


def _changed_totals(row, enrollment, stored, result):
    """Return the totals to save, or None if they are stored already."""
    values = {
        "present": row["attended"],
        "absent": row["absent"],
        "excused": row.get("excused", 0),
    }
    if enrollment.pk in stored:
        changes = set_changes(stored[enrollment.pk], values)
        result.add_existing(row, changes, enrollment.pk)
        return stored[enrollment.pk] if changes else None
    result.add_created(row)
    result.created_ids.append(enrollment.pk)
    return EarlierAttendance(enrollment=enrollment, **values)


def _last_enrollments(students):
    """Lock all enrollments of students, and return the last in each batch."""
    enrollments = Enrollment.objects.select_for_update(no_key=True).filter(student__in=students)
    return {
        (enrollment.student_id, enrollment.batch_id): enrollment
        for enrollment in enrollments.order_by("pk")
    }
