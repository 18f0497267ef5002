"""From rows of cells to rows of the database: all of them, or none and a report of what is wrong where."""

import contextlib
import datetime
import functools
import itertools
import pickle
import tempfile
from dataclasses import dataclass, field
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, reset_queries, transaction

from coachmaster.core.dates import format_date
from coachmaster.core.money import display

from .columns import normalised
from .limits import MOST_CHARACTERS, Unreadable

ROWS_AT_ONCE = 1000
_LOCK = 0x696D706F  # any number, the same for all imports


@dataclass
class Problem:
    """Something that keeps a file out: where it is, what stands there, and what to do."""

    line: int | None
    column: str
    value: str | None
    sentence: str
    #: The name of the column in --map; "" when it belongs to no column that is known.
    field: str = ""
    #: What cures it in a shell.
    option: str = ""

    def __str__(self):
        """As a shell shows it."""
        sentence = f"{self.sentence} ({self.option})" if self.option else self.sentence
        where = ", ".join(filter(None, [f"line {self.line}" if self.line else "", self.column]))
        value = f"“{_printable(self.value)}”: " if self.value else ""
        return f"{where}: {value}{sentence}" if where else f"{value}{sentence}"


def _printable(text):
    """``text`` cut short, without what would steer a terminal."""
    text = "".join(c if c.isprintable() else " " for c in text[:80])
    return text if len(text) <= 60 else f"{text[:59]}…"


@dataclass
class Outcome:
    """What a line makes: something new, or changes ``(column, before, after)`` of something that stands."""

    line: int
    changes: list[tuple[str, str, str]]
    label: str = ""
    #: The key of what is changed (of the importer's `model`).
    key: int | None = None

    def __str__(self):
        """As a shell shows it."""
        changes = ", ".join(
            f"{name} {_printable(old)} → {_printable(new)}" for name, old, new in self.changes
        )
        return f"line {self.line}, {_printable(self.label)}: {changes}"


#: How many lines are told one by one; the others are counted.
MOST_OUTCOMES = 10_000


@dataclass
class Result:
    """What an import did, or would have done, and what kept it from it.

    ``made`` holds the keys of what was created (of the importer's `model`).
    """

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: list[int] = field(default_factory=list)
    not_used: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    made: list[int] = field(default_factory=list)
    #: Of a switch-over: what the file says and what stands, batch by batch.
    comparison: list = field(default_factory=list)
    new_ones: list[Outcome] = field(default_factory=list)
    changed_ones: list[Outcome] = field(default_factory=list)

    def create(self, row):
        """Count a line that makes something new."""
        self.created += 1
        if len(self.new_ones) < MOST_OUTCOMES:
            self.new_ones.append(Outcome(row.line, []))

    def change(self, row, changes, key):
        """Count a line that changes what stands, by its ``key``; ``changes`` as `set_changes` tells them."""
        self.changed += 1
        if len(self.changed_ones) < MOST_OUTCOMES:
            told = [
                (name, shown(before), shown(after)) for name, (before, after) in changes.items()
            ]
            self.changed_ones.append(Outcome(row.line, told, key=key))

    def count(self, row, changes, key):
        """Count a line that stands already, by its ``key``: changed, or left alone."""
        if changes:
            self.change(row, changes, key)
        else:
            self.unchanged += 1

    @property
    def is_clean(self):
        """Whether nothing was found wrong so far."""
        return not self.problems

    def refuse(self, row, column, error):
        """Note what is wrong with ``row``: a sentence, or a ValidationError with some."""
        for sentence in sentences(error):
            self.problems.append(Problem(row.line, column, None, sentence))

    def refuse_fields(self, row, error, otherwise):
        """Note a service's ValidationError: by column where it says so, else in the column ``otherwise``."""
        by_column = (
            error.message_dict if hasattr(error, "error_dict") else {otherwise: error.messages}
        )
        for column, messages in by_column.items():
            for sentence in messages:
                self.refuse(row, otherwise if column == "__all__" else column, sentence)


