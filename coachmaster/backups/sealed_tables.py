"""The rows that never change: histories and money. `seals` signs their digests."""

import hashlib
import json
import time
from itertools import chain

from django.apps import apps
from django.db import connection
from django.db.models import Max
from simple_history.models import HistoricalChanges

from finance import triggers

from .exceptions import BackupError
from .tables import cell_writer

#: Tables whose rows are only added, besides the histories.
APPEND_ONLY = [*triggers.TABLES, "attendance_markchange"]
#: The columns that never change, in tables that have others too.
UNCHANGING_COLUMNS = {
    "finance_charge": [
        *("id", "student_id", "enrollment_id", "kind", "label", "token", "late_for_id"),
        *("late_rule_id", "amount", "posted_on", "due_on", "posted_by_id", "created_at"),
    ],
    "finance_concession": [
        *("id", "student_id", "charge_id", "amount", "kind", "reason", "token", "asked_by_id"),
        "asked_at",
    ],
    "finance_bulkaction": [
        *("id", "kind", "description", "row_count", "amount", "details", "token", "by_id", "at"),
    ],
    # Without the content type, which Django deletes with its model.
    "django_admin_log": [
        *("id", "action_time", "user_id", "object_id", "object_repr", "action_flag"),
        "change_message",
    ],
}

_ROWS_A_QUERY = 2000
_TAG_BYTES = 4


class SealedTable:
    """The rows of a table, by id, with the named columns.

    Each row is encoded like a line of an export, so it is the same on SQLite and PostgreSQL.
    """

    def __init__(self, model, columns=None):
        fields = {field.column: field for field in model._meta.concrete_fields}
        self.name = model._meta.db_table
        self.columns = sorted(columns or fields)
        self._fields = [fields[column] for column in self.columns]
        self._rows = model._base_manager.order_by("pk")

    def rows(self, after, to):
        """Yield (id, encoded row) of the ids above ``after`` (None: all) up to ``to``.

        Short queries, since a long one would keep others from writing to SQLite.
        """
        writers = [cell_writer(field) for field in self._fields]
        names = [field.attname for field in self._fields]
        rows = self._rows.filter(pk__lte=to).values_list("pk", *names)
        while page := list((rows if after is None else rows.filter(pk__gt=after))[:_ROWS_A_QUERY]):
            for pk, *cells in page:
                encoded = [write(cell) for write, cell in zip(writers, cells, strict=True)]
                yield pk, json.dumps(encoded).encode()
            after = page[-1][0]

    def count(self, after):
        return (self._rows if after is None else self._rows.filter(pk__gt=after)).count()

    def last_settled_id(self, wait):
        """Return the id up to which no row can be added any more; None without rows.

        On PostgreSQL, a row may be committed after another one with a higher id. A transaction
        locks a table before it draws an id, until its end: after the highest id was read, those
        with a lock are waited for, at most ``wait`` seconds. SQLite has one writer at a time.
        """
        last = self._rows.aggregate(last=Max("pk"))["last"]
        if connection.vendor == "postgresql":
            deadline = time.monotonic() + wait
            writing = self._transactions()
            while writing & self._transactions():
                if time.monotonic() > deadline:
                    raise BackupError(
                        f"A transaction that writes to {self.name} did not end within {wait:g} "
                        "seconds."
                    )
                time.sleep(0.1)
        return last

    def _transactions(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT virtualtransaction FROM pg_locks "
                "WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
                "AND relation = %s::regclass AND pid IS DISTINCT FROM pg_backend_pid()",
                [self.name],
            )
            return {name for (name,) in cursor.fetchall()}


def sealed_tables():
    models = {model._meta.db_table: model for model in apps.get_models()}
    histories = [name for name, model in models.items() if issubclass(model, HistoricalChanges)]
    return [
        SealedTable(models[name], UNCHANGING_COLUMNS.get(name))
        for name in sorted([*histories, *APPEND_ONLY, *UNCHANGING_COLUMNS])
    ]


def sealed_table(name, columns):
    """Return the table as an earlier version sealed it. Raise LookupError if it is gone."""
    model = {model._meta.db_table: model for model in apps.get_models()}[name]
    return SealedTable(model, columns)


def digest_of(rows):
    """Return the number, the ids as ranges, the digest, and a tag for each row.

    The digest covers everything. The tags are too short for a proof, and find the row that differs.
    """
    digest, ranges, tags = hashlib.sha256(), [], bytearray()
    for pk, encoded in rows:
        row = hashlib.sha256(encoded).digest()
        digest.update(row)
        tags += row[:_TAG_BYTES]
        if ranges and ranges[-1][1] == pk - 1:
            ranges[-1][1] = pk
        else:
            ranges.append([pk, pk])
    return {
        "rows": len(tags) // _TAG_BYTES,
        "ids": ranges,
        "digest": digest.hexdigest(),
        "tags": tags.hex(),
    }


def differences(sealed, found):
    """Yield (id, what happened) for results of `digest_of` whose digests differ."""
    then, now = _tags_by_id(sealed), _tags_by_id(found)
    for pk in sorted(then.keys() | now.keys()):
        if pk not in now:
            yield pk, "was deleted"
        elif pk not in then:
            yield pk, "was added below the last sealed id"
        elif then[pk] != now[pk]:
            yield pk, "was changed"


def _tags_by_id(result):
    ids = chain.from_iterable(range(first, last + 1) for first, last in result["ids"])
    tags, length = result["tags"], 2 * _TAG_BYTES
    return {pk: tags[place * length : (place + 1) * length] for place, pk in enumerate(ids)}
