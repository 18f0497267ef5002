"""Backups of an SQLite database: a copy of one moment, as a database of its own."""

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

from .databases import bring_up_to_date, broken_books, url_of
from .exceptions import Refused

MAGIC = b"SQLite format 3\0"
NAME = "SQLite"
#: Seconds to wait for others to finish with the database.
PATIENCE = 20


def take(database, part):
    """Copy what the database holds now into the file ``part``, which is empty, while others read and write.

    Returns "" or what is broken in the books. Raises Refused.
    """
    copy_now(database, part)
    check(part)
    return broken_books(url_of({**database, "NAME": part}))


def copy_now(database, part):
    """Copy what the database holds now into the file ``part``. Raises Refused."""
    with _open(database["NAME"]) as source, _open(part) as copy:
        copy.execute(
            "PRAGMA synchronous = OFF"
        )  # the file is synced when it is done, and before it counts
        copy.execute("PRAGMA journal_mode = OFF")
        _copy(source, copy)


def check(path):
    """Open a backup and look at every page and reference of it. Raises Refused."""
    try:
        with _open(path) as backup:
            if (said := backup.execute("PRAGMA integrity_check(5)").fetchall()) != [("ok",)]:
                raise Refused(f"{path} is damaged: {'; '.join(str(line[0]) for line in said)}.")
            if strays := backup.execute("PRAGMA foreign_key_check").fetchmany(5):
                raise Refused(f"{path} has rows of {strays[0][0]} that belong to nothing.")
            _applied(backup, path)
    except sqlite3.DatabaseError as error:
        raise Refused(f"{path} cannot be read as a database: {error}.") from error


def people_in(database):
    """How many people the database holds; 0 where it has no tables, or is not there yet. Raises Refused."""
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
        raise Refused(
            f"The present database cannot be opened ({error}). Move {path} and {path}-journal to another place, to be "
            "looked at later, and run this again."
        ) from error


def restore(database, path, say):
    """Put what the backup at ``path`` holds in the place of what the database holds.

    A copy beside the database is checked, migrated and proved first. It then goes into the database by one transaction,
    which people who work just then see as any other.
    """
    live = Path(database["NAME"])
    staged = live.with_name(f"{live.name}.restoring")
    _remove(staged)
    try:
        os.close(os.open(staged, os.O_CREAT | os.O_WRONLY, 0o600))
        with _open(path) as backup, _open(staged) as copy:
            _copy(backup, copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            applied = _applied(copy, path)
        say("Checking it, and bringing it to this version …")
        check(staged)
        bring_up_to_date(url_of({**database, "NAME": staged}), applied)
        is_new = not live.exists()
        with _open(staged) as copy, _open(live) as target:
            target.execute("PRAGMA synchronous = FULL")
            _copy(copy, target)
        if is_new:
            live.chmod(0o600)
    except sqlite3.DatabaseError as error:
        raise Refused(f"{error}. Nothing was changed.") from error
    finally:
        _remove(staged)


def _copy(source, target):
    """All pages in one step: copied in parts, it would begin anew with each write of others and never end."""
    deadline = time.monotonic() + PATIENCE

    def wait(status, remaining, total):
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise Refused(
                "The database is in use all the time. Stop the service and try again. Nothing was changed."
            )

    source.backup(target, progress=wait)


@contextlib.contextmanager
def _open(path):
    # Not read-only: after a crash, reading begins with taking the unfinished transaction back.
    with contextlib.closing(
        sqlite3.connect(
            f"file:{quote(str(path))}", uri=True, timeout=PATIENCE, isolation_level=None
        )
    ) as database:
        yield database


def _applied(database, path):
    """The migrations that its tables have, as pairs of app and name. Raises Refused."""
    try:
        return database.execute("SELECT app, name FROM django_migrations").fetchall()
    except sqlite3.OperationalError as error:
        raise Refused(
            f"{path} is not a backup of CoachMaster: it has none of its tables."
        ) from error


def _remove(path):
    for leftover in (path, path.with_name(f"{path.name}-journal")):
        leftover.unlink(missing_ok=True)
