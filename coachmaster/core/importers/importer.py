"""Importing a table: all of its rows, or none and a report."""

import contextlib
import itertools

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction

from .limits import Unreadable
from .mapping import ColumnMapping
from .results import ImportedRow, ImportProblem, ImportResult
from .rows import RowReader, RowStore

_LOCK = 0x696D706F  # any number, the same for all imports


class Importer:
    """Base of the importers."""

    #: Singular and plural, for sentences.
    noun = ("row", "rows")
    columns: list = []
    #: The model of the records, and the columns that identify a row to people.
    model: type | None = None
    label_columns: tuple[str, ...] = ()
    #: Permissions of the pages that add such records, and of those that change them.
    add_permissions: tuple[str, ...] = ()
    change_permissions: tuple[str, ...] = ()
    #: Whether the records are those of books kept before, not of work done here.
    is_of_old_books = False
    #: The user who imports; None at a shell, where nothing is forbidden.
    by = None

    @classmethod
    def is_allowed(cls, user):
        return user.has_perms(cls.add_permissions)

    @classmethod
    def may_change(cls, user):
        return user.has_perms(cls.change_permissions)

    def visible(self, records):
        """Limit a queryset to the records that the user may see."""
        return records if self.by is None else records.visible_to(self.by)

    def prepare(self, header):
        """Add columns that depend on the header of the file."""

    def is_total(self, line, text):
        """Return whether a row is a sum of others; ``text(column)`` returns its cells."""
        return False

    def check(self, row):
        """Raise ValidationError, by column, if the row is wrong in itself. Use no queries."""

    def look_up(self, rows, result):
        """Find the records that ``rows`` refer to, before other writers are locked out."""

    def created_records(self, result):
        """Return ``{model: keys}`` of all records that the import created."""
        return result.records or {self.model: result.created_ids}

    def write(self, rows, result, advance):
        """Check all rows, and write them while ``result`` is valid.

        Called in the transaction. Call ``advance(n)`` after each n rows.
        """
        raise NotImplementedError


def set_changes(instance, values):
    """Set ``values`` on ``instance``. Return ``{name: (before, after)}`` of the changed ones."""
    changes = {
        name: (before, value)
        for name, value in values.items()
        if (before := getattr(instance, name)) != value
    }
    for name, (_, value) in changes.items():
        setattr(instance, name, value)
    return changes


def import_table(
    importer,
    table,
    *,
    mapping=None,
    defaults=None,
    skip=(),
    corrections=None,
    dry_run=False,
    progress=None,
    before_commit=None,
):
    """Import all rows of ``table``, or none if the returned `ImportResult` has problems.

    ``mapping`` names the file's columns that are joined to a column, ``corrections`` gives cells
    as ``{line: {column: text}}``. ``before_commit(result)`` is called in the transaction.

    Raise ValidationError for an invalid default, OperationalError if the database stays locked,
    PermissionDenied if the user of the importer may not add such records.
    """
    result, corrections = _empty_result(importer), corrections or {}
    importer.prepare(table.header)
    columns = ColumnMapping(importer, table.header, mapping or {}, defaults or {})
    result.unused_columns = columns.unused
    result.problems += columns.problems
    if not result.is_valid:
        return result
    total = table.count()

    def advance(stage):
        return lambda count: progress and progress(stage, count, total)

    def finish():
        if before_commit and result.is_valid and not dry_run:
            _fill_in_values(importer, table, columns, corrections, result)
            before_commit(result)

    reader = RowReader(importer, columns, corrections, result)
    rows = _read(reader, table, set(skip), result, advance("Checking"))
    if rows:
        _write(importer, rows, result, advance("Writing"), dry_run, finish)
    elif before_commit and result.is_valid:
        with _transaction():
            finish()
    _fill_in_values(importer, table, columns, corrections, result)
    result.problems.sort(key=lambda problem: problem.line or 0)
    return result


def _empty_result(importer):
    if importer.by is None:
        return ImportResult()
    if not importer.is_allowed(importer.by):
        raise PermissionDenied
    is_limited = not importer.may_change(importer.by)
    return ImportResult(refuses_existing_in=_label_columns(importer)[0] if is_limited else "")


def _label_columns(importer):
    return importer.label_columns or [column.name for column in importer.columns[:1]]


def _read(reader, table, skip, result, advance):
    try:
        rows = reader.read(table, skip, advance)
    except Unreadable as error:
        problem = ImportProblem(error.line, "", "", error.sentence, option=error.option)
        result.problems.append(problem)
        rows = RowStore()
    if missing := sorted(skip - set(result.skipped)):
        result.notes.append(f"Nothing to skip in row {', '.join(map(str, missing))}.")
    return rows


def _write(importer, rows, result, advance, dry_run, finish):
    try:
        importer.look_up(rows, result)
        with _transaction():
            importer.write(rows, result, advance)
            finish()
            transaction.set_rollback(dry_run or not result.is_valid)
    except IntegrityError:
        sentence = "Somebody else changed the same records just now. Run the import again."
        result.problems.append(ImportProblem(None, "", "", sentence))


@contextlib.contextmanager
def _transaction():
    if connection.vendor == "sqlite":
        # Without this, SQLite writes a large transaction to the file early and locks out readers.
        _execute("PRAGMA cache_spill = OFF")
    try:
        with transaction.atomic(durable=True):
            if connection.vendor == "postgresql":
                _execute("SET LOCAL statement_timeout = 0")
                _execute("SET LOCAL lock_timeout = '60s'")
                _execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            yield
    finally:
        if connection.vendor == "sqlite":
            _execute("PRAGMA cache_spill = ON")


def _execute(sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def _fill_in_values(importer, table, columns, corrections, result):
    """Read the values of problems and the labels of rows from the file."""
    waiting = {}
    for problem in result.problems:
        if problem.value is None:
            waiting.setdefault(problem.line, []).append(problem)
    for imported in (*result.created_rows, *result.changed_rows):
        waiting.setdefault(imported.line, []).append(imported)
    if not waiting:
        return
    labels = _label_columns(importer)
    with contextlib.suppress(Unreadable):
        for line, cells in table:
            corrected = corrections.get(line, {})
            for item in waiting.pop(line, ()):
                if isinstance(item, ImportedRow):
                    texts = (corrected.get(name, columns.text(name, cells)) for name in labels)
                    item.label = " · ".join(filter(None, texts))
                    continue
                item.field = item.column if columns.has(item.column) else ""
                item.value = corrected.get(item.column, columns.text(item.column, cells))
                item.column = columns.heading(item.column)
            if not waiting:
                break
    for item in itertools.chain.from_iterable(waiting.values()):
        if isinstance(item, ImportProblem):
            item.value = ""