def shown(value):
    """A value of a record as a sentence shows it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, datetime.date):
        return format_date(value)
    if isinstance(value, Decimal):
        return display(value)
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value)) or "–"
    return str(value)


def sentences(error):
    """The sentences of a ValidationError, or the one given."""
    return error.messages if isinstance(error, ValidationError) else [error]


class Row(dict):
    """The cleaned values of one line. Empty cells are not in it: they leave what is stored as it is.

    ``filled`` names the columns whose value is a --default and not the file's.
    """

    __slots__ = ("filled", "line")

    def __init__(self, line):
        super().__init__()
        self.line = line
        self.filled: tuple[str, ...] = ()


class Rows:
    """Many rows, to be read as often as wanted, in order. Those of a long file lie in a file that nobody else sees, so that
    memory is free for what they become; each reading gives them anew, as they were added."""

    def __init__(self):
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - gone with the rows
        self._last: list[Row] = []
        self._count = 0

    def append(self, row):
        """Add a row, which must not be changed from now on."""
        self._last.append(row)
        self._count += 1
        if len(self._last) == ROWS_AT_ONCE:
            self._file.seek(0, 2)
            pickle.dump(
                [(row.line, row.filled, dict(row)) for row in self._last],
                self._file,
                pickle.HIGHEST_PROTOCOL,
            )
            self._last = []

    def __len__(self):
        return self._count

    def __iter__(self):
        at = 0
        for _ in range(self._count // ROWS_AT_ONCE):
            self._file.seek(at)
            chunk = pickle.load(self._file)  # noqa: S301 - written by ourselves
            at = self._file.tell()
            for line, filled, values in chunk:
                row = Row(line)
                row.filled = filled
                row.update(values)
                yield row
        for row in self._last:
            copy = Row(row.line)
            copy.filled = row.filled
            copy.update(row)
            yield copy


class Importer:
    """What one table is made of and how rows get into it. Subclasses know the rules; they write while all is well."""

    #: Singular and plural, for sentences.
    noun = ("row", "rows")
    columns: list = []
    #: What it makes, and the columns by which a line is told from others.
    model: type | None = None
    labels: tuple[str, ...] = ()
    #: Who brings the file in; None at a shell.
    by = None

    def prepare(self, header):
        """Look at the header of the file, where columns follow from it."""

    def sums_up(self, line, text):
        """Whether a line is none of the table's but a sum of those above; ``text(name)`` is what it says in a column."""
        return False

    def check(self, row):
        """Raise ValidationError (a dict by column) for what is wrong within the row. No database here."""

    def look_up(self, rows, result):
        """Find what the ``rows`` name, where that takes long: nobody is locked out yet. Wrong rows go to ``result.refuse``."""

    def write(self, rows, result, advance):
        """Bring in the ``rows`` (`Rows`, or a list), inside the transaction.

        Wrong rows go to ``result.refuse``; all are looked at, nothing needs to be written once one is wrong. Counts go
        into ``result``. ``advance(n)`` after each n rows.
        """
        raise NotImplementedError


def in_chunks(rows, size=ROWS_AT_ONCE):
    """``rows`` in lists of at most ``size``. With DEBUG on, Django would keep every query of a long import."""
    rows = iter(rows)
    while chunk := list(itertools.islice(rows, size)):
        yield chunk
        reset_queries()


def set_changes(instance, values):
    """Set ``values`` on ``instance``; ``{name: (before, after)}`` of those that differ from what stood there."""
    changes = {
        name: (before, value)
        for name, value in values.items()
        if (before := getattr(instance, name)) != value
    }
    for name, (_, value) in changes.items():
        setattr(instance, name, value)
    return changes


