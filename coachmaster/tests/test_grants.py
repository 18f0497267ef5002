"""What the role of the service may do, by scripts/grants.sql."""

import contextlib
import datetime
import subprocess

import pytest
from django.conf import settings
from django.db import ProgrammingError, connection, transaction
from django.urls import reverse

from academics.models import Holiday
from academics.services.holidays import add_holidays
from accounts.services.people import update_person
from coachmaster.backups.other_databases import database_url
from coachmaster.backups.sealed_tables import APPEND_ONLY, sealed_tables

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no roles"),
]

WRITTEN_BY_MIGRATE = ["auth_permission", "django_content_type", "django_migrations"]


@pytest.fixture
def service():
    """`with service():` queries are those of the role."""
    role = f"{connection.settings_dict['NAME']}_app"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {role}")
    script = settings.BASE_DIR / "scripts" / "grants.sql"
    command = ["psql", database_url(connection.settings_dict), "-v", f"app={role}", "-f", script]
    subprocess.run(command, check=True, capture_output=True)

    @contextlib.contextmanager
    def queries():
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {role}")
            try:
                yield
            finally:
                cursor.execute("RESET ROLE")

    yield queries
    with connection.cursor() as cursor:
        cursor.execute(f"DROP OWNED BY {role}")
        cursor.execute(f"DROP ROLE {role}")


def refused(statements):
    """Return those of the statements for which the role has no permission."""
    found = []
    for statement in statements:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
        except ProgrammingError as error:
            assert "permission denied" in str(error)
            found.append(statement)
    return found


def test_service_cannot_change_payments_histories_and_logs(service):
    tables = [table.name for table in sealed_tables()]
    assert {"accounts_historicaluser", "django_admin_log", *APPEND_ONLY} < set(tables)
    partly = {"finance_bulkaction", "finance_charge", "finance_concession"}
    statements = [
        statement
        for table in tables
        if table not in partly
        for statement in (
            f"UPDATE {table} SET {_key(table)} = {_key(table)}",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
        )
    ]

    with service():
        assert refused(statements) == statements


def _key(table):
    return "history_id" if "_historical" in table else "id"


def test_service_cannot_write_what_only_migrate_writes(service):
    statements = [
        statement
        for table in WRITTEN_BY_MIGRATE
        for statement in (
            f"INSERT INTO {table} DEFAULT VALUES",
            f"UPDATE {table} SET id = id",
            f"DELETE FROM {table}",
        )
    ]

    with service():
        assert refused(statements) == statements


def test_service_adds_to_histories(service, client_of, admin):
    client = client_of(admin)

    with service():
        add_holidays(name="Holi", first=datetime.date(2027, 3, 22))
        holiday = Holiday.objects.get()
        client.post(reverse("academics:holiday-delete", args=[holiday.pk]))
        update_person(admin, by=admin, full_name="Anita Sharma")

    assert not Holiday.objects.exists()
    assert admin.history.first().full_name == "Anita Sharma"
