"""Create and restore backups of either database."""

import contextlib
import fcntl
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection
from django.utils import timezone

from . import postgresql, sqlite
from .exceptions import BackupError, from_os_error
from .manifests import append_manifest, check_schema, read_manifest

_ENGINES = {"sqlite": sqlite, "postgresql": postgresql}
#: Placeholders in file names: how they are written, and the pattern that finds them again.
_PLACEHOLDERS = {"{date}": (r"%Y-%m-%d", r"\d{4}-\d\d-\d\d"), "{time}": (r"%H%M%S", r"\d{6}")}


@dataclass
class BackupResult:
    path: Path
    checksum: str
    #: What `verify` found in the backup; empty if nothing.
    problems: str
    #: Older backups that were deleted.
    removed: list[Path] = field(default_factory=list)


def _engine():
    return _ENGINES[connection.vendor]


def create_backup(name, keep=None):
    """Back up the database into the file ``name``, with ``{date}`` and ``{time}`` replaced.

    The file gets its name only after it was checked. With ``keep``, delete all but the newest
    files of the same pattern, unless the new backup has problems. Raise BackupError.
    """
    if keep is not None and "{date}" not in Path(name).name:
        raise BackupError(
            "To keep several backups, put {date} (and {time}) into the file name: "
            "coachmaster-{date}.backup"
        )
    now = timezone.localtime()
    path = Path(name)
    for placeholder, (form, _) in _PLACEHOLDERS.items():
        path = path.with_name(path.name.replace(placeholder, f"{now:{form}}"))
    try:
        with _partial_file(path) as partial:
            schema, problems = _engine().write_backup(connection.settings_dict, partial)
            checksum = append_manifest(partial, schema)
            _sync(partial)
            read_manifest(partial)
            partial.replace(path)
            _sync(path.parent)
        removed = [] if problems or keep is None else _remove_older(keep, Path(name))
    except OSError as error:
        raise from_os_error(error, path) from error
    return BackupResult(path, checksum, problems, removed)


def restore_backup(path, *, force, report):
    """Replace the contents of the database by a backup, or change nothing.

    The checksum and the schema are checked before anything else. A database that has people is
    replaced only with ``force``. Raise BackupError.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise from_os_error(error, path) from error
    engine = _engine()
    if not start.startswith(engine.MAGIC):
        raise _wrong_file(path, start)
    is_older = _is_older(path)
    if (people := engine.count_people(connection.settings_dict)) and not force:
        raise BackupError(
            f"There are {people:,} people in this database, and everything in it would be deleted. "
            "Back it up first; then add --force. Nothing was changed."
        )
    if is_older:
        report("The backup is of an older version, and will be migrated.")
    try:
        engine.restore(connection.settings_dict, path, report)
    except OSError as error:
        raise from_os_error(error, error.filename or connection.settings_dict["NAME"]) from error


def _is_older(path):
    try:
        return check_schema(read_manifest(path))
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise BackupError(
            f"{path} is not a backup of CoachMaster: its manifest cannot be read. "
            "Nothing was changed."
        ) from error


def _wrong_file(path, start):
    for other in _ENGINES.values():
        if start.startswith(other.MAGIC):
            return BackupError(
                f"{path} is a backup of {other.NAME}, and this database is {_engine().NAME}. "
                "To move between them, export from one and import into the other."
            )
    return BackupError(f"{path} is not a backup.")


@contextlib.contextmanager
def _partial_file(path):
    """Yield a locked, private file beside ``path``, deleted at the end unless it was renamed."""
    if path.exists() and not _is_backup(path):
        raise BackupError(
            f"{path} exists and is not a backup. Choose another name. Nothing was changed."
        )
    partial = path.with_name(f"{path.name}.part")
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        os.fchmod(descriptor, 0o600)  # of a file left behind
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"Another backup to {path} is running.") from None
        try:
            file.truncate(0)
            yield partial
        finally:
            partial.unlink(missing_ok=True)


def _is_backup(path):
    with path.open("rb") as file:
        return file.read(16).startswith(tuple(engine.MAGIC for engine in _ENGINES.values()))


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_older(keep, name):
    pattern = re.escape(name.name)
    for placeholder, (_, form) in _PLACEHOLDERS.items():
        pattern = pattern.replace(re.escape(placeholder), f"({form})")
    found = sorted(
        (match.groups(), path)
        for path in name.parent.iterdir()
        if (match := re.fullmatch(pattern, path.name))
    )
    for _, path in found[:-keep]:
        path.unlink()
    return [path for _, path in found[:-keep]]