class Layout:
    """Which cells of a line make up which column."""

    def __init__(self, importer, header, mapping, defaults):
        self.header = header
        self.defaults = defaults
        self.problems = []
        places = {}
        for place, name in enumerate(header):
            if not name:
                continue
            if normalised(name) in places:
                self.problems.append(
                    Problem(None, name, "", "Two columns have this name. Rename or remove one.")
                )
            places.setdefault(normalised(name), place)
        self.columns = []
        used = set()
        for column in importer.columns:
            if column.name in mapping:
                found = self._mapped(column, mapping[column.name], places)
            else:
                found = column.found_in(places)
            if found or column.name in defaults:
                self.columns.append((column, found))
                used.update(found)
            elif column.is_required and column.name not in mapping:
                self._miss(column)
        self.not_used = [name for place, name in enumerate(header) if name and place not in used]

    def _found(self):
        return f"Found: {', '.join(name for name in self.header if name)}."

    def _miss(self, column):
        self.problems.append(
            Problem(
                None,
                column.name,
                "",
                f"There is no such column. {self._found()} Say which one it is, or give a value for all lines.",
                column.name,
                f"--map {column.name}=COLUMN, --default {column.name}=VALUE",
            )
        )

    def _mapped(self, column, text, places):
        """The places of the columns that ``text`` names: a list, or parted by spaces; the longest name that fits wins."""
        if not isinstance(text, str):
            return [places[name] for name in map(normalised, text) if name in places]
        words, found = text.split(), []
        while words:
            for length in range(len(words), 0, -1):
                place = places.get(normalised(" ".join(words[:length])))
                if place is not None:
                    found.append(place)
                    words = words[length:]
                    break
            else:
                sentence = f"There is no column “{words[0]}”. {self._found()}"
                self.problems.append(Problem(None, column.name, "", sentence))
                return []
        return found

    def name(self, column_name):
        """The heading under which the file has a column."""
        for column, places in self.columns:
            if column.name == column_name and places:
                return " ".join(self.header[place] for place in places)
        return column_name

    def has(self, column_name):
        """Whether lines are read in this column, be it of the file or by a default."""
        return any(column.name == column_name for column, _ in self.columns)

    def text(self, column_name, cells):
        """What a line says in a column."""
        for column, places in self.columns:
            if column.name == column_name:
                return " ".join(
                    filter(None, (cells[place].strip() for place in places if place < len(cells)))
                )
        return ""


def _read(importer, table, layout, skip, corrections, result, advance):
    """The cleaned rows of ``table``; what is wrong with others goes into ``result``."""
    rows, width = Rows(), len(layout.header)
    defaults = {column.name: column.clean(layout.defaults[column.name]) for column, _ in layout.columns
                if column.name in layout.defaults}  # fmt: skip
    nameless = [place for place, name in enumerate(layout.header) if not name]
    seen = 0
    for line, cells in table:
        seen += 1
        if not seen % ROWS_AT_ONCE:
            advance(ROWS_AT_ONCE)
        if line in skip:
            result.skipped.append(line)
            continue
        if importer.sums_up(line, functools.partial(layout.text, cells=cells)):
            continue
        before = len(result.problems)
        if len(cells) < width:
            sentence = f"This line has {len(cells)} cell{'s' if len(cells) > 1 else ''}, the header has {width}. Add what is missing."
            result.problems.append(Problem(line, "", "", sentence))
            continue
        # Spreadsheets leave empty cells at the end of a line; text beyond the header is a shifted line.
        stray = next(
            (place for place in [*nameless, *range(width, len(cells))] if cells[place].strip()),
            None,
        )
        if stray is not None:
            sentence = "This cell stands in no column of the header. Remove it, or put text with commas in quotes."
            result.problems.append(Problem(line, f"cell {stray + 1}", cells[stray], sentence))
            continue
        row = Row(line)
        corrected = corrections.get(line, {})
        for column, places in layout.columns:
            if column.name in corrected:
                text = corrected[column.name].strip()
            elif len(places) == 1:
                text = cells[places[0]].strip()
            else:
                text = " ".join(filter(None, (cells[place].strip() for place in places)))
            try:
                if len(text) > MOST_CHARACTERS:
                    raise ValidationError(f"At most {MOST_CHARACTERS:,} characters.")
                value = column.clean(text) if text else None
                if value not in (None, ""):
                    row[column.name] = value
                elif column.name in defaults:
                    row[column.name] = defaults[column.name]
                    row.filled = (*row.filled, column.name)
                elif column.is_required:
                    raise ValidationError(
                        "Fill in this cell, or give a value for all lines.", code="required"
                    )
            except ValidationError as error:
                for one in error.error_list:
                    option = f"--default {column.name}=VALUE" if one.code == "required" else ""
                    problem = Problem(
                        line, layout.name(column.name), text, one.messages[0], column.name, option
                    )
                    result.problems.append(problem)
        if len(result.problems) > before:
            continue
        try:
            importer.check(row)
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                for sentence in messages:
                    result.problems.append(Problem(line, name, None, sentence))
        else:
            rows.append(row)
    if not seen and result.is_clean:
        result.problems.append(Problem(None, "", "", "The file has a header and no rows."))
    return rows


