"""The last two lines of a backup: a manifest, and the SHA-256 of everything before the last line.

SQLite and the programs of PostgreSQL read a backup as if these lines were not there. A file without
them was not written to its end.
"""

import hashlib
import json
import os
import re

from django.apps import apps
from django.db import connection
from django.utils import timezone

from .exceptions import BackupError
from .other_databases import needs_migration

_WHAT = "CoachMaster backup"
_LAST_LINE = re.compile(rb"[0-9a-f]{64}\n")
_LAST_LINE_LENGTH = 65
_LONGEST_MANIFEST = 1 << 20


def read_schema(execute, columns):
    """Return the migrations and the fingerprint of each table of a database.

    ``execute(query)`` returns rows; the query ``columns`` returns pairs of a table and a column.
    """
    applied = sorted(
        f"{app}.{name}" for app, name in execute("SELECT app, name FROM django_migrations")
    )
    tables = {}
    for table, column in execute(columns):
        tables.setdefault(table, []).append(column)
    return {
        "migrations": applied,
        "tables": {table: _fingerprint(names) for table, names in sorted(tables.items())},
    }


def _fingerprint(columns):
    return hashlib.sha256(",".join(sorted(columns)).encode()).hexdigest()[:16]


def append_manifest(path, schema):
    """Complete a backup; return its checksum."""
    manifest = {
        "what": _WHAT,
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "database": connection.vendor,
        **schema,
    }
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(f"\n{json.dumps(manifest)}\n".encode())
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.write(f"{digest}\n".encode())
    return digest


def read_manifest(path):
    """Return the manifest of a backup. Raise BackupError if a byte of the file was changed."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _LAST_LINE_LENGTH, 0))
        last_line = file.read()
        if not _LAST_LINE.fullmatch(last_line):
            raise BackupError(
                f"{path} is not complete: it does not end with its checksum. Copy it again from "
                "where it was made, or use another backup. Nothing was changed."
            )
        if _digest(file, size - _LAST_LINE_LENGTH) != last_line.decode().strip():
            raise BackupError(
                f"{path} is damaged: its checksum does not match its content. Copy it again from "
                "where it was made, or use another backup. Nothing was changed."
            )
        file.seek(max(size - _LONGEST_MANIFEST, 0))
        line = file.read().splitlines()[-2]
    return json.loads(line)


def _digest(file, size):
    """Return the SHA-256 of the first ``size`` bytes."""
    digest = hashlib.sha256()
    file.seek(0)
    while size and (block := file.read(min(size, 1 << 20))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()


def check_schema(manifest):
    """Return whether the backup must be migrated. Raise BackupError if it cannot be used."""
    if needs_migration([tuple(name.split(".", 1)) for name in manifest["migrations"]]):
        return True
    wrong = sorted(
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
        and manifest["tables"].get(model._meta.db_table)
        != _fingerprint(field.column for field in model._meta.concrete_fields)
    )
    if wrong:
        raise BackupError(
            f"The columns of {', '.join(wrong)} in this backup are not those of this version of "
            "CoachMaster, although the migrations are the same: the tables were changed by hand. "
            "Nothing was changed."
        )
    return False
