from django.core.exceptions import ValidationError
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from academics.models import Course
from coachmaster.core.importers import Column, Importer, in_chunks, set_changes

from .columns import NamedRows, refuse_repeated


class CourseImporter(Importer):
    """Courses, known by code, else by name."""

    noun = ("course", "courses")
    model = Course
    labels = ("name", "code")
    columns = [
        Column.of(Course, "name", "course name", "course", "title", "programme", "program"),
        Column.of(Course, "code", "course code", "short name"),
        Column.of(Course, "total_fee", "fee", "fees", "total fees", "course fee", "course fees", "amount", "price",
                  allow_zero=True, required=True),
        Column.of(Course, "description", "about", "details"),
    ]  # fmt: skip

    def write(self, rows, result, advance):
        known, lines = NamedRows(Course.objects.all()), {}
        for chunk in in_chunks(rows):
            new, changed, fields = [], [], set()
            for row in chunk:
                try:
                    course = known.same_as(row)
                except ValidationError as error:
                    result.refuse(row, "name", error)
                    continue
                if refuse_repeated(row, course, lines, result):
                    continue
                if course is None:
                    new.append(Course(**row))
                    result.create(row)
                elif changes := set_changes(course, row):
                    changed.append(course)
                    fields.update(changes)
                    result.change(row, changes, course.pk)
                else:
                    result.unchanged += 1
            if result.is_clean:
                bulk_create_with_history(new, Course)
                if changed:
                    bulk_update_with_history(changed, Course, sorted(fields), batch_size=200)
                result.made += [course.pk for course in new]
            advance(len(chunk))
