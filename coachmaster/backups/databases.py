"""Our own commands run on another database than the one of this process."""

import io
import os
import pkgutil
import subprocess
import sys
from urllib.parse import quote, urlencode

from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command

from .exceptions import Refused


def url_of(database, **options):
    """The DATABASE_URL that stands for the ``settings_dict`` of a database, with these connection ``options``."""
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
    place = f"{quote(host, safe='')}{f':{port}' if port else ''}"
    return f"postgres://{user}:{password}@{place}/{name}?{urlencode(options, quote_via=quote)}"


def environment(url):
    """The environment in which a process of ours works on the database at ``url``."""
    return {
        **os.environ,
        "DATABASE_URL": url,
        "MIGRATE_DATABASE_URL": "",
        "SECRET_KEY": settings.SECRET_KEY,
        "SITE_URL": settings.SITE_URL,
        "DEBUG": "off",
    }


def run(url, *command):
    """``manage.py command`` on the database at ``url``: whether it went well, and what it said."""
    done = subprocess.run(  # noqa: S603 - our own program, with words of our own
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *command, "--no-color"],
        env=environment(url),
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, f"{done.stdout}{done.stderr}"


def broken_books(url):
    """What `verify` finds broken in the database at ``url``; "" when its books are right."""
    done, said = run(url, "verify")
    return "" if done else _findings(said)


def broken_books_here():
    """`broken_books` of our own database, within the transaction that is open."""
    said = io.StringIO()
    try:
        call_command("verify", stdout=said, no_color=True)
    except CommandError as error:
        return f"{_findings(said.getvalue())}\n{error}"
    return ""


def _findings(said):
    """Of what `verify` said, what is not as it should be."""
    return "\n".join(line for line in said.splitlines() if line and not line.startswith("ok "))


def check_version(applied):
    """Whether the tables with the ``applied`` migrations (pairs of app and name) still need `migrate`.

    Raises Refused when they are of a newer version than this program.
    """
    known = {
        (app.label, module.name)
        for app in apps.get_app_configs()
        for module in pkgutil.iter_modules([os.path.join(app.path, "migrations")])
    }
    ours = {app for app, _ in known}
    if newer := sorted(f"{app}.{name}" for app, name in set(applied) - known if app in ours):
        raise Refused(
            f"This is of a newer version of CoachMaster (it has {', '.join(newer)}). Install that version first."
        )
    return bool(known - set(applied))


def bring_up_to_date(url, applied):
    """Migrate the database at ``url``, whose migrations are ``applied``, and prove its books. Raises Refused."""
    if check_version(applied):
        done, said = run(url, "migrate", "--verbosity", "0")
        if not done:
            raise Refused(
                f"Its tables could not be brought to this version:\n{said}\nNothing was changed."
            )
    if broken := broken_books(url):
        raise Refused(f"Its books do not fit together:\n{broken}\nNothing was changed.")


def is_migrated():
    """Whether the tables of our database are those of this program."""
    try:
        call_command("migrate", check_unapplied=True, verbosity=0)
    except SystemExit:
        return False
    return True
