import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from academics.models import Logo
from coachmaster.core.images import Picture
from finance.models import Payment
from finance.services.bulk_actions import record_bulk_action
from finance.services.cancellations import cancel_receipt
from finance.services.cheques import deposit_cheques
from finance.services.day_closes import close_day
from finance.services.receipt_prints import record_print
from finance.services.refunds import refund_payment

from .factories import cleared, enrolled, paid

pytestmark = pytest.mark.django_db
APPEND_ONLY = [
    "finance_payment",
    "finance_reversal",
    "finance_refund",
    "finance_chequedeposit",
    "finance_chequeclearing",
    "finance_dayclose",
    "finance_letterhead",
    "academics_logo",
    "finance_receiptprint",
    "finance_bulkactionrow",
]


@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_rows_of_append_only_tables_cannot_be_changed_or_deleted(statement, admin):
    student, today = enrolled(fee="1000.00").student, timezone.localdate()
    cancelled, refunded = (paid(student=student, amount="100.00", by=admin) for _ in range(2))
    cancel_receipt(payment=cancelled, reason="Wrong student", by=admin)
    refund_payment(
        payment=refunded,
        amount=10,
        refunded_on=today,
        mode="cash",
        reason="Left",
        token="t",
        by=admin,
    )
    record_print(refunded, by=admin)
    Logo.objects.store(Picture(b"png", 1, 1))
    record_bulk_action(kind="charge", description="Books", rows=[student], by=admin)
    cheque = paid(student=student, amount="100.00", mode="cheque", cheque_on=today, by=admin)
    deposit_cheques(payments=[cheque.pk], on=today, by=admin)
    cleared(cheque)
    close_day(person=admin, on=today, counted_cash=0, note="Not counted")

    for table in APPEND_ONLY:
        with (
            pytest.raises(IntegrityError, match=f"{table} is append-only"),
            connection.cursor() as cursor,
            transaction.atomic(),
        ):
            cursor.execute(statement.format(table))


@pytest.mark.skipif("connection.vendor != 'postgresql'")
@pytest.mark.parametrize("table", APPEND_ONLY)
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
