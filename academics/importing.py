"""Courses and batches from other programs, and how files name a batch."""

from django import forms
from django.core.exceptions import ValidationError
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from accounts.models import User
from coachmaster.core.dates import DayFormField, day_words
from coachmaster.core.forms import WholeNumberField
from coachmaster.core.importers import Column, Importer, ReferenceColumn, in_chunks, set_changes
from coachmaster.core.text import LinesFormField, folded

from . import class_times, services
from .models import Batch, Course, Holiday, days_between


class NamedRows:
    """Rows of a table by code, else by name; letter case does not count."""

    def __init__(self, rows):
        self._by_code, self._by_name = {}, {}
        for row in rows:
            self.add(row)

    def add(self, row):
        """Let a new or renamed row be found too."""
        if row.code:
            self._by_code[folded(row.code)] = row
        same = self._by_name.setdefault(folded(row.name), [])
        if row not in same:
            same.append(row)

    def named(self, word):
        """The row whose code or name ``word`` is. Raises ValidationError when there is none, or more than one."""
        if row := self._by_code.get(folded(word)):
            return row
        rows = self._by_name.get(folded(word), [])
        if not rows:
            raise ValidationError("There is none with this code or name. Write it as stored, or bring it in first.")
        if len(rows) > 1:
            raise ValidationError("More than one has this name. Write the code.")
        return rows[0]

    def same_as(self, row):
        """The stored row that a line means: that with its code; without one, the only one with its name; or None."""
        if "code" in row and (found := self._by_code.get(folded(row["code"]))):
            return found
        rows = self._by_name.get(folded(row["name"]), [])
        if "code" in row:
            rows = [found for found in rows if not found.code]
        if len(rows) > 1:
            raise ValidationError({"name": "More than one has this name. Add the code."})
        return rows[0] if rows else None


def _refuse_repeated(row, standing, lines, result):
    """Whether another line of the file means the same; said when it does."""
    keys = [("pk", standing.pk)] if standing else []
    keys.append(("code", folded(row["code"])) if "code" in row else ("name", folded(row["name"])))
    for key in keys:
        if first := lines.get(key):
            result.refuse(row, "code" if "code" in row else "name", f"Line {first} is the same one. Keep one of them.")
            return True
    lines.update(dict.fromkeys(keys, row.line))
    return False


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
                if _refuse_repeated(row, course, lines, result):
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


class ClassTimesField(forms.CharField):
    """Weekly class times as text; the value is a tuple of slots."""

    def to_python(self, value):
        return tuple(class_times.parse(LinesFormField().to_python(value)))


class BatchImporter(Importer):
    """Batches with their class times, known by code, else by name."""

    noun = ("batch", "batches")
    model = Batch
    labels = ("name", "course")
    columns = [
        Column.of(Batch, "name", "batch name", "batch", "title"),
        Column.of(Batch, "code", "batch code", "short name"),
        ReferenceColumn("course", "course code", "course name", "course id", "course_id:id", "programme", "program"),
        ReferenceColumn("instructor", "instructor email", "instructor name", "teacher", "teacher email", "teacher name",
                        "faculty", "faculty email", "faculty name", required=False),
        Column.of(Batch, "starts_on", "start date", "starts", "start", "first day", "from", "begins on", "date start"),
        Column.of(Batch, "ends_on", "end date", "ends", "end", "last day", "to", "until", "date end"),
        Column("capacity", WholeNumberField(least=1, most=32767, required=False), "seats", "strength", "size",
               "max students"),
        Column.of(Batch, "room", "room no", "room number", "classroom", "hall"),
        Column("class_times", ClassTimesField(required=False), "timings", "timing", "time", "schedule", "class time",
               "timetable", "days and times"),
    ]  # fmt: skip

    def check(self, row):
        if "ends_on" in row and row["ends_on"] < row["starts_on"]:
            raise ValidationError({"ends_on": "A batch cannot end before it starts. Check both dates."})

    def write(self, rows, result, advance):
        known, lines = NamedRows(Batch.objects.with_class_times()), {}
        courses = NamedRows(Course.objects.all())
        teachers = _Teachers()
        for row in rows:
            try:
                batch = known.same_as(row)
                if not _refuse_repeated(row, batch, lines, result):
                    self._write(row, batch, courses, teachers, known, result)
            except ValidationError as error:
                result.refuse_fields(row, error, "name")
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
            result.create(row)
        else:
            slots = row.get("class_times", batch.slots)
            changes = set_changes(batch, values)
            if list(slots) != batch.slots:
                changes["class_times"] = (batch.slots, slots)
            result.count(row, changes, batch.pk)
            if not changes:
                return
        clashes = services.save_batch(batch, slots, despite_clash=True)
        if is_new:
            result.made.append(batch.pk)
        known.add(batch)
        result.notes += [f"Line {row.line}: {clash}" for clash in clashes]


