import datetime
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from academics.models import Enrollment
from academics.tests.factories import BatchFactory
from finance import checks
from finance.models import (
    Account,
    Charge,
    DayTotal,
    LateFeeRule,
    LiveReference,
    Payment,
    ReceiptPrint,
    ReceiptSeries,
    Refund,
)
from finance.services import receipt_prints
from finance.services.cancellations import cancel_receipt
from finance.services.enrollments import complete, drop
from finance.services.transfers import transfer

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db


@pytest.fixture
def books(admin):
    """Students with paid, cancelled, dropped, transferred and completed rows."""
    today = timezone.localdate()
    student = enrolled(fee="1000.00").student
    paid(student=student, amount="333.33", mode="upi", reference="U-1")
    paid(student=student, amount="700.00")
    cancel_receipt(payment=paid(student=student, amount="5.00"), reason="again", by=admin)
    drop(
        enrollment=enrolled(),
        ended_on=today,
        reason="other",
        note="left",
        by=admin,
        fee_to_keep=Decimal("10.00"),
    )
    transfer(enrollment=enrolled(), batch=BatchFactory(capacity=1), on=today, by=admin)
    complete(enrollment=enrolled(), ended_on=today, by=admin)
    return student


def test_good_books_have_no_problems(books, capsys):
    call_command("verify")

    assert "No problems found" in capsys.readouterr().out


def test_empty_books_have_no_problems():
    assert list(checks.find_problems()) == []


def lose_a_receipt():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE finance_receiptseries SET last_number = last_number + 1")


def break_a_balance():
    Account.objects.filter(balance__gt=0).update(balance=Decimal("0.01"))


def open_a_settled_charge():
    Charge.objects.filter(open_now=None).update(open_now=Decimal("0.07"))


def forget_since_when():
    Account.objects.exclude(first_due_on=None).update(first_due_on=None)


def break_a_day():
    DayTotal.objects.filter(mode="upi").update(amount=Decimal("0.01"))


def free_a_reference():
    LiveReference.objects.all().delete()


def overfill():
    batch = Enrollment.objects.active().filter(batch__capacity=1).get().batch
    from academics.tests.factories import EnrollmentFactory

    EnrollmentFactory(batch=batch, list_fee=Decimal("0.00"), agreed_fee=Decimal("0.00"))


def forget_a_charge():
    Charge.objects.filter(enrollment__status="completed").delete()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lose_a_receipt, "the counter says 4"),
        (break_a_balance, "the cached balance is ₹0.01"),
        (open_a_settled_charge, "the cached unpaid amount is ₹0.07, the payments leave ₹0.00."),
        (forget_since_when, "the cached oldest due date is None, the charges say 2026-06-01."),
        (break_a_day, "the cached total is ₹0.01 in 1 receipts, the rows say ₹333.33 in 1."),
        (free_a_reference, "does not have its reference U-1"),
        (overfill, "has 2 students on 1 seats"),
        (forget_a_charge, "₹0.00 is charged, ₹12,000.00 was agreed."),
    ],
)
def test_each_kind_of_damage_is_reported(books, damage, sentence, capsys):
    damage()

    with pytest.raises(CommandError):
        call_command("verify")
    assert sentence in capsys.readouterr().out


def test_gap_in_receipt_numbers_is_reported(admin):
    student = enrolled().student
    paid(student=student, amount="1.00")
    ReceiptSeries.objects.update(last_number=5)
    paid(student=student, amount="1.00")

    year = Payment.objects.first().series
    assert list(checks.receipt_numbers()) == [
        f"{year}: number 2 is missing before {year.number(6)}."
    ]


def test_wrong_place_of_supply_and_missing_copy_are_reported(admin):
    payment = paid(student=enrolled().student, amount="5.00")
    copied = {
        name: getattr(payment, name)
        for name in ("student", "series", "paid_on", "booked_on", "mode", "letterhead")
    }
    other = Payment.objects.create(
        **copied,
        amount=1,
        number=2,
        receipt_number="X",
        token="x",
        balance_after=0,
        place_of_supply="08",
    )
    receipt_prints.record_print(payment, by=admin)
    assert list(checks.taxes()) == [
        f"{other}: its place of supply does not match the GSTIN of its letterhead."
    ]

    ReceiptPrint.objects.create(payment=payment, copy=3)
    assert list(checks.taxes())[1:] == [f"{payment}: there are 2 prints, the last is copy 3."]


def test_receipt_number_matches_the_financial_year():
    paid(student=enrolled().student, amount="1.00", paid_on=datetime.date(2026, 3, 31))

    assert list(checks.receipt_numbers()) == []


def test_refund_above_the_payment_is_reported():
    payment = paid(student=enrolled().student, amount="5.00")
    today = timezone.localdate()
    series = ReceiptSeries.objects.create(
        kind="refund", year=payment.series.year, prefix="RV", last_number=1
    )
    refund = Refund.objects.create(
        student=payment.student,
        payment=payment,
        amount=Decimal("5.01"),
        refunded_on=today,
        booked_on=today,
        mode="cash",
        reason="left",
        series=series,
        number=1,
        voucher_number=series.number(1),
        token="once",
    )

    assert list(checks.refunds()) == [f"{refund}: ₹5.01 of {payment} was refunded, ₹5.00 was paid."]


def test_late_fee_on_tuition_of_another_student_is_reported():
    mine, other = enrolled().charges.get(), enrolled()
    rule = LateFeeRule.objects.create(name="Late", kind="fixed", amount=Decimal("1.00"))
    late = Charge.objects.create(
        student=other.student,
        kind="late_fee",
        amount=Decimal("1.00"),
        posted_on=mine.due_on,
        due_on=mine.due_on + datetime.timedelta(days=1),
        late_for=mine,
        late_rule=rule,
    )

    assert list(checks.late_fees()) == [
        f"Late fee {late.pk} and its installment belong to different students."
    ]
