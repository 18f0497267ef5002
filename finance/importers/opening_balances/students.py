import collections

from academics.models import Enrollment
from accounts.importers.students import StudentImporter
from accounts.models import StudentProfile, User
from coachmaster.core.chunks import in_chunks
from coachmaster.core.importers import ImportResult, ImportRow
from coachmaster.core.text import folded

_COLUMNS = {column.name for column in StudentImporter.columns}


class _DryResult(ImportResult):
    """Lets all rows be checked after one is refused; the caller rolls back."""

    is_valid = True


def save_students(balances, result, *, by):
    """Set `student` and `changes` of each row. A student may have a row for each batch."""
    first, first_lines = {}, {}
    for balance in balances:
        key = (
            folded(balance.get("admission_number", ""))
            or balance.get("email")
            or _identity(balance)
        )
        first.setdefault(key, balance)
        first_lines[balance.line] = first[key].line
    importer, found = StudentImporter(), _DryResult()
    importer.by, importer.saved, importer.fallback_ids = by, {}, {}
    enrollments = importer.visible(Enrollment.objects.all())
    for line, student_id in _students_of_batches(balances, enrollments).items():
        importer.fallback_ids.setdefault(first_lines[line], student_id)
    importer.write([_student_row(row) for row in first.values()], found, lambda count: None)
    result.problems += found.problems
    result.records[User] = found.created_ids
    ids = {line: student.pk for line, (student, _) in importer.saved.items()}
    students = {}
    for chunk in in_chunks(set(ids.values())):
        students.update(StudentProfile.objects.select_related("user").in_bulk(chunk))
    for balance in balances:
        if first_lines[balance.line] in ids:
            balance.student = students[ids[first_lines[balance.line]]]
        if balance.line in importer.saved:
            balance.changes = dict(importer.saved[balance.line][1])


def _student_row(row):
    return ImportRow(row.line, {name: row[name] for name in row if name in _COLUMNS})


def _identity(row):
    return folded(row["full_name"]), row.get("phone"), row.get("birth_on")


def _students_of_batches(balances, enrollments):
    """Return ``{line: student id}`` by unique name, batch and joining date."""
    rows, students = collections.defaultdict(list), collections.defaultdict(list)
    for balance in balances:
        rows[balance.batch.pk, folded(balance["full_name"])].append(balance)
    enrollments = (
        enrollments.filter(batch__in={balance.batch.pk for balance in balances})
        .order_by()
        .values_list(
            "batch", "enrolled_on", "student", "student__user__full_name", "student__birth_on"
        )
    )
    for batch, enrolled_on, student, name, birth_on in enrollments.iterator():
        students[batch, folded(name)].append((student, enrolled_on, birth_on))
    found = {}
    for key, same_name in rows.items():
        if len(same_name) > 1 or len(students[key]) != 1:
            continue
        (row,), ((student, enrolled_on, birth_on),) = same_name, students[key]
        same_birth = not birth_on or row.get("birth_on", birth_on) == birth_on
        if "admission_number" not in row and row["enrolled_on"] == enrolled_on and same_birth:
            found[row.line] = student
    return found
