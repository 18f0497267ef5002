"""Threads on a real database, like the workers of the server.

`make soak` lets each writer record fifty payments (RACE_PAYMENTS) instead of three.
"""

import datetime
import os
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, Enrollment, Institute
from academics.services.batches import save_batch
from academics.services.institute import save_institute
from academics.tests.factories import BatchFactory
from accounts.roles import ADMIN
from accounts.tests.factories import StudentFactory, UserFactory
from finance import checks
from finance.models import Account, ChequeClearing, DayTotal, Payment, Reversal
from finance.services.batch_completions import complete_batch
from finance.services.cancellations import bounce_cheque, cancel_receipt
from finance.services.cheques import clear_cheques
from finance.services.day_closes import close_day
from finance.services.enrollments import drop
from finance.services.payments import ExceedsDues, ReceivedMoney, record_payment
from finance.services.transfers import transfer

from .factories import enrolled, paid

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
ADD = reverse("finance:payment-create")
EACH = int(os.environ.get("RACE_PAYMENTS", 3))


def at_once(*acts):
    """Start all functions together; return their results or the errors they raised."""
    start = threading.Barrier(len(acts))

    def run(act):
        try:
            start.wait()
            return act()
        except ValidationError as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def refused(results):
    return [result for result in results if isinstance(result, ValidationError)]


@pytest.fixture
def owner():
    return UserFactory(role=ADMIN)


def test_form_posted_fifty_times_at_once_gives_one_receipt(owner):
    student = enrolled(fee="12000.00").student
    client = Client()
    client.force_login(owner)
    session = client.cookies["sessionid"].value
    form = {
        "token": secrets.token_urlsafe(24),
        "amount": "5000",
        "mode": "cash",
        "paid_on": timezone.localdate().isoformat(),
    }

    def post():
        own = Client()
        own.cookies["sessionid"] = session
        return [
            own.post(f"{ADD}?student={student.pk}", form).headers.get("Location") for _ in range(5)
        ]

    answers = [answer for several in at_once(*[post] * 10) for answer in several]

    assert answers == [Payment.objects.get().get_absolute_url()] * 50
    assert not list(checks.find_problems())


def cash(amount, **fields):
    money = {"paid_on": timezone.localdate(), "token": secrets.token_urlsafe(24), **fields}
    return ReceivedMoney(amount=Decimal(amount), mode="cash", **money)


def test_token_sent_at_once_for_students_of_two_financial_years_is_used_once(owner):
    """They lock neither the same receipt series nor the same account."""
    students = [enrolled(fee="12000.00").student for _ in range(2)]
    days = [datetime.date(2026, 3, 31), datetime.date(2026, 4, 1)]
    accepted = {"confirm_duplicate": True, "enforce_limits": False}

    for _ in range(10):
        token = secrets.token_urlsafe(24)
        answers = at_once(
            *[
                lambda student=student, day=day, token=token: record_payment(
                    student=student,
                    received=cash("1.00", paid_on=day, token=token, **accepted),
                    by=owner,
                )
                for student, day in zip(students, days, strict=True)
            ]
        )

        assert len(refused(answers)) == 1
        assert "already used" in refused(answers)[0].messages[0]
    assert Payment.objects.count() == 10
    assert not list(checks.find_problems())


@pytest.mark.parametrize("every_fifth_is_invalid", [False, True])
def test_sixteen_writers_draw_consecutive_numbers(owner, every_fifth_is_invalid):
    students = [enrolled(fee="12000.00").student for _ in range(16)]

    def invalid(writer, turn):
        return every_fifth_is_invalid and (writer + turn) % 5 == 0

    def write(writer):
        done = 0
        for turn in range(EACH):
            try:
                record_payment(
                    student=students[writer],
                    received=cash("12000.01" if invalid(writer, turn) else turn + 1),
                    by=owner,
                )
                done += 1
            except ExceedsDues:
                pass
        return done

    written = sum(at_once(*[lambda writer=writer: write(writer) for writer in range(16)]))

    assert written == sum(not invalid(writer, turn) for writer in range(16) for turn in range(EACH))
    assert list(Payment.objects.order_by("number").values_list("number", flat=True)) == list(
        range(1, written + 1)
    )
    assert not list(checks.find_problems())


def test_only_one_of_ten_full_payments_is_recorded(owner):
    student = enrolled(fee="12000.00").student

    def pay():
        return record_payment(
            student=student,
            received=cash("12000.00"),
            by=owner,
        )

    results = at_once(*[pay] * 10)

    assert Payment.objects.count() == 1
    assert [type(refusal) for refusal in refused(results)] == [ExceedsDues] * 9
    assert not list(checks.find_problems())


