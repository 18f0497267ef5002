import datetime
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from finance.balances import refresh_accounts, refresh_day_totals
from finance.due_amounts import PaymentStatus
from finance.ledger import fee_status
from finance.models import Account, Charge, DayTotal, Payment
from finance.services import concessions
from finance.services.cancellations import cancel_receipt

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


def test_part_payment_leaves_the_rest_unpaid(admin):
    enrollment = enrolled(fee="12000.00")
    paid(student=enrollment.student, amount="4500.50", by=admin)

    status = fee_status(enrollment.student, timezone.localdate())

    assert (status.total_fee, status.total_paid, status.balance) == (
        Decimal("12000.00"),
        Decimal("4500.50"),
        Decimal("7499.50"),
    )
    assert status.status == PaymentStatus.OVERDUE
    assert status.overdue == Decimal("7499.50")
    assert status.is_part_paid


@pytest.mark.parametrize(
    ("due_in_days", "amount", "expected"),
    [
        (0, None, PaymentStatus.DUE),
        (5, None, PaymentStatus.UPCOMING),
        (-1, None, PaymentStatus.OVERDUE),
        (-1, "12000.00", PaymentStatus.PAID),
        (-1, "12000.01", PaymentStatus.ADVANCE),
    ],
)
def test_fee_status_has_five_values(due_in_days, amount, expected):
    today = timezone.localdate()
    enrollment = enrolled(fee="12000.00", due_on=today + due_in_days * DAY)
    if amount:
        paid(student=enrollment.student, amount=amount)

    assert fee_status(enrollment.student, today).status == expected


def test_fee_status_of_past_day_ignores_later_entries():
    today = timezone.localdate()
    enrollment = enrolled(fee="12000.00", enrolled_on=today - 10 * DAY)
    payment = paid(student=enrollment.student, amount="5000.00", paid_on=today - 5 * DAY)
    cancel_receipt(payment=payment, reason="typed twice", by=None)
    student = enrollment.student

    assert fee_status(student, today - 11 * DAY).total_fee == Decimal("0.00")
    assert fee_status(student, today - 6 * DAY).balance == Decimal("12000.00")
    assert fee_status(student, today - 1 * DAY).balance == Decimal("7000.00")
    assert fee_status(student, today).balance == Decimal("12000.00")


def test_cached_balances_and_day_totals_equal_the_rows():
    today = timezone.localdate()
    enrollment = enrolled(fee="999.99")
    paid(student=enrollment.student, amount="333.33")
    voided = paid(student=enrollment.student, amount="100.00")
    cancel_receipt(payment=voided, reason="wrong student", by=None)

    assert fee_status(enrollment.student, today).balance == Decimal("666.66")
    assert Account.objects.get().balance == Decimal("666.66")
    assert DayTotal.objects.values_list("paid_on", "mode", "amount", "receipts").get() == (
        today,
        "cash",
        Decimal("333.33"),
        1,
    )


def test_three_uneven_payments_pay_a_fee_exactly():
    enrollment = enrolled(fee="1000.00")
    for part in ("333.33", "333.33", "333.34"):
        paid(student=enrollment.student, amount=part)

    assert not Account.objects.with_dues().exists()
    assert fee_status(enrollment.student, timezone.localdate()).status == PaymentStatus.PAID


def test_database_refuses_to_change_or_delete_payments():
    payment = paid(student=enrolled().student, amount="10.00")

    for statement in ("UPDATE finance_payment SET amount = 1", "DELETE FROM finance_payment"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with pytest.raises(TypeError):
        Payment.objects.update(amount=1)
    payment.refresh_from_db()
    assert payment.amount == Decimal("10.00")


def test_receipt_numbers_are_consecutive_in_the_year_of_the_payment():
    student = enrolled().student
    numbers = [
        paid(student=student, amount="1.00", paid_on=datetime.date(*day)).receipt_number
        for day in ((2026, 4, 1), (2026, 3, 31), (2026, 6, 1))
    ]

    assert numbers == ["CM/26-27/00001", "CM/25-26/00001", "CM/26-27/00002"]


def test_each_payment_updates_the_account_like_a_recalculation(admin):
    today = timezone.localdate()
    enrollment = enrolled(
        fee="9000.00",
        installments=[(today + days * DAY, Decimal("3000.00")) for days in (-9, 0, 9)],
    )
    student = enrollment.student
    charges = Charge.objects.order_by("due_on")
    concessions.request_concession(
        student=student,
        charges=charges[1:2],
        kind="merit",
        reason="Topper",
        by=admin,
        amount=Decimal("999.99"),
    )

    def written():
        days = DayTotal.objects.order_by("pk").values_list("paid_on", "mode", "amount", "receipts")
        account = Account.objects.values_list("balance", "first_due_on").get()
        return account, [charge.open_now for charge in charges.all()], list(days)

    for amount in ("0.01", "2999.99", "2000.00", "1000.00", "2000.00", "500.00"):
        paid(student=student, amount=amount)
        before = written()
        refresh_accounts([student.pk])
        refresh_day_totals([today])
        assert written() == before
    assert before == (
        (Decimal("-499.99"), None),
        [None] * 3,
        [(today, "cash", Decimal("8500.00"), 6)],
    )


def test_payments_are_allocated_to_the_oldest_charge(admin):
    today = timezone.localdate()
    enrollment = enrolled(
        fee="9000.00",
        installments=[(today + days * DAY, Decimal("3000.00")) for days in (-9, 0, 9)],
    )
    student = enrollment.student

    def open_and_since():
        charges = Charge.objects.order_by("due_on").values_list("open_now", flat=True)
        return [*charges], Account.objects.get().first_due_on

    paid(student=student, amount="3500.00")
    assert open_and_since() == ([None, Decimal("2500.00"), Decimal("3000.00")], today)
    first = paid(student=student, amount="2500.00")
    assert open_and_since() == ([None, None, Decimal("3000.00")], today + 9 * DAY)
    cancel_receipt(payment=first, reason="typed twice", by=admin)
    assert open_and_since() == ([None, Decimal("2500.00"), Decimal("3000.00")], today)
    paid(student=student, amount="6000.00")
    assert open_and_since() == ([None] * 3, None)
