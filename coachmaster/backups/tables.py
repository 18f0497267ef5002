"""Every table as a CSV file, and back: what goes along, and how a row becomes a line and a line a row, exactly."""

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

from coachmaster.core.exports import harmless
from coachmaster.core.importers import in_chunks

#: What is of the moment (who is signed in, how often something was tried), and what `migrate` makes everywhere alike.
LEFT_OUT = [
    "sessions.Session",
    "accounts.ApiToken",
    "accounts.Attempts",
    "contenttypes.ContentType",
    "auth.Permission",
]
#: What stands in a database that was only migrated, and gives way to what is brought in.
MADE_BY_MIGRATE = [
    "auth.Group_permissions",
    "auth.Group",
    "academics.HistoricalInstitute",
    "academics.Institute",
]

_ROWS_AT_ONCE = 2000
_LONGEST_CELL = 100_000_000
_NULL = r"\N"


class Table:
    """A table and how its rows are written: every column by its name in the database, in order of the key.

    In a column of text `\\N` stands for no text at all, and what could be taken for it or for a formula has a `'` in front;
    in others an empty cell stands for nothing. Amounts are in rupees, moments in UTC. Permissions and the kinds of
    records, whose numbers differ from database to database, go by name.
    """

    def __init__(self, model):
        self.model = model
        self.name = model._meta.db_table
        self.fields = [field for field in model._meta.concrete_fields if not field.generated]
        self.columns = [field.column for field in self.fields]
        self.file = f"{self.name}.csv"

    def count(self):
        """The number of its rows."""
        return self.model._base_manager.count()

    def write(self, file, advance):
        """Write it as CSV into ``file`` (of bytes), without holding more than some rows. Returns rows and SHA-256."""
        key = self.model._meta.pk
        order = key.attname
        if isinstance(key, models.CharField) and connection.vendor == "postgresql":
            order = Collate(key.attname, "C")  # as SQLite and Python sort
        rows = self.model._base_manager.order_by(order).values_list(
            *[f.attname for f in self.fields]
        )
        writers = [_writer(field) for field in self.fields]
        page, digest, count = io.StringIO(newline=""), hashlib.sha256(), 0
        lines = csv.writer(page)
        lines.writerow(self.columns)

        def turn_page():
            content = page.getvalue().encode()
            page.seek(0)
            page.truncate()
            digest.update(content)
            file.write(content)

        for chunk in in_chunks(rows.iterator(chunk_size=_ROWS_AT_ONCE), _ROWS_AT_ONCE):
            lines.writerows(
                [[write(cell) for write, cell in zip(writers, row, strict=True)] for row in chunk]
            )
            turn_page()
            count += len(chunk)
            advance(len(chunk))
        turn_page()
        return count, digest.hexdigest()

    def read(self, path, advance):
        """Add the rows of the CSV file at ``path`` to the table, as they are. Raises ValueError for what is not right."""
        readers = [_reader(field) for field in self.fields]
        names, places = '", "'.join(self.columns), ", ".join(["%s"] * len(self.columns))
        insert = f'INSERT INTO "{self.name}" ("{names}") VALUES ({places})'
        limit = csv.field_size_limit(_LONGEST_CELL)
        try:
            with path.open(encoding="utf-8", newline="") as file, connection.cursor() as cursor:
                lines = csv.reader(file, strict=True)
                if next(lines, None) != self.columns:
                    raise ValueError(f"its columns are not {', '.join(self.columns)}")
                for chunk in in_chunks(lines, _ROWS_AT_ONCE):
                    cursor.executemany(
                        insert,
                        [
                            [read(cell) for read, cell in zip(readers, line, strict=True)]
                            for line in chunk
                        ],
                    )
                    advance(len(chunk))
        finally:
            csv.field_size_limit(limit)


def all_tables():
    """Every table that goes along."""
    return [Table(model) for model in apps.get_models(include_auto_created=True)
            if model._meta.managed and model._meta.label not in LEFT_OUT]  # fmt: skip


def _is_text(field):
    return isinstance(field, models.CharField | models.TextField)


def _writer(field):
    """The function that writes a value of ``field`` as a cell."""
    if field.is_relation:
        if field.related_model in (ContentType, Permission):
            names = {pk: name for name, pk in _numbers(field.related_model).items()}
            return lambda value: "" if value is None else names[value]
        return _writer(field.target_field)
    if _is_text(field):
        return _text_cell
    if isinstance(field, models.JSONField):
        return lambda value: json.dumps(value, ensure_ascii=False, sort_keys=True)
    return _cell


def _text_cell(value):
    if value is None:
        return _NULL
    return f"'{value}" if value[:1] in ("'", "\\") else harmless(value)


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
    raise TypeError(f"{value!r} has no form in a table")


def _reader(field):
    """The function that makes of a cell what the database stores for ``field``."""
    if field.is_relation:
        if field.related_model in (ContentType, Permission):
            numbers = _numbers(field.related_model)
            return lambda cell: numbers[cell] if cell else None
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


def _numbers(model):
    """``{name: key}`` of the permissions or kinds of records of our database."""
    if model is ContentType:
        found = ContentType.objects.values_list("app_label", "model", "pk")
    else:
        found = Permission.objects.values_list("content_type__app_label", "codename", "pk")
    return {f"{app}.{name}": pk for app, name, pk in found}
