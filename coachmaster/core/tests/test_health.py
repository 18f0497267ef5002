import pytest
from django.db import OperationalError, connection

from coachmaster.core.health import known_migrations

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def migrated():
    """Add the table of migrations, if the tests run without them."""
    if "django_migrations" in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE django_migrations (app text, name text, applied text)")
        cursor.executemany(
            "INSERT INTO django_migrations VALUES (%s, %s, '2026-11-24')", list(known_migrations())
        )


def answer(response):
    return response.status_code, response.content


@pytest.fixture
def database_down():
    def refuse(execute, sql, params, many, context):
        raise OperationalError("connection to server at 10.0.0.1 failed")

    with connection.execute_wrapper(refuse):
        yield


def test_both_are_ok_without_sign_in(client):
    assert answer(client.get("/healthz")) == (200, b"ok")
    assert answer(client.get("/readyz")) == (200, b"ok")


def test_database_that_is_down_makes_it_unready_but_alive(client, database_down):
    assert answer(client.get("/healthz")) == (200, b"ok")
    assert answer(client.get("/readyz")) == (503, b"unavailable")


def test_missing_migration_makes_it_unready(client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'finance' AND name LIKE '0001%'")

    assert answer(client.get("/readyz")) == (503, b"unavailable")


def test_migration_of_the_next_version_does_not_matter(client):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) "
            "VALUES ('finance', '9999_next', '2026-11-24 10:00:00+00')"
        )

    assert answer(client.get("/readyz")) == (200, b"ok")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probe_by_address_and_http_is_answered(client, settings, path):
    settings.SECURE_SSL_REDIRECT = True

    response = client.get(path, headers={"host": "10.0.0.7:8001"})

    assert answer(response) == (200, b"ok")


def test_probe_is_only_for_reading(client):
    assert client.post("/readyz").status_code == 405