def test_bank_reference_is_used_once(owner):
    students = [enrolled().student for _ in range(6)]
    days = [timezone.localdate(), timezone.localdate().replace(year=timezone.localdate().year - 1)]

    def pay(index):
        return paid(
            student=students[index],
            amount="10.00",
            mode="upi",
            reference="UTR1",
            paid_on=days[index % 2],
        )

    results = at_once(*[lambda index=index: pay(index) for index in range(6)])

    assert Payment.objects.count() == 1
    assert {refusal.messages[0] for refusal in refused(results)} == {
        f"This reference is already on receipt {Payment.objects.get()}. Check the number."
    }
    assert not list(checks.find_problems())


def test_twenty_cancellations_at_once_give_one_reversal(owner):
    payment = paid(student=enrolled().student, amount="100.00")

    results = at_once(
        *[lambda: cancel_receipt(payment=payment, reason="typed twice", by=owner)] * 20
    )

    assert Reversal.objects.count() == 1
    assert {refusal.messages[0] for refusal in refused(results)} == {
        f"Receipt {payment} is already cancelled."
    }
    assert len(refused(results)) == 19


def meeting(first, second):
    """Run ``second`` while the changes of ``first`` are not yet committed."""
    has_written = threading.Event()

    def slowly():
        with transaction.atomic():
            first()
            has_written.set()
            time.sleep(0.4)

    def meanwhile():
        has_written.wait()
        second()

    return at_once(slowly, meanwhile)


def cheque_of_1000(owner):
    student = enrolled(fee="12000.00").student
    today = timezone.localdate()
    return paid(student=student, amount="1000.00", mode="cheque", cheque_on=today, by=owner)


def test_cheque_cleared_at_two_desks_counts_once(owner):
    cheque, today = cheque_of_1000(owner), timezone.localdate()

    results = at_once(
        *[lambda: clear_cheques(payments=[cheque.pk], on=today, by=owner) for _ in range(6)]
    )

    assert len(refused(results)) == 5
    assert Account.objects.get().balance == Decimal("11000.00")
    assert not list(checks.find_problems())


def test_cheque_that_bounces_while_it_is_cleared_is_not_paid(owner):
    cheque, today = cheque_of_1000(owner), timezone.localdate()

    at_once(
        lambda: clear_cheques(payments=[cheque.pk], on=today, by=owner),
        lambda: bounce_cheque(payment=cheque, bounced_on=today, reason="No funds", by=owner),
        lambda: paid(student=cheque.student, amount="70.00"),
    )

    account = Account.objects.get()
    assert (account.balance, account.uncleared) == (Decimal("11930.00"), Decimal("0.00"))
    assert Reversal.objects.count() == 1
    assert not list(checks.find_problems())


def test_two_desks_that_clear_the_same_cheques_in_other_orders_do_not_block_each_other(owner):
    keys, today = [cheque_of_1000(owner).pk for _ in range(8)], timezone.localdate()

    results = at_once(
        lambda: clear_cheques(payments=keys, on=today, by=owner),
        lambda: clear_cheques(payments=keys[::-1], on=today, by=owner),
    )

    assert len(refused(results)) == 1
    assert ChequeClearing.objects.count() == 8
    assert not list(checks.find_problems())


def test_first_payment_of_an_earlier_financial_year_is_booked_after_a_simultaneous_close(owner):
    student, today = enrolled().student, timezone.localdate()
    paid(student=student, amount="5.00", by=owner)
    last_year = today - datetime.timedelta(days=366)

    meeting(
        lambda: close_day(person=owner, on=today, counted_cash=Decimal("5.00")),
        lambda: paid(student=student, amount="7.00", paid_on=last_year, by=owner),
    )

    payment = Payment.objects.get(amount=Decimal("7.00"))
    assert (payment.paid_on, payment.booked_on - today) == (last_year, datetime.timedelta(days=1))


def test_concurrent_payment_and_cancellation_keep_the_day_total_correct(owner):
    wrong = paid(student=enrolled().student, amount="7.00")
    other = enrolled().student

    meeting(
        lambda: paid(student=other, amount="5.00"),
        lambda: cancel_receipt(payment=wrong, reason="wrong student", by=owner),
    )

    assert DayTotal.objects.get().amount == Decimal("5.00")
    assert not list(checks.find_problems())


def test_concurrent_payment_and_drop_keep_the_balance_correct(owner):
    enrollment = enrolled(fee="12000.00")
    today = timezone.localdate()

    meeting(
        lambda: paid(student=enrollment.student, amount="5.00"),
        lambda: drop(
            enrollment=enrollment,
            ended_on=today,
            reason="other",
            note="left",
            by=owner,
            fee_to_keep=Decimal("100.00"),
        ),
    )

    assert Account.objects.get().balance == Decimal("95.00")
    assert not list(checks.find_problems())


