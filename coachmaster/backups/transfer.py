"""All that an institute is, out of one database into files and into another one."""

import contextlib
import hashlib
import json
import shutil
from pathlib import Path

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, connections, models, transaction
from django.utils import timezone

from coachmaster.core.money import plain
from finance.ledger import institute_totals

from . import sqlite
from .databases import broken_books_here, is_migrated
from .exceptions import Refused, of_os
from .tables import LEFT_OUT, MADE_BY_MIGRATE, all_tables

MANIFEST, VERSION = "manifest.json", 1


def take_out(folder, progress):
    """Write every table of one moment into the new ``folder``, with a manifest. Returns the manifest.

    ``progress(words, total)`` gives a function that is told of so many rows more. Raises Refused, and leaves nothing.
    """
    folder = Path(folder)
    part = folder.with_name(f"{folder.name}.part")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise Refused(f"There is a {folder} already. Name a new folder.")
        try:
            part.mkdir(mode=0o700)
        except FileExistsError:
            raise Refused(
                f"{part} is left from an export that was broken off. Remove it."
            ) from None
        try:
            with _one_moment(part):
                manifest = _write(part, progress)
            (part / MANIFEST).write_text(f"{json.dumps(manifest, indent=2)}\n")
            part.replace(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise of_os(error, folder) from error
    return manifest


@contextlib.contextmanager
def _one_moment(part):
    """Within it, our database stays as it is now, while people go on working in it."""
    if connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    # A long read of SQLite would keep everybody else from writing: a copy is made in a moment, and read at leisure.
    copy = part / "moment.sqlite3"
    ours = connections["default"]
    sqlite.copy_now(ours.settings_dict, copy)
    moment = ours.copy()
    moment.settings_dict["NAME"] = copy
    connections["default"] = moment  # in this thread only
    try:
        yield
    finally:
        connections["default"] = ours
        moment.close()
        copy.unlink()


def _write(part, progress):
    tables = all_tables()
    advance = progress("Writing", sum(table.count() for table in tables))
    written = {}
    for table in tables:
        with (part / table.file).open("wb") as file:
            rows, digest = table.write(file, advance)
        written[table.name] = {"file": table.file, "rows": rows, "sha256": digest}
    return {
        "what": "CoachMaster export",
        "version": VERSION,
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "database": connection.vendor,
        "migrations": _migrations(),
        "ledger": _ledger(),
        "left_out": [apps.get_model(label)._meta.db_table for label in LEFT_OUT],
        "tables": written,
    }


def _migrations():
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        return sorted(f"{app}.{name}" for app, name in cursor.fetchall())


def _ledger():
    return {term: plain(amount) for term, amount in institute_totals().items()}


class _Sink:
    """A file that keeps nothing."""

    def write(self, content):
        pass


def bring_in(folder, progress):
    """Bring what `take_out` wrote into our database, which is migrated and empty: all of it, or nothing.

    Before it counts, every table is read out again and must be the same to the byte, the ledger to the paisa, and the
    books right. Returns the manifest. Raises Refused.
    """
    folder = Path(folder)
    try:
        manifest = _read_manifest(folder)
        tables = all_tables()
        _check(folder, manifest, tables)
        rows = sum(table["rows"] for table in manifest["tables"].values())
        with transaction.atomic(durable=True):
            _make_room(tables)
            advance = progress("Reading", rows)
            for table in tables:
                _read(table, folder, advance)
            _finish(tables)
            _compare(tables, manifest, progress("Comparing", rows))
            if broken := broken_books_here():
                raise Refused(
                    f"The books in it do not fit together:\n{broken}\nNothing was changed."
                )
    except OSError as error:
        raise of_os(error, error.filename or folder) from error
    except DatabaseError as error:
        raise Refused(f"The database refused: {error} Nothing was changed.") from error
    return manifest


def _read_manifest(folder):
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text())
        if manifest["what"] != "CoachMaster export":
            raise KeyError
    except FileNotFoundError:
        raise Refused(
            f"{folder} is not an export, or not a whole one: it has no {MANIFEST}."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path} is not the manifest of an export.") from error
    if manifest["version"] != VERSION:
        raise Refused(
            f"This export is of form {manifest['version']}, and this version of CoachMaster reads {VERSION}."
        )
    return manifest


def _check(folder, manifest, tables):
    """Raises Refused when the files are not those of the manifest, or their tables are not those of our database."""
    if not is_migrated():
        raise Refused(
            "This database has not the tables of this version yet. Run manage.py migrate first."
        )
    if differing := set(manifest["migrations"]) ^ set(_migrations()):
        raise Refused(
            f"This export is of another version of CoachMaster ({', '.join(sorted(differing))}). Bring both databases to one "
            "version with manage.py migrate, and export again."
        )
    if differing := manifest["tables"].keys() ^ {table.name for table in tables}:
        raise Refused(
            f"This export has other tables than this database: {', '.join(sorted(differing))}."
        )
    for table in tables:
        with (folder / table.file).open("rb") as file:
            if (
                hashlib.file_digest(file, "sha256").hexdigest()
                != manifest["tables"][table.name]["sha256"]
            ):
                raise Refused(
                    f"{folder / table.file} was changed after the export, or is damaged. Nothing was changed."
                )


def _make_room(tables):
    """Take away what `migrate` made. Raises Refused when there is anything else."""
    full = [table.name for table in tables
            if table.model._meta.label not in MADE_BY_MIGRATE and table.model._base_manager.exists()]  # fmt: skip
    if full:
        raise Refused(
            f"This database is not empty: there are rows in {', '.join(full[:5])}. Import into a new one "
            "(DATABASE_URL), after manage.py migrate. Nothing was changed."
        )
    with connection.cursor() as cursor:  # at once, without looking for what refers to each row
        for label in MADE_BY_MIGRATE:
            cursor.execute(f'DELETE FROM "{apps.get_model(label)._meta.db_table}"')


def _read(table, folder, advance):
    try:
        table.read(folder / table.file, advance)
    except (ValueError, KeyError, ValidationError) as error:
        raise Refused(
            f"{folder / table.file} cannot be read: {error}. Nothing was changed."
        ) from error


def _finish(tables):
    """Let new rows be numbered after those brought in, and hold all references to their rows."""
    if connection.vendor == "postgresql":  # SQLite does it by itself
        with connection.cursor() as cursor:
            for table in tables:
                key = table.model._meta.pk
                if isinstance(key, models.AutoField):
                    sequence, last = (
                        f"pg_get_serial_sequence('\"{table.name}\"', '{key.column}')",
                        f'MAX("{key.column}")',
                    )
                    cursor.execute(
                        f'SELECT setval({sequence}, {last}) FROM "{table.name}" HAVING {last} IS NOT NULL'
                    )
    connection.check_constraints()


def _compare(tables, manifest, advance):
    for table in tables:
        then = manifest["tables"][table.name]
        if table.write(_Sink(), advance) != (then["rows"], then["sha256"]):
            raise Refused(f"{table.name} did not come in as it was. Nothing was changed.")
    if (now := _ledger()) != manifest["ledger"]:
        raise Refused(f"The ledger is {now}, and was {manifest['ledger']}. Nothing was changed.")
