import pytest
from django.db import IntegrityError, connection, transaction

from finance.models import Payment
from finance.triggers import TABLES

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_payments_and_letterheads_cannot_be_changed_or_deleted(statement):
    paid(student=enrolled(fee="1000.00").student, amount="100.00")

    for table in ("finance_payment", "finance_letterhead"):
        with (
            pytest.raises(IntegrityError, match=f"{table} is append-only"),
            connection.cursor() as cursor,
            transaction.atomic(),
        ):
            cursor.execute(statement.format(table))


@pytest.mark.skipif("connection.vendor != 'postgresql'")
@pytest.mark.parametrize("table", TABLES)
def test_append_only_tables_cannot_be_truncated(table):
    with (
        pytest.raises(IntegrityError, match=f"{table} is append-only"),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"TRUNCATE {table} CASCADE")


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_payments_survive_truncation_of_people():
    paid(student=enrolled(fee="1000.00").student, amount="100.00")
    connection.check_constraints()  # deferred ones would refuse it too

    with (
        pytest.raises(IntegrityError, match="is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("TRUNCATE accounts_user CASCADE")

    assert Payment.objects.count() == 1
