import contextlib
import sqlite3

import psycopg
import pytest
from django.db import connection

from coachmaster.backups import other_databases


@pytest.fixture
def second_database(tmp_path):
    """Settings of an empty database of the same vendor."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        yield {**settings, "NAME": tmp_path / "second_database.sqlite3"}
        return
    name = f"{settings['NAME']}_elsewhere"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield {**settings, "NAME": name}
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def everything_in(database=None):
    """Return the sorted rows of each table, by default of the test database."""
    database = database or connection.settings_dict
    if database["ENGINE"].endswith("sqlite3"):
        opened = contextlib.closing(sqlite3.connect(database["NAME"]))
        names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    else:
        opened = psycopg.connect(other_databases.database_url({**database, "OPTIONS": {}}))
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    with opened as other:
        cursor = other.cursor()
        cursor.execute(names)
        return _rows(cursor, [name for (name,) in cursor.fetchall()])


def _rows(cursor, tables):
    found = {}
    for table in tables:
        cursor.execute(f'SELECT * FROM "{table}"')
        found[table] = sorted(str(row) for row in cursor.fetchall())
    return found