@contextlib.contextmanager
def _transaction():
    """All or nothing, one import at a time, and everybody else may go on reading."""
    if connection.vendor == "sqlite":
        # The transaction locks writers out by itself. Pages that spill to the file would lock out readers too, long
        # before the commit does for a moment.
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA cache_spill = OFF")
    try:
        with transaction.atomic(durable=True):
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL statement_timeout = 0")
                    cursor.execute("SET LOCAL lock_timeout = '60s'")
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            yield
    finally:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA cache_spill = ON")


def _tell_values(table, layout, labels, corrections, result):
    """Give each problem that was found by the rules, and each outcome, the words that the file has for it."""
    waiting = {}
    for problem in result.problems:
        if problem.value is None:
            waiting.setdefault(problem.line, []).append(problem)
    for outcome in (*result.new_ones, *result.changed_ones):
        waiting.setdefault(outcome.line, []).append(outcome)
    if not waiting:
        return
    with contextlib.suppress(Unreadable):
        for line, cells in table:
            corrected = corrections.get(line, {})
            for told in waiting.pop(line, ()):
                if isinstance(told, Outcome):
                    told.label = " · ".join(
                        filter(None, (corrected.get(n, layout.text(n, cells)) for n in labels))
                    )
                    continue
                told.field = told.column if layout.has(told.column) else ""
                told.value = corrected.get(told.column, layout.text(told.column, cells))
                told.column = layout.name(told.column)
            if not waiting:
                break
    for left in itertools.chain.from_iterable(waiting.values()):
        if isinstance(left, Problem):
            left.value = ""


def bring_in(
    importer,
    table,
    *,
    mapping=None,
    defaults=None,
    skip=(),
    corrections=None,
    dry_run=False,
    progress=None,
    written=None,
):
    """Bring the rows of ``table`` in by ``importer``: all of them, or none when the `Result` has problems.

    ``mapping`` says which columns of the file make up a column (several are joined with spaces), ``defaults`` what is
    taken where the file has nothing, ``skip`` which lines are left out, ``corrections`` what a cell should have said
    (``{line: {column: text}}``). ``progress(stage, rows, total)`` is called on the way, ``written(result)`` inside the
    transaction once all is written. A dry run does the same and takes it back. Raises ValidationError when a default is
    wrong, and OperationalError when the database stays locked.
    """
    result, corrections = Result(), corrections or {}
    importer.prepare(table.header)
    layout = Layout(importer, table.header, mapping or {}, defaults or {})
    result.not_used = layout.not_used
    result.problems += layout.problems
    try:
        total = table.count()
    except Unreadable as unreadable:
        result.problems.append(
            Problem(unreadable.line, "", "", unreadable.sentence, option=unreadable.option)
        )
    if not result.is_clean:
        return result

    def advance(stage):
        return lambda count: progress and progress(stage, count, total)

    rows, labels = Rows(), importer.labels or [column.name for column in importer.columns[:1]]
    try:
        rows = _read(importer, table, layout, set(skip), corrections, result, advance("Checking"))
    except Unreadable as unreadable:
        result.problems.append(
            Problem(unreadable.line, "", "", unreadable.sentence, option=unreadable.option)
        )
    if missing := sorted(set(skip) - set(result.skipped)):
        result.notes.append(f"Nothing to skip on line {', '.join(map(str, missing))}.")
    if rows or (result.is_clean and written):
        try:
            if rows:
                importer.look_up(rows, result)
            with _transaction():
                if rows:
                    importer.write(rows, result, advance("Writing"))
                if written and result.is_clean and not dry_run:
                    _tell_values(table, layout, labels, corrections, result)
                    written(result)
                transaction.set_rollback(dry_run or not result.is_clean)
        except IntegrityError:
            sentence = "Somebody else changed the same records just now. Run the import again."
            result.problems.append(Problem(None, "", "", sentence))
    _tell_values(table, layout, labels, corrections, result)
    result.problems.sort(key=lambda problem: problem.line or 0)
    return result
