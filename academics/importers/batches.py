from django import forms
from django.core.exceptions import ValidationError

from academics import class_times
from academics.models import Batch, Course
from academics.services.batches import save_batch
from accounts.models import User
from coachmaster.core.form_fields import MultiLineFormField, WholeNumberField
from coachmaster.core.importers import ImportColumn, Importer, ReferenceColumn, set_changes
from coachmaster.core.text import folded

from .columns import NamedRows, refuse_repeated


class ClassTimesField(forms.CharField):
    """Weekly class times as text; the value is a tuple of slots."""

    def to_python(self, value):
        return tuple(class_times.parse(MultiLineFormField().to_python(value)))


class BatchImporter(Importer):
    """Batches with their class times, known by code, else by name."""

    noun = ("batch", "batches")
    model = Batch
    label_columns = ("name", "course")
    columns = [
        ImportColumn.of(Batch, "name", "batch name", "batch", "title"),
        ImportColumn.of(Batch, "code", "batch code", "short name"),
        ReferenceColumn("course", "course code", "course name", "course id", "course_id:id", "programme", "program"),
        ReferenceColumn("instructor", "instructor email", "instructor name", "teacher", "teacher email", "teacher name",
                        "faculty", "faculty email", "faculty name", required=False),
        ImportColumn.of(Batch, "starts_on", "start date", "starts", "start", "first day", "from", "begins on", "date start"),
        ImportColumn.of(Batch, "ends_on", "end date", "ends", "end", "last day", "to", "until", "date end"),
        ImportColumn("capacity", WholeNumberField(min_value=1, max_value=32767, required=False), "seats", "strength", "size",
               "max students"),
        ImportColumn.of(Batch, "room", "room no", "room number", "classroom", "hall"),
        ImportColumn("class_times", ClassTimesField(required=False), "timings", "timing", "time", "schedule", "class time",
               "timetable", "days and times"),
    ]  # fmt: skip

    def check(self, row):
        if "ends_on" in row and row["ends_on"] < row["starts_on"]:
            raise ValidationError(
                {"ends_on": "A batch cannot end before it starts. Check both dates."}
            )

    def write(self, rows, result, advance):
        known, lines = NamedRows(Batch.objects.with_class_times()), {}
        courses = NamedRows(Course.objects.all())
        teachers = _Teachers()
        for row in rows:
            try:
                batch = known.same_as(row)
                if not refuse_repeated(row, batch, lines, result):
                    self._write(row, batch, courses, teachers, known, result)
            except ValidationError as error:
                result.add_errors(row, error, "name")
            advance(1)

    def _write(self, row, batch, courses, teachers, known, result):
        values = {name: value for name, value in row.items() if name != "class_times"}
        values["course"] = _resolved("course", courses.named, row)
        if "instructor" in row:
            values["instructor"] = _resolved("instructor", teachers.named, row)
        is_new = batch is None
        if is_new:
            batch = Batch(**values)
            slots = row.get("class_times", ())
            result.add_created(row)
        else:
            slots = row.get("class_times", batch.slots)
            changes = set_changes(batch, values)
            if list(slots) != batch.slots:
                changes["class_times"] = (batch.slots, slots)
            result.add_existing(row, changes, batch.pk)
            if not changes:
                return
        clashes = save_batch(batch, slots, despite_clash=True)
        if is_new:
            result.created_ids.append(batch.pk)
        known.add(batch)
        result.notes += [f"Row {row.line}: {clash}" for clash in clashes]


def _resolved(name, find, row):
    try:
        return find(row[name])
    except ValidationError as error:
        raise ValidationError({name: error.messages}) from error


class _Teachers:
    """People who may teach, by e-mail address or name."""

    def __init__(self):
        self._found = {}
        for user in User.objects.able_to_teach():
            for word in filter(None, (user.email, folded(user.full_name))):
                self._found.setdefault(word, []).append(user)

    def named(self, word):
        """The one whom ``word`` names. Raises ValidationError."""
        people = self._found.get(folded(word), [])
        if not people:
            raise ValidationError(
                "Nobody who may teach has this email or name. Write it as stored, or add them first."
            )
        if len(people) > 1:
            raise ValidationError("More than one instructor has this name. Write the email.")
        return people[0]
