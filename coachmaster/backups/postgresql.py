"""Backups of a PostgreSQL database: archives of `pg_dump` in its custom format.

Passwords are passed to PostgreSQL's programs in the environment, never on a command line.
"""

import contextlib
import os
import shutil
import subprocess

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from .exceptions import BackupError
from .manifests import read_schema
from .other_databases import database_url, migrate_and_verify, problems_here

MAGIC = b"PGDMP"
NAME = "PostgreSQL"
#: A backup is unpacked into a schema of its own, which then replaces `public`.
RESTORED_SCHEMA, OLD_SCHEMA = "coachmaster_restored", "coachmaster_former"

_COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'
"""
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


def write_backup(database, path):
    """Write an archive of one snapshot; return its schema, and what `verify` finds in it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        tables = connection.introspection.table_names(cursor)
        if "django_migrations" not in tables:
            raise BackupError("This database has no tables of CoachMaster.")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        _run(
            "pg_dump",
            "--format=custom",
            "--schema=public",
            f"--snapshot={snapshot}",
            f"--file={path}",
        )
        expected = {}
        for table in tables:
            cursor.execute(f'SELECT COUNT(*) FROM "{table}"')
            expected[table] = cursor.fetchone()[0]
        schema = read_schema(lambda query: cursor.execute(query) and cursor.fetchall(), _COLUMNS)
        problems = problems_here()
    found = _count_rows(path)
    if wrong := sorted({name for name, _ in expected.items() ^ found.items()}):
        raise BackupError(f"The archive is not complete: {', '.join(wrong)}.")
    return schema, problems


def count_people(database):
    with connection.cursor() as cursor:
        if "accounts_user" not in connection.introspection.table_names(cursor):
            return 0
        cursor.execute("SELECT COUNT(*) FROM accounts_user")
        return cursor.fetchone()[0]


def restore(database, path, report):
    """Unpack the backup into a schema beside `public`, check it there, and swap the schemas."""
    _check_no_extensions()
    try:
        _unpack(path)
        report("Checking and migrating the backup …")
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT app, name FROM {RESTORED_SCHEMA}.django_migrations")
            applied = cursor.fetchall()
        connection.close()
        migrate_and_verify(
            database_url(database, options=f"-c search_path={RESTORED_SCHEMA}"), applied
        )
        _swap_schemas()
    except DatabaseError as error:
        raise BackupError(f"Database error: {error} Nothing was changed.") from error
    finally:
        with contextlib.suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {RESTORED_SCHEMA} CASCADE")
    _grant_permissions(database)


def _unpack(path):
    # An archive can only be unpacked into `public`, which is renamed within the transaction.
    begin = (
        f"BEGIN; DROP SCHEMA IF EXISTS {RESTORED_SCHEMA} CASCADE; "
        f"ALTER SCHEMA public RENAME TO {OLD_SCHEMA}; CREATE SCHEMA public;\n"
    )
    end = (
        f"\nALTER SCHEMA public RENAME TO {RESTORED_SCHEMA}; "
        f"ALTER SCHEMA {OLD_SCHEMA} RENAME TO public; COMMIT;\n"
    )
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
            with _output_of("pg_restore", *unpack) as lines:
                shutil.copyfileobj(lines, psql.stdin, 1 << 20)
            psql.stdin.write(end.encode())
        _, errors = psql.communicate()
        if psql.returncode:
            raise BackupError(
                f"The backup cannot be unpacked: {_first_error(errors.decode())} "
                "Nothing was changed."
            )
    finally:
        psql.kill()
        psql.wait()


def _swap_schemas():
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '60s'")
        cursor.execute("SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'public'")
        owner = cursor.fetchone()[0]
        cursor.execute(f"ALTER SCHEMA public RENAME TO {OLD_SCHEMA}")
        cursor.execute(f"ALTER SCHEMA {RESTORED_SCHEMA} RENAME TO public")
        cursor.execute(f"DROP SCHEMA {OLD_SCHEMA} CASCADE")
        with contextlib.suppress(DatabaseError), transaction.atomic():
            cursor.execute(f"ALTER SCHEMA public OWNER TO {owner}")


def _grant_permissions(database):
    application = settings.APPLICATION_ROLE
    if application and application != database["USER"]:
        _run(
            "psql",
            "--no-psqlrc",
            "--quiet",
            "--no-password",
            f"--set=app={application}",
            f"--file={settings.BASE_DIR / 'scripts' / 'grants.sql'}",
            "--output=/dev/null",
        )


def _check_no_extensions():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extname FROM pg_extension JOIN pg_namespace ON extnamespace = pg_namespace.oid "
            "WHERE nspname = 'public'"
        )
        if extensions := [name for (name,) in cursor.fetchall()]:
            raise BackupError(
                f"The schema public has extensions ({', '.join(extensions)}), which would be "
                "deleted. Restore into a new database, or move them: ALTER EXTENSION … SET SCHEMA …"
            )


def _count_rows(path):
    """Return the number of rows of each table in an archive. Raise BackupError if damaged."""
    rows, table = {}, None
    try:
        with _output_of(
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
    except BackupError as error:
        raise BackupError(
            f"{path} is damaged, or was made by a newer PostgreSQL than the one here ({error})"
        ) from error
    return rows


@contextlib.contextmanager
def _output_of(program, *arguments):
    """Yield the output of a PostgreSQL program. Raise BackupError if it fails."""
    with subprocess.Popen(
        [_program(program), *arguments],
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process.stdout
            errors = process.stderr.read().decode()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise _error(errors)


def _run(program, *arguments):
    done = subprocess.run(
        [_program(program), *arguments],
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise _error(done.stderr)


def _error(output):
    if "No space left" in output:
        return BackupError("The disk is full. Free some space or choose another place.")
    return BackupError(_first_error(output))


def _first_error(output):
    return next(
        (line for line in output.splitlines() if "error" in line.lower()),
        output.strip() or "The command failed.",
    )


def _program(name):
    if path := shutil.which(name):
        return path
    raise BackupError(
        f"{name} is not installed. Install the PostgreSQL programs: "
        "apt-get install postgresql-client"
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
