"""Writing rows by the hundred thousand: what `bulk_create` does, at a fraction of its price a row.

The rows are cleaned by their forms or services before, and the database's constraints hold as ever. Call it inside a
transaction: keys are drawn before the rows are written.
"""

import functools
from collections.abc import Callable

from django.db import connections, models
from django.utils import timezone


def insert(instances):
    """Write new ``instances`` of one model, and give them their keys."""
    _insert(list(instances))


def insert_with_history(instances):
    """`insert`, with the first line of each row's history, by whoever sent the request when there is one."""
    instances = list(instances)
    if not instances:
        return
    cells = _insert(instances)
    history = type(instances[0]).history.model
    stamp = {
        "history_date": timezone.now(),
        "history_change_reason": None,
        "history_type": "+",
        "history_user": history.get_default_history_user(instances[0]),
    }
    for name in stamp:
        field = history._meta.get_field(name)
        (stored,) = _column(field, [history(**stamp)])
        cells[field.column] = [stored] * len(instances)
    columns = [field.column for field in history._meta.concrete_fields if field.column in cells]
    insert_cells(history, columns, zip(*[cells[column] for column in columns], strict=True))


def put(instances):
    """Write ``instances`` of one model, each in the place of the row that has its key, where there is one."""
    instances = list(instances)
    if not instances:
        return
    quoted, model = connections["default"].ops.quote_name, type(instances[0])
    cells = {field.column: _column(field, instances) for field in model._meta.concrete_fields}
    key = quoted(model._meta.pk.column)
    changes = ", ".join(f"{quoted(column)} = excluded.{quoted(column)}" for column in cells)
    _write(model, cells, zip(*cells.values(), strict=True), f" ON CONFLICT ({key}) DO UPDATE SET {changes}")


def put_selected(model, key, values, statement, *, conflict=None):
    """Write what ``statement`` (a SELECT and its parameters) says of the columns ``key`` and ``values``, each row in the place
    of the one that has its key, where there is one. ``conflict`` is the key as the table's constraint has it, where that is
    not of these columns as they are."""
    select, parameters = statement
    columns, changes = ", ".join([*key, *values]), ", ".join(f"{column} = excluded.{column}" for column in values)
    with connections["default"].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({columns}) {select} "
            f"ON CONFLICT ({conflict or ', '.join(key)}) DO UPDATE SET {changes}",
            parameters,
        )


def insert_cells(model, columns, rows, *, ignore_conflicts=False):
    """Write ``rows`` of what the database stores in ``columns`` of the table of ``model``.

    With ``ignore_conflicts``, rows that somebody else has written meanwhile are passed over.
    """
    connection = connections["default"]
    if connection.vendor == "postgresql" and not ignore_conflicts:
        table, names = _names(model, columns)
        copying = f"COPY {table} ({names}) FROM STDIN"
        with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(copying) as copy:
            for row in rows:
                copy.write_row(row)
    else:
        _write(model, columns, rows, " ON CONFLICT DO NOTHING" if ignore_conflicts else "")


def _write(model, columns, rows, otherwise):
    """Write ``rows`` by one statement, ``otherwise`` saying what becomes of those that are there."""
    connection, rows = connections["default"], list(rows)
    if not rows:
        return
    table, names = _names(model, columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            fields = {field.column: field for field in model._meta.concrete_fields}
            arrays = ", ".join(f"%s::{fields[column].rel_db_type(connection)}[]" for column in columns)
            cells = [list(column) for column in zip(*rows, strict=True)]
            cursor.execute(f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}){otherwise}", cells)
        else:
            places = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places}){otherwise}", rows)


def _names(model, columns):
    quoted = connections["default"].ops.quote_name
    return quoted(model._meta.db_table), ", ".join(map(quoted, columns))


def draw_keys(model, count):
    """The next ``count`` keys of a table that numbers its rows."""
    connection = connections["default"]
    table, column = model._meta.db_table, model._meta.pk.column
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
                [connection.ops.quote_name(table), column, count],
            )
            return [number for (number,) in cursor.fetchall()]
        # Nobody else writes during our transaction, and SQLite keeps the counter at the highest key by itself.
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        last = (cursor.fetchone() or [0])[0]
        return range(last + 1, last + 1 + count)


def _insert(instances):
    """Write them; ``{column: its cells}`` of what was written."""
    if not instances:
        return {}
    model = type(instances[0])
    nameless = [instance for instance in instances if instance.pk is None]
    if nameless and isinstance(model._meta.pk, models.AutoField):
        for instance, number in zip(nameless, draw_keys(model, len(nameless)), strict=True):
            instance.pk = number
    cells = {field.column: _column(field, instances) for field in model._meta.concrete_fields if not field.generated}
    insert_cells(model, cells, zip(*cells.values(), strict=True))
    for instance in instances:
        instance._state.adding, instance._state.db = False, "default"
    return cells


def _column(field, instances):
    """What the database stores for a field of each instance; most have few different values, which are reckoned once."""
    if type(field).pre_save is models.Field.pre_save:
        values = [instance.__dict__[field.attname] for instance in instances]
    else:
        values = [field.pre_save(instance, add=True) for instance in instances]
    if _is_number(field) and all(type(value) is int for value in values):
        return values
    if type(field).get_prep_value is models.CharField.get_prep_value and _is_plain(values):
        return values
    stored: Callable = functools.partial(field.get_db_prep_save, connection=connections["default"])
    if not isinstance(field, models.JSONField):
        stored = functools.lru_cache(maxsize=None, typed=True)(stored)
    return [stored(value) for value in values]


def _is_plain(values):
    """Whether all are texts that cleaning, whichever it be, has done with or would leave as they are."""
    if not all(type(value) is str for value in values):
        return False
    together = "".join(values)
    return together.isascii() and together.isprintable() and "  " not in together


def _is_number(field):
    while field.is_relation:
        field = field.target_field
    return isinstance(field, models.IntegerField)
