"""Run management commands on another database than the one of this process."""

import io
import os
import subprocess
import sys
from urllib.parse import quote, urlencode

from django.conf import settings
from django.core.management import CommandError, call_command

from coachmaster.core.health import known_migrations

from .exceptions import BackupError


def database_url(database, **options):
    """Return the DATABASE_URL for a ``settings_dict``, with further connection ``options``."""
    name = quote(str(database["NAME"]), safe="/")
    if database["ENGINE"].endswith("sqlite3"):
        return f"sqlite:///{name}"
    user, password = (quote(database[part] or "", safe="") for part in ("USER", "PASSWORD"))
    host, port = database["HOST"] or "", database["PORT"] or ""
    options = {
        key: value
        for key, value in {**database["OPTIONS"], **options}.items()
        if isinstance(value, str)
    }
    address = f"{quote(host, safe='')}{f':{port}' if port else ''}"
    return f"postgres://{user}:{password}@{address}/{name}?{urlencode(options, quote_via=quote)}"


def run_command(url, *command):
    """Run ``manage.py command`` on the database at ``url``; return (succeeded, output)."""
    done = subprocess.run(  # noqa: S603 - our own program and arguments
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *command, "--no-color"],
        env=environment(url),
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, f"{done.stdout}{done.stderr}"


def environment(url):
    return {
        **os.environ,
        "DATABASE_URL": url,
        "MIGRATE_DATABASE_URL": "",
        "SECRET_KEY": settings.SECRET_KEY,
        "SITE_URL": settings.SITE_URL,
        "DEBUG": "off",
    }


def problems_in(url):
    """Return what `verify` finds in the database at ``url``; empty if nothing."""
    succeeded, output = run_command(url, "verify", "--figures-only")
    return "" if succeeded else _without_passed(output)


def problems_here():
    """Return what `verify` finds in this database, within the open transaction."""
    output = io.StringIO()
    try:
        call_command("verify", figures_only=True, stdout=output, no_color=True)
    except CommandError as error:
        return f"{_without_passed(output.getvalue())}\n{error}"
    return ""


def _without_passed(output):
    return "\n".join(line for line in output.splitlines() if line and not line.startswith("ok "))


def needs_migration(applied):
    """Return whether ``applied`` lacks migrations; raise BackupError for a newer version."""
    known = known_migrations()
    labels = {app for app, _ in known}
    newer = sorted(f"{app}.{name}" for app, name in set(applied) - known if app in labels)
    if newer:
        raise BackupError(
            f"This backup was made by a newer version of CoachMaster (it has {', '.join(newer)}). "
            "Install that version first."
        )
    return bool(known - set(applied))


def migrate_and_verify(url, applied):
    if needs_migration(applied):
        succeeded, output = run_command(url, "migrate", "--verbosity", "0")
        if not succeeded:
            raise BackupError(f"The backup cannot be migrated:\n{output}\nNothing was changed.")
    if problems := problems_in(url):
        raise BackupError(f"The backup has problems:\n{problems}\nNothing was changed.")


def is_migrated():
    try:
        call_command("migrate", check_unapplied=True, verbosity=0)
    except SystemExit:
        return False
    return True
