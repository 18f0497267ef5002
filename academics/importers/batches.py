from django import forms
from django.core.exceptions import ValidationError

from academics import class_times
from academics.models import Batch, Course
from academics.services.batches import save_batch
from accounts.models import User
from coachmaster.core.form_fields import MultiLineFormField, WholeNumberField
from coachmaster.core.importers import ImportColumn, Importer, ReferenceColumn, set_changes
from coachmaster.core.text import folded

from .columns import RecordsByName, is_repeated


class ClassTimesField(forms.CharField):
    """Weekly class times as text; the value is a tuple of slots."""

    def to_python(self, value):
        return tuple(class_times.parse(MultiLineFormField().to_python(value)))


class BatchImporter(Importer):
    """Batches are identified by code, else by name."""

    noun = ("batch", "batches")
    model = Batch
    label_columns = ("name", "course")
    add_permissions = ("academics.add_batch",)
    change_permissions = ("academics.change_batch",)
    columns = [
        ImportColumn.of(Batch, "name", "batch name", "batch", "title"),
        ImportColumn.of(Batch, "code", "batch code", "short name"),
        ReferenceColumn(
            "course", "course code", "course name", "course id", "course_id:id", "programme",
            "program",
        ),
        ReferenceColumn(
            "instructor", "instructor email", "instructor name", "teacher", "teacher email",
            "teacher name", "faculty", "faculty email", "faculty name", required=False,
        ),
        ImportColumn.of(
            Batch, "starts_on", "start date", "starts", "start", "first day", "from", "begins on",
            "date start",
        ),
        ImportColumn.of(
            Batch, "ends_on", "end date", "ends", "end", "last day", "to", "until", "date end"
        ),
        ImportColumn(
            "capacity", WholeNumberField(min_value=1, max_value=32767, required=False), "seats",
            "strength", "size", "max students",
        ),
        ImportColumn.of(Batch, "room", "room no", "room number", "classroom", "hall"),
        ImportColumn.of(Batch, "class_times_note", "timings in words"),
        ImportColumn(
            "class_times", ClassTimesField(required=False), "timings", "timing", "time",
            "schedule", "class time", "timetable", "days and times",
        ),
    ]  # fmt: skip

    def check(self, row):
        if "ends_on" in row and row["ends_on"] < row["starts_on"]:
            raise ValidationError(
                {"ends_on": "A batch cannot end before it starts. Check both dates."}
            )

    def write(self, rows, result, advance):
        visible = self.visible(Batch.objects.with_class_times())
        self._batches, lines = RecordsByName(visible), {}
        self._courses = RecordsByName(Course.objects.all())
        self._instructors = _Instructors(self.visible(User.objects).able_to_teach())
        for row in rows:
            try:
                batch = self._batches.match(row)
                if not is_repeated(row, batch, lines, result):
                    self._save(row, batch, result)
            except ValidationError as error:
                result.add_errors(row, error, "name")
            advance(1)

    def _save(self, row, batch, result):
        values = {name: value for name, value in row.items() if name != "class_times"}
        values["course"] = self._course(row, batch)
        if "instructor" in row:
            values["instructor"] = _found("instructor", self._instructors, row)
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
        clashes = save_batch(batch, slots, despite_clash=True, by=self.by)
        if is_new:
            result.created_ids.append(batch.pk)
        self._batches.add(batch)
        result.notes += [f"Row {row.line}: {clash}" for clash in clashes]

    def _course(self, row, batch):
        course = _found("course", self._courses, row)
        is_kept = course.is_active or (batch and batch.course_id == course.pk)
        if self.by and not is_kept:
            raise ValidationError({"course": f"{course} is inactive. Activate the course first."})
        return course


def _found(column, records, row):
    try:
        return records.find(row[column])
    except ValidationError as error:
        raise ValidationError({column: error.messages}) from error


class _Instructors:
    """Instructors by email or name."""

    def __init__(self, users):
        self._users = {}
        for user in users:
            for key in filter(None, (user.email, folded(user.full_name))):
                self._users.setdefault(key, []).append(user)

    def find(self, text):
        users = self._users.get(folded(text), [])
        if not users:
            raise ValidationError(
                "No instructor has this email or name. Write it as stored, or add them first."
            )
        if len(users) > 1:
            raise ValidationError("Several instructors have this name. Write the email.")
        return users[0]
