"""Export the database to CSV files, and import them into another database."""

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
from .exceptions import BackupError, from_os_error
from .other_databases import is_migrated, problems_here
from .tables import CREATED_BY_MIGRATE, EXCLUDED, all_tables

MANIFEST, VERSION = "manifest.json", 1


def export_database(folder, progress):
    """Write every table into the new ``folder``, with a manifest; return the manifest.

    ``progress(label, total)`` returns a function that is called with a number of finished rows.
    Raise BackupError and leave no files.
    """
    folder = Path(folder)
    partial = folder.with_name(f"{folder.name}.part")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BackupError(f"{folder} exists already. Choose a new folder.")
        try:
            partial.mkdir(mode=0o700)
        except FileExistsError:
            raise BackupError(
                f"{partial} was left behind by an unfinished export. Delete it."
            ) from None
        try:
            with _snapshot(partial):
                manifest = _write_tables(partial, progress)
            (partial / MANIFEST).touch(mode=0o600)
            (partial / MANIFEST).write_text(f"{json.dumps(manifest, indent=2)}\n")
            partial.replace(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise from_os_error(error, folder) from error
    return manifest


@contextlib.contextmanager
def _snapshot(folder):
    if connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    # On SQLite a long read would block all writers, so a copy is read instead.
    copy = folder / "snapshot.sqlite3"
    live = connections["default"]
    sqlite.copy_database(live.settings_dict, copy)
    snapshot = live.copy()
    snapshot.settings_dict["NAME"] = copy
    connections["default"] = snapshot  # in this thread only
    try:
        yield
    finally:
        connections["default"] = live
        snapshot.close()
        copy.unlink()


def _write_tables(folder, progress):
    tables = all_tables()
    advance = progress("Writing", sum(table.count() for table in tables))
    written = {}
    for table in tables:
        path = folder / table.file
        path.touch(mode=0o600)
        with path.open("wb") as file:
            rows, digest = table.write(file, advance)
        written[table.name] = {"file": table.file, "rows": rows, "sha256": digest}
    return {
        "what": "CoachMaster export",
        "version": VERSION,
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "database": connection.vendor,
        "migrations": _migrations(),
        "ledger": _ledger_totals(),
        "left_out": [apps.get_model(label)._meta.db_table for label in EXCLUDED],
        "tables": written,
    }


def _migrations():
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        return sorted(f"{app}.{name}" for app, name in cursor.fetchall())


def _ledger_totals():
    return {term: plain(amount) for term, amount in institute_totals().items()}


def import_database(folder, progress):
    """Import what `export_database` wrote into this migrated, empty database, or nothing.

    Before the commit, every table is exported again and compared with its file, and the database
    is verified. Return the manifest. Raise BackupError.
    """
    folder = Path(folder)
    try:
        tables = all_tables()
        manifest, rows = _checked_manifest(folder, tables)
        with transaction.atomic(durable=True):
            _clear_initial_rows(tables)
            advance = progress("Importing", rows)
            for table in tables:
                _read_table(table, folder, advance)
            _reset_sequences(tables)
            connection.check_constraints()
            _check_imported(tables, manifest, progress("Comparing", rows))
            if problems := problems_here():
                raise BackupError(f"The export has problems:\n{problems}\nNothing was changed.")
    except OSError as error:
        raise from_os_error(error, error.filename or folder) from error
    except DatabaseError as error:
        raise BackupError(f"Database error: {error} Nothing was changed.") from error
    return manifest


def _checked_manifest(folder, tables):
    """Return the manifest, and the number of all rows."""
    try:
        manifest = _read_manifest(folder)
        _check_versions(manifest, tables)
        _check_files(folder, manifest, tables)
        rows = sum(table["rows"] for table in manifest["tables"].values())
        manifest["ledger"]  # compared after the import
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise BackupError(f"{folder / MANIFEST} is not the manifest of an export.") from error
    return manifest, rows


def _read_manifest(folder):
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text())
    except FileNotFoundError:
        raise BackupError(
            f"{folder} is not an export, or not a complete one: it has no {MANIFEST}."
        ) from None
    if manifest["what"] != "CoachMaster export":
        raise ValueError
    if manifest["version"] != VERSION:
        raise BackupError(
            f"This export has format {manifest['version']}, and this version of CoachMaster "
            f"reads format {VERSION}."
        )
    return manifest


def _check_versions(manifest, tables):
    if not is_migrated():
        raise BackupError("This database is not migrated. Run manage.py migrate first.")
    if different := set(manifest["migrations"]) ^ set(_migrations()):
        raise BackupError(
            "This export is from another version of CoachMaster "
            f"({', '.join(sorted(different))}). Bring both databases to one version with "
            "manage.py migrate, and export again."
        )
    if different := manifest["tables"].keys() ^ {table.name for table in tables}:
        raise BackupError(
            f"This export has other tables than this database: {', '.join(sorted(different))}."
        )


def _check_files(folder, manifest, tables):
    for table in tables:
        path = folder / table.file
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != manifest["tables"][table.name]["sha256"]:
            raise BackupError(
                f"{path} was changed after the export, or is damaged. Nothing was changed."
            )


def _clear_initial_rows(tables):
    full = [
        table.name
        for table in tables
        if table.model._meta.label not in CREATED_BY_MIGRATE and table.model._base_manager.exists()
    ]
    if full:
        raise BackupError(
            f"This database is not empty: there are rows in {', '.join(full[:5])}. Import into a "
            "new database (DATABASE_URL), after manage.py migrate. Nothing was changed."
        )
    with connection.cursor() as cursor:
        for label in CREATED_BY_MIGRATE:
            cursor.execute(f'DELETE FROM "{apps.get_model(label)._meta.db_table}"')


def _read_table(table, folder, advance):
    path = folder / table.file
    try:
        table.read(path, advance)
    except (ValueError, KeyError, ValidationError) as error:
        raise BackupError(f"{path} cannot be read: {error}. Nothing was changed.") from error


def _reset_sequences(tables):
    """Let PostgreSQL number new rows after the imported ones; SQLite does so by itself."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for table in tables:
            key = table.model._meta.pk
            if isinstance(key, models.AutoField):
                sequence = f"pg_get_serial_sequence('\"{table.name}\"', '{key.column}')"
                last = f'MAX("{key.column}")'
                cursor.execute(
                    f'SELECT setval({sequence}, {last}) FROM "{table.name}" '
                    f"HAVING {last} IS NOT NULL"
                )


class _NullFile:
    def write(self, content):
        pass


def _check_imported(tables, manifest, advance):
    for table in tables:
        exported = manifest["tables"][table.name]
        if table.write(_NullFile(), advance) != (exported["rows"], exported["sha256"]):
            raise BackupError(
                f"{table.name} is not the same after the import. Nothing was changed."
            )
    if (totals := _ledger_totals()) != manifest["ledger"]:
        raise BackupError(
            f"The ledger totals are {totals} after the import, and were {manifest['ledger']}. "
            "Nothing was changed."
        )
