import functools
import pickle
import tempfile

from django.core.exceptions import ValidationError

from coachmaster.core.chunks import CHUNK_SIZE
from coachmaster.core.money import grouped

from .limits import MOST_CHARACTERS
from .mapping import joined
from .results import ImportProblem


class ImportRow(dict):
    """Cleaned values by column; an empty cell has none. ``defaulted`` columns have a default."""

    __slots__ = ("defaulted", "line")

    def __init__(self, line, values=(), defaulted=()):
        super().__init__(values)
        self.line = line
        self.defaulted: tuple[str, ...] = defaulted


class RowStore:
    """Rows in a temporary file, since a million in a list take 300 MB. Yields copies."""

    def __init__(self):
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - deleted with the rows
        self._last: list[ImportRow] = []
        self._count = 0

    def append(self, row):
        self._last.append(row)
        self._count += 1
        if len(self._last) == CHUNK_SIZE:
            self._file.seek(0, 2)
            rows = [(row.line, dict(row), row.defaulted) for row in self._last]
            pickle.dump(rows, self._file, pickle.HIGHEST_PROTOCOL)
            self._last = []

    def __len__(self):
        return self._count

    def __iter__(self):
        position = 0
        for _ in range(self._count // CHUNK_SIZE):
            self._file.seek(position)
            chunk = pickle.load(self._file)  # noqa: S301 - written above
            position = self._file.tell()
            for row in chunk:
                yield ImportRow(*row)
        for row in self._last:
            yield ImportRow(row.line, row, row.defaulted)


class RowReader:
    def __init__(self, importer, mapping, corrections, result):
        self._importer, self._mapping = importer, mapping
        self._corrections, self._result = corrections, result
        self._width = len(mapping.header)
        self._unnamed = [place for place, name in enumerate(mapping.header) if not name]
        self._defaults = {
            column.name: column.clean(mapping.defaults[column.name])
            for column, _ in mapping.columns
            if column.name in mapping.defaults
        }

    def read(self, table, skip, advance):
        rows, seen = RowStore(), 0
        for line, cells in table:
            seen += 1
            if not seen % CHUNK_SIZE:
                advance(CHUNK_SIZE)
            if line in skip:
                self._result.skipped.append(line)
            elif not self._importer.is_total(
                line, functools.partial(self._mapping.text, cells=cells)
            ):
                row = self._clean(line, cells)
                if row is not None:
                    rows.append(row)
        if not seen and self._result.is_valid:
            self._add_problem(None, "", "", "The file has a header and no rows.")
        return rows

    def _add_problem(self, *values):
        self._result.problems.append(ImportProblem(*values))

    def _clean(self, line, cells):
        """Return a row, or None if it has problems."""
        before = len(self._result.problems)
        self._check_width(line, cells)
        if len(self._result.problems) > before:
            return None
        row = ImportRow(line)
        corrected = self._corrections.get(line, {})
        for column, places in self._mapping.columns:
            text = (
                corrected[column.name].strip()
                if column.name in corrected
                else joined(places, cells)
            )
            try:
                self._set_value(row, column, text)
            except ValidationError as error:
                self._add_cell_problems(line, column, text, error)
        if len(self._result.problems) > before:
            return None
        try:
            self._importer.check(row)
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                for sentence in messages:
                    self._add_problem(line, name, None, sentence)
            return None
        return row

    def _check_width(self, line, cells):
        if len(cells) < self._width:
            count = f"{len(cells)} cell{'s' if len(cells) > 1 else ''}"
            sentence = f"This row has {count}, the header has {self._width}. Add what is missing."
            self._add_problem(line, "", "", sentence)
            return
        # Spreadsheets leave empty cells at the end of a row; text beyond the header is shifted.
        for place in [*self._unnamed, *range(self._width, len(cells))]:
            if cells[place].strip():
                sentence = (
                    "This cell is in no column of the header. "
                    "Remove it, or put text with commas in quotes."
                )
                self._add_problem(line, f"cell {place + 1}", cells[place], sentence)
                return

    def _set_value(self, row, column, text):
        if len(text) > MOST_CHARACTERS:
            raise ValidationError(f"At most {grouped(MOST_CHARACTERS)} characters.")
        value = column.clean(text) if text else None
        if value not in (None, ""):
            row[column.name] = value
        elif column.name in self._defaults:
            row[column.name] = self._defaults[column.name]
            row.defaulted = (*row.defaulted, column.name)
        elif column.is_required:
            raise ValidationError(
                "Fill in this cell, or give a value for all rows.", code="required"
            )

    def _add_cell_problems(self, line, column, text, error):
        heading = self._mapping.heading(column.name)
        for cause in error.error_list:
            option = f"--default {column.name}=VALUE" if cause.code == "required" else ""
            self._add_problem(line, heading, text, cause.messages[0], column.name, option)