def _resolved(name, find, row):
    try:
        return find(row[name])
    except ValidationError as error:
        raise ValidationError({name: error.messages}) from error


class _Teachers:
    """People who may teach, by e-mail address or name."""

    def __init__(self):
        self._found = {}
        for user in User.objects.who_can_teach():
            for word in filter(None, (user.email, folded(user.full_name))):
                self._found.setdefault(word, []).append(user)

    def named(self, word):
        """The one whom ``word`` names. Raises ValidationError."""
        people = self._found.get(folded(word), [])
        if not people:
            raise ValidationError(
                "Nobody who may teach has this e-mail or name. Write it as stored, or add them first."
            )
        if len(people) > 1:
            raise ValidationError("More than one instructor has this name. Write the e-mail.")
        return people[0]


class HolidayImporter(Importer):
    """Holidays, one day or several in a row with one name; a day is known again by its date, and takes the file's name."""

    noun = ("holiday", "holidays")
    model = Holiday
    labels = ("name", "first")
    columns = [
        Column.of(Holiday, "name", "holiday", "holiday name", "occasion", "festival", "event", "title"),
        Column("first", DayFormField(), "date", "day", "first day", "from", "start", "start date", "holiday date"),
        Column("last", DayFormField(required=False), "last day", "to", "until", "end", "end date"),
    ]

    def check(self, row):
        services.check_holiday_range(row["first"], row.get("last", row["first"]))

    def write(self, rows, result, advance):
        known, lines = {holiday.day: holiday for holiday in Holiday.objects.all()}, {}
        for row in rows:
            new, changed = [], {}
            for day in days_between(row["first"], row.get("last", row["first"])):
                if first := lines.get(day):
                    result.refuse(row, "first", f"Line {first} has {day_words(day)} already. Keep one of them.")
                    break
                lines[day] = row.line
                if day not in known:
                    new.append(Holiday(day=day, name=row["name"]))
                elif changes := set_changes(known[day], {"name": row["name"]}):
                    changed[known[day]] = changes
            if new:
                result.create(row)
            else:
                one = next(iter(changed), None)
                result.count(row, changed.get(one, {}), one and one.pk)
            if result.is_clean:
                result.made += [holiday.pk for holiday in Holiday.objects.bulk_create(new)]
                Holiday.objects.bulk_update(changed, ["name"])
            advance(1)
        if result.is_clean and (sheets := services.sheets_on(list(lines))):
            result.notes.append(services.kept_sheets_words(sheets))


# How other files name a batch -----------------------------------------------------------------------------------


def batch_column():
    """The column by which enrollments and attendance name their batch."""
    return ReferenceColumn("batch", "batch code", "batch name", "batch id", "batch_id:id", "class", "section", "group")


def all_batches():
    """Every batch with its course, by code or name."""
    return NamedRows(Batch.objects.select_related("course"))


def batch_of(row, batches, result):
    """The batch that the row names; None when there is none, which is then said."""
    try:
        return batches.named(row["batch"])
    except ValidationError as error:
        result.refuse(row, "batch", error)
        return None
