from django.core.exceptions import ValidationError
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from academics.models import Course
from coachmaster.core.chunks import in_chunks
from coachmaster.core.importers import ImportColumn, Importer, set_changes

from .columns import RecordsByName, is_repeated


class CourseImporter(Importer):
    """Courses are identified by code, else by name."""

    noun = ("course", "courses")
    model = Course
    label_columns = ("name", "code")
    add_permissions = ("academics.add_course",)
    change_permissions = ("academics.change_course",)
    columns = [
        ImportColumn.of(
            Course, "name", "course name", "course", "title", "programme", "program"
        ),
        ImportColumn.of(Course, "code", "course code", "short name"),
        ImportColumn.of(
            Course, "total_fee", "fee", "fees", "total fees", "course fee", "course fees",
            "amount", "price", allow_zero=True, required=True,
        ),
        ImportColumn.of(Course, "description", "about", "details"),
    ]  # fmt: skip

    def write(self, rows, result, advance):
        courses, lines = RecordsByName(Course.objects.all()), {}
        for chunk in in_chunks(rows):
            self._write_chunk(chunk, courses, lines, result)
            advance(len(chunk))

    def _write_chunk(self, rows, courses, lines, result):
        new, changed, fields = [], [], set()
        for row in rows:
            try:
                course = courses.match(row)
            except ValidationError as error:
                result.add_error(row, "name", error)
                continue
            if is_repeated(row, course, lines, result):
                continue
            if course is None:
                new.append(Course(**row))
                result.add_created(row)
            else:
                if changes := set_changes(course, row):
                    changed.append(course)
                    fields.update(changes)
                result.add_existing(row, changes, course.pk)
        if result.is_valid:
            bulk_create_with_history(new, Course)
            if changed:
                bulk_update_with_history(changed, Course, sorted(fields), batch_size=200)
            result.created_ids += [course.pk for course in new]
