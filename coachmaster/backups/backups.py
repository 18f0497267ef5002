"""Backups: what makes a file one, whichever database it is of, and how many are kept."""

import contextlib
import fcntl
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection
from django.utils import timezone

from . import postgresql, sqlite
from .exceptions import Refused, of_os

_ENGINES = {"sqlite": sqlite, "postgresql": postgresql}
#: What stands in a name for the day and the time of day, and how it is found again.
_PLACES = {"{date}": (r"%Y-%m-%d", r"\d{4}-\d\d-\d\d"), "{time}": (r"%H%M%S", r"\d{6}")}


@dataclass
class Made:
    """A backup that counts: where it is, what is broken in its books ("" is nothing), and the older ones it displaced."""

    path: Path
    broken: str
    removed: list[Path] = field(default_factory=list)


def _engine():
    return _ENGINES[connection.vendor]


def make(name, keep=None):
    """Back the database up into the file ``name``, in which ``{date}`` and ``{time}`` stand for now.

    It is written under another name, opened and checked, and takes its name only then. With ``keep``, so many of the
    newest files whose name differs in date and time only are left; none is removed when the new one's books are broken.
    Raises Refused.
    """
    if keep is not None and "{date}" not in Path(name).name:
        raise Refused(
            "To keep several, write {date} (and {time}) into the name: coachmaster-{date}.backup"
        )
    now = timezone.localtime()
    path = Path(name)
    for place, (form, _) in _PLACES.items():
        path = path.with_name(path.name.replace(place, f"{now:{form}}"))
    try:
        with _part_of(path) as part:
            broken = _engine().take(connection.settings_dict, part)
            _sync(part)
            part.replace(path)
            _sync(path.parent)
        removed = [] if broken or keep is None else _remove_all_but(keep, Path(name))
    except OSError as error:
        raise of_os(error, path) from error
    return Made(path, broken, removed)


def restore(path, *, force, say):
    """Put a backup in the place of what the database holds, or leave all as it was. ``say`` hears what is being done.

    Without ``force`` only where nobody is in the database yet. Raises Refused.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise of_os(error, path) from error
    engine = _engine()
    if not start.startswith(engine.MAGIC):
        if others := [other.NAME for other in _ENGINES.values() if start.startswith(other.MAGIC)]:
            raise Refused(
                f"{path} is of {others[0]}, and this database is {engine.NAME}. To move from one to the other, export on "
                "the one side and import on the other."
            )
        raise Refused(f"{path} is not a backup.")
    if (people := engine.people_in(connection.settings_dict)) and not force:
        raise Refused(
            f"There are {people:,} people in this database, and all that is in it would go. Back it up first; "
            "then say --force. Nothing was changed."
        )
    try:
        engine.restore(connection.settings_dict, path, say)
    except OSError as error:
        raise of_os(error, error.filename or connection.settings_dict["NAME"]) from error


@contextlib.contextmanager
def _part_of(path):
    """The empty file, for our eyes only, that becomes ``path`` when all is well; it is gone afterwards if not."""
    if path.exists() and not _is_backup(path):
        raise Refused(
            f"There is a {path} that is not a backup. It stays; give the backup another name."
        )
    part = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"Another backup to {path} is running.") from None
        try:
            file.truncate(0)
            yield part
        finally:
            part.unlink(missing_ok=True)


def _is_backup(path):
    with path.open("rb") as file:
        return file.read(16).startswith(tuple(engine.MAGIC for engine in _ENGINES.values()))


def _sync(path):
    """Return when what was written to a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_all_but(keep, name):
    """Remove backups of that pattern from the oldest on; those that went."""
    pattern = re.escape(name.name)
    for place, (_, form) in _PLACES.items():
        pattern = pattern.replace(re.escape(place), f"({form})")
    found = sorted(
        (match.groups(), path)
        for path in name.parent.iterdir()
        if (match := re.fullmatch(pattern, path.name))
    )
    for _, path in found[:-keep]:
        path.unlink()
    return [path for _, path in found[:-keep]]
