import base64
import csv
import hashlib
import io
import json
from datetime import date, datetime, time
from decimal import Decimal

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.db.models.functions import Collate

from coachmaster.core.chunks import in_chunks
from coachmaster.core.exports import escape_formula

#: Not exported: sessions and attempts, and what `migrate` creates in every database.
EXCLUDED = [
    "sessions.Session",
    "accounts.ApiToken",
    "accounts.Device",
    "accounts.Attempts",
    "contenttypes.ContentType",
    "auth.Permission",
]
#: Rows in a newly migrated database, replaced by an import.
CREATED_BY_MIGRATE = [
    "auth.Group_permissions",
    "auth.Group",
    "accounts.HistoricalSignInRules",
    "accounts.SignInRules",
    "academics.HistoricalInstitute",
    "academics.Institute",
]

_ROWS_A_CHUNK = 2000
_LONGEST_CELL = 100_000_000
_NULL = r"\N"


class TableFile:
    r"""A table and its CSV file: all columns by their database names, ordered by primary key.

    In text columns, `\N` is NULL, and a `'` is put before text that looks like NULL or a formula.
    Amounts are in rupees, timestamps in UTC. Permissions and content types are written by name,
    since their ids differ between databases.
    """

    def __init__(self, model):
        self.model = model
        self.name = model._meta.db_table
        self.fields = [field for field in model._meta.concrete_fields if not field.generated]
        self.columns = [field.column for field in self.fields]
        self.file = f"{self.name}.csv"

    def count(self):
        return self.model._base_manager.count()

    def write(self, file, advance):
        """Write the rows to a binary ``file``; return their number and the SHA-256."""
        rows = self._rows()
        writers = [cell_writer(field) for field in self.fields]
        buffer, digest, count = io.StringIO(newline=""), hashlib.sha256(), 0
        lines = csv.writer(buffer)
        lines.writerow(self.columns)
        for chunk in in_chunks(rows.iterator(chunk_size=_ROWS_A_CHUNK), _ROWS_A_CHUNK):
            lines.writerows(
                [[write(cell) for write, cell in zip(writers, row, strict=True)] for row in chunk]
            )
            _flush(buffer, digest, file)
            count += len(chunk)
            advance(len(chunk))
        _flush(buffer, digest, file)
        return count, digest.hexdigest()

    def _rows(self):
        key = self.model._meta.pk
        order = key.attname
        if isinstance(key, models.CharField) and connection.vendor == "postgresql":
            order = Collate(key.attname, "C")  # the order of SQLite
        names = [field.attname for field in self.fields]
        return self.model._base_manager.order_by(order).values_list(*names)

    def read(self, path, advance):
        """Insert the rows of the CSV file at ``path``. Raise ValueError if it is invalid."""
        readers = [_reader(field) for field in self.fields]
        limit = csv.field_size_limit(_LONGEST_CELL)
        try:
            with path.open(encoding="utf-8", newline="") as file, connection.cursor() as cursor:
                lines = csv.reader(file, strict=True)
                if next(lines, None) != self.columns:
                    raise ValueError(f"its columns are not {', '.join(self.columns)}")
                # psycopg sends these in one pipeline; multi-row inserts were measured: no faster.
                for chunk in in_chunks(lines, _ROWS_A_CHUNK):
                    cursor.executemany(
                        self._insert(),
                        [
                            [read(cell) for read, cell in zip(readers, line, strict=True)]
                            for line in chunk
                        ],
                    )
                    advance(len(chunk))
        finally:
            csv.field_size_limit(limit)

    def _insert(self):
        names, values = '", "'.join(self.columns), ", ".join(["%s"] * len(self.columns))
        return f'INSERT INTO "{self.name}" ("{names}") VALUES ({values})'


def _flush(buffer, digest, file):
    content = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    digest.update(content)
    file.write(content)


def all_tables():
    return [
        TableFile(model)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and model._meta.label not in EXCLUDED
    ]


def _is_text(field):
    return isinstance(field, models.CharField | models.TextField)


def cell_writer(field):
    if field.is_relation:
        if field.related_model in (ContentType, Permission):
            names = {pk: name for name, pk in _ids_by_name(field.related_model).items()}
            return lambda value: "" if value is None else names[value]
        return cell_writer(field.target_field)
    if _is_text(field):
        return _text_cell
    if isinstance(field, models.JSONField):
        return lambda value: json.dumps(value, ensure_ascii=False, sort_keys=True)
    return _cell


def _text_cell(value):
    if value is None:
        return _NULL
    return f"'{value}" if value[:1] in ("'", "\\") else escape_formula(value)


def _cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    raise TypeError(f"{value!r} cannot be exported")


def _reader(field):
    """Return the function that turns a cell into the database value of ``field``."""
    if field.is_relation:
        if field.related_model in (ContentType, Permission):
            ids = _ids_by_name(field.related_model)
            return lambda cell: ids[cell] if cell else None
        return _reader(field.target_field)
    if _is_text(field):
        return lambda cell: None if cell == _NULL else cell.removeprefix("'")
    if isinstance(field, models.JSONField):
        return lambda cell: field.get_db_prep_save(json.loads(cell), connection)
    if isinstance(field, models.BooleanField):
        return lambda cell: field.get_db_prep_save(
            {"true": True, "false": False, "": None}[cell], connection
        )
    return lambda cell: field.get_db_prep_save(field.to_python(cell), connection) if cell else None


def _ids_by_name(model):
    if model is ContentType:
        found = ContentType.objects.values_list("app_label", "model", "pk")
    else:
        found = Permission.objects.values_list("content_type__app_label", "codename", "pk")
    return {f"{app}.{name}": pk for app, name, pk in found}
