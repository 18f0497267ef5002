"""Courses and batches from other programs, and how files name a batch."""

from django.core.exceptions import ValidationError

from academics.models import Batch
from coachmaster.core.importers import ReferenceColumn
from coachmaster.core.text import folded


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
            raise ValidationError(
                "There is none with this code or name. Write it as stored, or bring it in first."
            )
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


def refuse_repeated(row, standing, lines, result):
    """Whether another line of the file means the same; said when it does."""
    keys = [("pk", standing.pk)] if standing else []
    keys.append(("code", folded(row["code"])) if "code" in row else ("name", folded(row["name"])))
    for key in keys:
        if first := lines.get(key):
            result.add_error(
                row,
                "code" if "code" in row else "name",
                f"Row {first} is the same one. Keep one of them.",
            )
            return True
    lines.update(dict.fromkeys(keys, row.line))
    return False


def batch_column():
    """The column by which enrollments and attendance name their batch."""
    return ReferenceColumn(
        "batch", "batch code", "batch name", "batch id", "batch_id:id", "class", "section", "group"
    )


def all_batches():
    """Every batch with its course, by code or name."""
    return NamedRows(Batch.objects.select_related("course"))


def batch_of(row, batches, result):
    """The batch that the row names; None when there is none, which is then said."""
    try:
        return batches.named(row["batch"])
    except ValidationError as error:
        result.add_error(row, "batch", error)
        return None
