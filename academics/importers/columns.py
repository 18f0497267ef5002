from django.core.exceptions import ValidationError

from coachmaster.core.importers import ReferenceColumn
from coachmaster.core.text import folded


class RecordsByName:
    """Courses or batches by code, else by name."""

    def __init__(self, records):
        self._noun = records.model._meta.verbose_name
        self._by_code, self._by_name = {}, {}
        for record in records:
            self.add(record)

    def add(self, record):
        if record.code:
            self._by_code[folded(record.code)] = record
        same_name = self._by_name.setdefault(folded(record.name), [])
        if record not in same_name:
            same_name.append(record)

    def find(self, text):
        if record := self._by_code.get(folded(text)):
            return record
        records = self._by_name.get(folded(text), [])
        if not records:
            raise ValidationError(
                f"No {self._noun} has this code or name. Correct it, or import the "
                f"{self._noun} first."
            )
        if len(records) > 1:
            raise ValidationError("Several have this name. Write the code.")
        return records[0]

    def match(self, row):
        """Return the record that a row describes, or None for a new one."""
        if "code" in row and (record := self._by_code.get(folded(row["code"]))):
            return record
        records = self._by_name.get(folded(row["name"]), [])
        if "code" in row:
            records = [record for record in records if not record.code]
        if len(records) > 1:
            raise ValidationError({"name": "Several have this name. Add the code."})
        return records[0] if records else None


def is_repeated(row, record, lines, result):
    """Return whether an earlier row is the same, with an error in ``result``."""
    column = "code" if "code" in row else "name"
    keys = [(column, folded(row[column]))]
    if record:
        keys.insert(0, ("pk", record.pk))
    for key in keys:
        if first := lines.get(key):
            result.add_error(row, column, f"Row {first} is the same one. Keep one of them.")
            return True
    lines.update(dict.fromkeys(keys, row.line))
    return False


def batch_column():
    return ReferenceColumn(
        "batch", "batch code", "batch name", "batch id", "batch_id:id", "class", "section", "group"
    )


def batches_by_name(batches):
    return RecordsByName(batches.select_related("course"))


def batch_of(row, batches, result):
    """Return the row's batch, or None with an error in ``result``."""
    try:
        return batches.find(row["batch"])
    except ValidationError as error:
        result.add_error(row, "batch", error)
        return None
