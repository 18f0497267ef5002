"""Seals: signed digests of rows that never change, kept outside of the database.

`SEAL_FILE` has a seal a line, as JSON. Each contains the signature of the one before.
"""

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from .exceptions import BackupError, from_os_error
from .sealed_tables import differences, digest_of, sealed_table, sealed_tables

#: The most rows of a table in one seal, so that each is read and compared in little memory.
_ROWS_A_SEAL = 50_000
_SHORTEST_KEY = 32


@dataclass
class SealReport:
    problems: list = field(default_factory=list)
    #: The number of seals, and the last one; None if there is none.
    seals: int = 0
    last: dict | None = None
    #: Rows that are newer than their last seal.
    unsealed: int = 0


def are_configured():
    return bool(settings.SEAL_FILE and settings.SEAL_KEY_FILE)


def moment(seal):
    return f"{timezone.localtime(datetime.fromisoformat(seal['at'])):%d %b %Y %H:%M}"


# Sealing ------------------------------------------------------------------------------------------


def seal_new_rows(*, is_new, wait):
    """Seal the rows that were committed since the last seal; return their number and the seal.

    With ``is_new``, start a file, and make the key if there is none. Raise BackupError if a
    transaction does not end within ``wait`` seconds, or if the seals before are not intact.
    """
    if not are_configured():
        raise BackupError("Set SEAL_KEY_FILE and SEAL_FILE: see .env.example.")
    path = Path(settings.SEAL_FILE)
    try:
        _check_file(path, is_new)
        if is_new:
            _make_key()
        key = _read_key()
        with _locked(path) as file:
            return _append_seals(file, path, key, wait)
    except OSError as error:
        raise from_os_error(error, error.filename or path) from error


def _check_file(path, is_new):
    # Otherwise whoever deletes the file would get a new one, with their changes, the next night.
    has_seals = path.exists() and path.stat().st_size
    if has_seals and is_new:
        raise BackupError(f"{path} has seals already. Rename it to start a new file.")
    if not has_seals and not is_new:
        raise BackupError(f"{path} has no seals. If it never had any, start it with --new.")


def _append_seals(file, path, key, wait):
    previous, after = "", {}
    for seal, problem in _read_seals(path, key):
        if problem:
            raise BackupError(f"{problem} Run manage.py verify.")
        previous = seal["hmac"]
        after.update({name: table["to"] for name, table in seal["tables"].items()})
    pending = [(table, table.last_settled_id(wait)) for table in sealed_tables()]
    count = 0
    while True:
        sealed = {
            table.name: _seal_rows(table, after.get(table.name), to)
            for table, to in pending
            if to is not None and to > after.get(table.name, 0)
        }
        seal = _signed(
            key, {"at": timezone.now().isoformat(), "previous": previous, "tables": sealed}
        )
        file.write(f"{_canonical(seal)}\n".encode())
        os.fsync(file.fileno())
        previous = seal["hmac"]
        after.update({name: table["to"] for name, table in sealed.items()})
        count += sum(table["rows"] for table in sealed.values())
        if all(table["rows"] < _ROWS_A_SEAL for table in sealed.values()):
            return count, seal


def _seal_rows(table, after, to):
    result = digest_of(islice(table.rows(after, to), _ROWS_A_SEAL))
    if result["rows"] == _ROWS_A_SEAL:
        to = result["ids"][-1][1]
    return {"columns": table.columns, "after": after, "to": to, **result}


# Checking -----------------------------------------------------------------------------------------


def check_seals(*, expected=""):
    """Compare the rows with their seals, and the seals with each other.

    ``expected`` is the signature of a seal that must be among them. Return a SealReport.
    """
    report, path, after = SealReport(), Path(settings.SEAL_FILE), {}
    try:
        for seal, problem in _read_seals(path, _read_key()):
            report.seals += 1
            if problem:
                report.problems.append(problem)
            if seal:
                report.last = seal
                expected = "" if seal["hmac"] == expected else expected
                for name, table in seal["tables"].items():
                    after[name] = table["to"]
                    report.problems += _changes(name, table, seal)
    except (OSError, BackupError) as error:
        if isinstance(error, OSError):
            error = from_os_error(error, error.filename or path)
        report.problems.append(f"The seals cannot be checked: {error}")
        return report
    if not report.seals:
        report.problems.append(f"{path} has no seals.")
    if expected:
        report.problems.append(
            f"{path} has no seal {expected}: the end of the file was cut off, or it was replaced."
        )
    report.unsealed = sum(table.count(after.get(table.name)) for table in sealed_tables())
    return report


def _changes(name, sealed, seal):
    try:
        table = sealed_table(name, sealed["columns"])
    except LookupError as error:
        yield (
            f"{name}: {error} was sealed on {moment(seal)} and is not in this version. Start a new "
            "seal file."
        )
        return
    found = digest_of(table.rows(sealed["after"], sealed["to"]))
    if found["digest"] == sealed["digest"]:
        return
    changes = list(differences(sealed, found))
    for pk, change in changes:
        yield f"{name} {pk} {change} after {moment(seal)}."
    if not changes:
        yield f"{name}: a row up to {sealed['to']} was changed after {moment(seal)}."


# Key and file -------------------------------------------------------------------------------------


def _make_key():
    with contextlib.suppress(FileExistsError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(settings.SEAL_KEY_FILE, flags, 0o600), "w") as file:
            file.write(f"{secrets.token_urlsafe(48)}\n")


def _read_key():
    path = Path(settings.SEAL_KEY_FILE)
    if path.stat().st_mode & 0o077:
        raise BackupError(f"Others can read {path}, the key of the seals: chmod 600 {path}")
    key = path.read_bytes().strip()
    if len(key) < _SHORTEST_KEY:
        raise BackupError(f"{path} must have at least {_SHORTEST_KEY} characters.")
    return key


@contextlib.contextmanager
def _locked(path):
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"Another command is writing to {path}.") from None
        yield file


def _read_seals(path, key):
    """Yield (seal, problem); the seal is None if it is not genuine."""
    previous = ""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            seal = _genuine(key, line)
            if seal is None:
                previous = None
                yield None, f"{path}, line {number} was changed, cut off or made with another key."
                continue
            problem = ""
            if seal["previous"] != previous and previous is not None:
                problem = (
                    f"{path}, line {number} does not follow the line before: seals were removed "
                    "or moved."
                )
            previous = seal["hmac"]
            yield seal, problem


def _genuine(key, line):
    try:
        seal = json.loads(line)
        signature = seal["hmac"]
    except (ValueError, KeyError, TypeError):
        return None
    is_genuine = hmac.compare_digest(_signed(key, seal)["hmac"].encode(), str(signature).encode())
    return seal if is_genuine and line.endswith(b"\n") else None


def _signed(key, seal):
    content = _canonical({name: value for name, value in seal.items() if name != "hmac"})
    return {**seal, "hmac": hmac.new(key, content.encode(), hashlib.sha256).hexdigest()}


def _canonical(seal):
    return json.dumps(seal, sort_keys=True, separators=(",", ":"))
