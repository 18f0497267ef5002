"""Backups of a PostgreSQL database: archives of `pg_dump` in its custom format, checked against the rows they are of.

The password goes to its programs by the environment, never on a command line.
"""

import contextlib
import os
import shutil
import subprocess

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from .databases import bring_up_to_date, broken_books_here, url_of
from .exceptions import Refused

MAGIC = b"PGDMP"
NAME = "PostgreSQL"
#: Where a backup is unpacked and proved before it takes the place of `public`.
STAGED, FORMER = "coachmaster_restored", "coachmaster_former"

_VARIABLES = {
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "host": "PGHOST",
    "port": "PGPORT",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}


def take(database, part):
    """Write an archive of what the database holds now into the file ``part``, while others read and write.

    The rows are counted, and the books proved, in the very moment that the archive is of. Returns "" or what is broken
    in the books.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        _run(
            "pg_dump",
            "--format=custom",
            "--schema=public",
            f"--snapshot={snapshot}",
            f"--file={part}",
        )
        rows = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT COUNT(*) FROM "{table}"')
            rows[table] = cursor.fetchone()[0]
        broken = broken_books_here()
    if (found := _rows_in(part)) != rows:
        wrong = sorted(
            table for table in rows.keys() | found.keys() if rows.get(table) != found.get(table)
        )
        raise Refused(f"The archive does not hold what the database does: {', '.join(wrong)}.")
    return broken


def check(path):
    """Read an archive from end to end. Raises Refused."""
    if "django_migrations" not in _rows_in(path):
        raise Refused(f"{path} is not a backup of CoachMaster: it has none of its tables.")


def people_in(database):
    """How many people the database holds; 0 where it has no tables."""
    with connection.cursor() as cursor:
        if "accounts_user" not in connection.introspection.table_names(cursor):
            return 0
        cursor.execute("SELECT COUNT(*) FROM accounts_user")
        return cursor.fetchone()[0]


def restore(database, path, say):
    """Put what the backup at ``path`` holds in the place of what the database holds.

    It is unpacked into a schema of its own beside `public`, migrated and proved there, and takes its place by one short
    transaction.
    """
    check(path)
    _refuse_extensions()
    try:
        _stage(path)
        say("Checking it, and bringing it to this version …")
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT app, name FROM {STAGED}.django_migrations")
            applied = cursor.fetchall()
        connection.close()
        bring_up_to_date(url_of(database, options=f"-c search_path={STAGED}"), applied)
        _swap()
    except DatabaseError as error:
        raise Refused(f"The database refused: {error} Nothing was changed.") from error
    finally:
        with contextlib.suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {STAGED} CASCADE")
    _grant(database)


def _stage(path):
    """Unpack the archive into the schema STAGED: it can only be unpacked into `public`, so that one steps aside within
    the transaction, unseen by others."""
    begin = (
        f"BEGIN; DROP SCHEMA IF EXISTS {STAGED} CASCADE; "
        f"ALTER SCHEMA public RENAME TO {FORMER}; CREATE SCHEMA public;\n"
    )
    end = f"\nALTER SCHEMA public RENAME TO {STAGED}; ALTER SCHEMA {FORMER} RENAME TO public; COMMIT;\n"
    psql = subprocess.Popen(
        [
            _program("psql"),
            "--no-psqlrc",
            "--quiet",
            "--no-password",
            "--set=ON_ERROR_STOP=1",
            "--output=/dev/null",
        ],
        env=_environment(),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        with contextlib.suppress(BrokenPipeError):
            psql.stdin.write(begin.encode())
            unpack = ["--schema=public", "--no-owner", "--no-privileges", "--file=-", str(path)]
            with _reading("pg_restore", *unpack) as lines:
                shutil.copyfileobj(lines, psql.stdin, 1 << 20)
            psql.stdin.write(end.encode())
        _, said = psql.communicate()
        if psql.returncode:
            raise Refused(
                f"The backup could not be unpacked: {_first_line(said.decode())} Nothing was changed."
            )
    finally:
        psql.kill()
        psql.wait()


def _swap():
    """The one moment of a restore: the staged schema becomes `public`, and what was there goes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '60s'")
        cursor.execute("SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'public'")
        owner = cursor.fetchone()[0]
        cursor.execute(f"ALTER SCHEMA public RENAME TO {FORMER}")
        cursor.execute(f"ALTER SCHEMA {STAGED} RENAME TO public")
        cursor.execute(f"DROP SCHEMA {FORMER} CASCADE")
        with contextlib.suppress(DatabaseError), transaction.atomic():
            cursor.execute(f"ALTER SCHEMA public OWNER TO {owner}")


def _grant(database):
    """Give the application's own role, where it is not ours, its rights on the new tables."""
    application = settings.APPLICATION_ROLE
    if application and application != database["USER"]:
        _run("psql", "--no-psqlrc", "--quiet", "--no-password", f"--set=app={application}",
             f"--file={settings.BASE_DIR / 'scripts' / 'grants.sql'}", "--output=/dev/null")  # fmt: skip


def _refuse_extensions():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extname FROM pg_extension JOIN pg_namespace ON extnamespace = pg_namespace.oid "
            "WHERE nspname = 'public'"
        )
        if extensions := [name for (name,) in cursor.fetchall()]:
            raise Refused(
                f"Extensions are in the schema public ({', '.join(extensions)}) and would go with it. Restore into a new "
                "database, or move them: ALTER EXTENSION … SET SCHEMA …"
            )


def _rows_in(path):
    """``{table: rows}`` of an archive, which is read to its end. Raises Refused when it cannot be."""
    rows, table = {}, None
    try:
        with _reading(
            "pg_restore", "--schema=public", "--data-only", "--file=-", str(path)
        ) as lines:
            for line in lines:
                if table is None:
                    if line.startswith(b"COPY public."):
                        table = line.split()[1].decode().removeprefix("public.").strip('"')
                        rows[table] = 0
                elif line == b"\\.\n":
                    table = None
                else:
                    rows[table] += 1
    except Refused as refusal:
        raise Refused(
            f"{path} is damaged, or of a newer PostgreSQL than its programs here ({refusal})"
        ) from refusal
    return rows


@contextlib.contextmanager
def _reading(program, *arguments):
    """What a program of PostgreSQL prints. Raises Refused when it fails, also after the last line."""
    with subprocess.Popen(
        [_program(program), *arguments],
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process.stdout
            said = process.stderr.read().decode()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise _refusal(said)


def _run(program, *arguments):
    """Run a program of PostgreSQL on the database. Raises Refused with what it said."""
    done = subprocess.run(
        [_program(program), *arguments],
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise _refusal(done.stderr)


def _refusal(said):
    if "No space left" in said:
        return Refused("The disk is full. Free some space, or name another place.")
    return Refused(_first_line(said))


def _first_line(said):
    return next(
        (line for line in said.splitlines() if "error" in line.lower()),
        said.strip() or "It failed.",
    )


def _program(name):
    if path := shutil.which(name):
        return path
    raise Refused(
        f"{name} is not on this machine. Install PostgreSQL's programs: apt-get install postgresql-client"
    )


def _environment():
    parameters = connection.get_connection_params()
    return {
        **os.environ,
        **{
            variable: str(parameters[name])
            for name, variable in _VARIABLES.items()
            if parameters.get(name)
        },
    }
