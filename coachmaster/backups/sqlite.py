"""Backups of an SQLite database: a copy of the database file."""

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

from .exceptions import BackupError
from .manifests import read_schema
from .other_databases import database_url, migrate_and_verify, problems_in

MAGIC = b"SQLite format 3\0"
NAME = "SQLite"
#: Seconds to wait for other connections.
BUSY_TIMEOUT = 20

_COLUMNS = """
SELECT tables.name, columns.name
FROM sqlite_master AS tables, pragma_table_xinfo(tables.name) AS columns
WHERE tables.type = 'table'
"""


def write_backup(database, path):
    """Copy the database into the empty file ``path``.

    Return its schema, and what `verify` finds in it.
    """
    copy_database(database, path)
    check(path)
    with _open(path) as backup:
        schema = read_schema(backup.execute, _COLUMNS)
    return schema, problems_in(database_url({**database, "NAME": path}))


def copy_database(database, path):
    with _open(database["NAME"]) as source, _open(path) as copy:
        copy.execute("PRAGMA synchronous = OFF")  # the caller syncs the file
        copy.execute("PRAGMA journal_mode = OFF")
        _copy(source, copy)


def check(path):
    """Check every page and reference of a backup. Raise BackupError."""
    try:
        with _open(path) as backup:
            if (found := backup.execute("PRAGMA integrity_check(5)").fetchall()) != [("ok",)]:
                raise BackupError(f"{path} is damaged: {'; '.join(str(row[0]) for row in found)}.")
            if found := backup.execute("PRAGMA foreign_key_check").fetchmany(5):
                raise BackupError(f"{path} has rows of {found[0][0]} with missing references.")
            _applied_migrations(backup, path)
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{path} cannot be read as a database: {error}.") from error


def count_people(database):
    path = Path(database["NAME"])
    if not path.exists() or not path.stat().st_size:
        return 0
    try:
        with _open(path) as live:
            if not live.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'accounts_user'"
            ).fetchone():
                return 0
            return live.execute("SELECT COUNT(*) FROM accounts_user").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise BackupError(
            f"The present database cannot be opened ({error}). Move {path} and {path}-journal to "
            "another folder for a later examination, and run this command again."
        ) from error


def restore(database, path, report):
    """Check a copy of the backup beside the database, and copy it there in one transaction."""
    live = Path(database["NAME"])
    staged = live.with_name(f"{live.name}.restoring")
    _remove(staged)
    try:
        os.close(os.open(staged, os.O_CREAT | os.O_WRONLY, 0o600))
        with _open(path) as backup, _open(staged) as copy:
            _copy(backup, copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            applied = _applied_migrations(copy, path)
        report("Checking and migrating the backup …")
        check(staged)
        migrate_and_verify(database_url({**database, "NAME": staged}), applied)
        is_new = not live.exists()
        with _open(staged) as copy, _open(live) as target:
            target.execute("PRAGMA synchronous = FULL")
            _copy(copy, target)
        if is_new:
            live.chmod(0o600)
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{error}. Nothing was changed.") from error
    finally:
        _remove(staged)


def _copy(source, target):
    # All pages in one step: a copy in parts starts again with each write of another connection.
    deadline = time.monotonic() + BUSY_TIMEOUT

    def wait(status, remaining, total):
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise BackupError(
                "The database is in use all the time. Stop the service and try again. "
                "Nothing was changed."
            )

    source.backup(target, progress=wait)


@contextlib.contextmanager
def _open(path):
    # Not read-only: after a crash, SQLite first rolls the unfinished transaction back.
    with contextlib.closing(
        sqlite3.connect(
            f"file:{quote(str(path))}", uri=True, timeout=BUSY_TIMEOUT, isolation_level=None
        )
    ) as database:
        yield database


def _applied_migrations(database, path):
    try:
        return database.execute("SELECT app, name FROM django_migrations").fetchall()
    except sqlite3.OperationalError as error:
        raise BackupError(
            f"{path} is not a backup of CoachMaster: it has none of its tables."
        ) from error


def _remove(path):
    for leftover in (path, path.with_name(f"{path.name}-journal")):
        leftover.unlink(missing_ok=True)