def test_concurrent_payment_and_enrollment_keep_the_balance_correct(owner):
    student, batch = StudentFactory(), BatchFactory(course__total_fee=Decimal("12000.00"))
    paid(student=student, amount="1.00")

    meeting(
        lambda: paid(student=student, amount="5.00"),
        lambda: enrolled(student=student, batch=batch),
    )

    assert Account.objects.get().balance == Decimal("11994.00")
    assert not list(checks.find_problems())


def test_last_seat_is_given_once(owner):
    batch = BatchFactory(name="Tiny", capacity=3)
    enrolled(batch=batch)
    students = StudentFactory.create_batch(8)

    results = at_once(
        *[lambda student=student: enrolled(student=student, batch=batch) for student in students]
    )

    assert batch.enrollments.active().count() == 3
    assert {refusal.messages[0] for refusal in refused(results)} == {
        "Tiny is full: all 3 seats are taken."
    }
    assert not list(checks.find_problems())


def test_student_is_enrolled_once_by_two_requests(owner):
    student = StudentFactory()
    batches = BatchFactory.create_batch(4)

    results = at_once(
        *[lambda batch=batch: enrolled(student=student, batch=batch) for batch in batches]
    )

    assert Enrollment.objects.active().count() == 1
    assert len(refused(results)) == 3
    assert Account.objects.get().balance == Decimal("12000.00")
    assert not list(checks.find_problems())


def test_transfer_and_enrollment_at_once_leave_one_active_enrollment(owner):
    last_seat = BatchFactory(name="Tiny", capacity=1)
    enrollment = enrolled()
    student = enrollment.student
    today = timezone.localdate()

    results = at_once(
        lambda: transfer(enrollment=enrollment, batch=last_seat, on=today, by=owner),
        lambda: transfer(enrollment=enrollment, batch=BatchFactory(), on=today, by=owner),
        lambda: enrolled(student=student, batch=BatchFactory()),
        lambda: enrolled(batch=last_seat),
        lambda: drop(enrollment=enrollment, ended_on=today, reason="other", note="left", by=owner),
        lambda: paid(student=student, amount="100.00"),
    )

    assert Enrollment.objects.active().filter(student=student).count() <= 1
    assert last_seat.enrollments.active().count() <= 1
    assert len(refused(results)) >= 2
    assert not list(checks.find_problems())


def test_completed_batch_accepts_no_enrollment(owner):
    batch = BatchFactory()
    for _ in range(4):
        enrolled(batch=batch)
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    students = StudentFactory.create_batch(4)

    at_once(
        lambda: complete_batch(batch=batch, last_day=yesterday, by=owner),
        *[lambda student=student: enrolled(student=student, batch=batch) for student in students],
    )

    assert not batch.enrollments.active().exists()


def test_last_seat_is_given_to_one_of_two_transfers(owner):
    batch = BatchFactory(name="Tiny", capacity=1)
    one, other = enrolled(), enrolled()
    today = timezone.localdate()

    results = meeting(
        lambda: transfer(enrollment=one, batch=batch, on=today, by=owner),
        lambda: transfer(enrollment=other, batch=batch, on=today, by=owner),
    )

    assert [refusal.messages for refusal in refused(results)] == [
        ["Tiny is full: all 1 seats are taken."]
    ]
    assert batch.enrollments.active().count() == 1


def test_batch_is_not_made_smaller_than_its_students_during_an_enrollment(owner):
    batch = BatchFactory(capacity=5)
    enrolled(batch=batch)
    smaller = Batch.objects.get(pk=batch.pk)
    smaller.capacity = 1

    results = meeting(lambda: enrolled(batch=batch), lambda: save_batch(smaller, []))

    assert len(refused(results)) == 1
    assert Batch.objects.get(pk=batch.pk).capacity == 5


def test_completed_batch_accepts_no_transfer(owner):
    batch, enrollment = BatchFactory(), enrolled()
    today = timezone.localdate()
    yesterday = today - datetime.timedelta(days=1)

    results = meeting(
        lambda: complete_batch(batch=batch, last_day=yesterday, by=owner),
        lambda: transfer(enrollment=enrollment, batch=batch, on=today, by=owner),
    )

    assert len(refused(results)) == 1
    assert not batch.enrollments.active().exists()


def test_transfer_during_a_change_of_the_settings_follows_them(owner):
    institute = Institute.objects.current()
    institute.several_batches_at_once = True
    save_institute(institute)
    enrollment, batch = enrolled(), BatchFactory()
    institute.several_batches_at_once = False

    meeting(
        lambda: transfer(enrollment=enrollment, batch=batch, on=timezone.localdate(), by=owner),
        lambda: save_institute(institute),
    )

    assert Enrollment.objects.active().get().is_exclusive


def test_database_is_shared_by_threads():
    assert connection.vendor == "postgresql" or "memory" not in str(
        connection.settings_dict["NAME"]
    )
