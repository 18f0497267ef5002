from django.core.exceptions import ValidationError

from academics.importers.columns import all_batches, batch_column, batch_of
from academics.models import Enrollment
from accounts.importers.student_finder import StudentFinder, student_column
from attendance.models import EarlierAttendance
from attendance.statistics import update_presences
from coachmaster.core.chunks import in_chunks
from coachmaster.core.form_fields import WholeNumberField
from coachmaster.core.importers import ImportColumn, Importer, set_changes


def _count(*, required=False):
    return WholeNumberField(min_value=0, max_value=5000, required=required)


def _resolved(rows, result):
    """Those of ``rows`` whose student and batch are found, which are then in the place of their names."""
    rows = list(rows)
    students, batches = StudentFinder(row["student"] for row in rows), all_batches()
    for row in rows:
        row["student"], row["batch"] = students.get(row, result), batch_of(row, batches, result)
    return [row for row in rows if row["student"] and row["batch"]]


class AttendanceTotalsImporter(Importer):
    """How many classes there were before CoachMaster, known by student and batch; of the latest enrollment in it."""

    noun = ("total", "totals")
    model = Enrollment
    label_columns = ("student", "batch")
    columns = [
        batch_column(),
        student_column(),
        ImportColumn(
            "attended",
            _count(required=True),
            "present",
            "classes attended",
            "days attended",
            "days present",
            "p",
        ),
        ImportColumn(
            "held",
            _count(),
            "classes held",
            "classes",
            "total classes",
            "total days",
            "working days",
            "out of",
        ),
        ImportColumn("absent", _count(), "classes missed", "missed", "days absent", "a"),
        ImportColumn("excused", _count(), "leave", "on leave", "e"),
    ]

    def check(self, row):
        if "held" in row:
            absent = row["held"] - row["attended"] - row.get("excused", 0)
            if absent < 0 or row.get("absent", absent) != absent:
                raise ValidationError(
                    {
                        "held": "Attended, absent and excused do not add up to it. Correct one of them."
                    }
                )
            row["absent"] = absent
        elif "absent" not in row:
            raise ValidationError(
                {"attended": "Say of how many: fill in the classes held, or those missed."}
            )

    def write(self, rows, result, advance):
        rows = _resolved(rows, result)
        lines = {}
        for chunk in in_chunks(rows):
            enrollments = _latest({row["student"] for row in chunk})
            before = EarlierAttendance.objects.in_bulk(
                [enrollment.pk for enrollment in enrollments.values()]
            )
            changed = []
            for row in chunk:
                key = row["student"], row["batch"].pk
                if key not in enrollments:
                    result.add_error(
                        row,
                        "student",
                        f"Was never enrolled in {row['batch']}. Check student and batch.",
                    )
                elif first := lines.get(key):
                    result.add_error(
                        row,
                        "student",
                        f"Row {first} is the same student in this batch. Keep one of them.",
                    )
                else:
                    changed += self._take(row, enrollments[key], before, result)
                lines.setdefault(key, row.line)
            if result.is_valid:
                EarlierAttendance.objects.bulk_create(
                    changed,
                    update_conflicts=True,
                    unique_fields=["enrollment"],
                    update_fields=["present", "absent", "excused"],
                )
                update_presences(one.pk for one in changed)
            advance(len(chunk))

    def _take(self, row, enrollment, before, result):
        """What is to be written of a line: a list of one, or of none."""
        said = {
            "present": row["attended"],
            "absent": row["absent"],
            "excused": row.get("excused", 0),
        }
        if enrollment.pk in before:
            changes = set_changes(before[enrollment.pk], said)
            result.add_existing(row, changes, enrollment.pk)
            return [before[enrollment.pk]] if changes else []
        result.add_created(row)
        result.created_ids.append(enrollment.pk)
        return [EarlierAttendance(enrollment=enrollment, **said)]


def _latest(students):
    """``{(student, batch): the latest enrollment}`` of these students (keys), locked."""
    rows = (
        Enrollment.objects.select_for_update(no_key=True)
        .filter(student__in=students)
        .order_by("pk")
    )
    return {(enrollment.student_id, enrollment.batch_id): enrollment for enrollment in rows}
