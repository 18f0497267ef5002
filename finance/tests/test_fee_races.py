import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import connections, transaction
from django.utils import timezone

from academics.tests.factories import BatchFactory
from accounts.models import StudentProfile
from accounts.roles import ADMIN
from accounts.tests.factories import StudentFactory, UserFactory
from coachmaster.core.dates import financial_year
from coachmaster.core.exceptions import Conflict
from coachmaster.core.reminders import Channel, RecentlyReminded
from finance import checks
from finance.models import (
    Account,
    BulkAction,
    Charge,
    Concession,
    DayClose,
    DayTotal,
    FeeReminder,
    LateFeeRule,
    ReceiptSeries,
)
from finance.services import charges, concessions, late_fees, refunds
from finance.services.batch_completions import complete_batch
from finance.services.batch_enrollments import enroll_several
from finance.services.bulk_actions import undo_bulk_action
from finance.services.bulk_payments import BulkPayments
from finance.services.cancellations import cancel_receipt
from finance.services.day_closes import close_day, expected_cash
from finance.services.installments import change_installments
from finance.services.payments import ReceivedMoney, build_payment
from finance.services.reminders import record_reminders
from finance.services.transfers import transfer

from .factories import enrolled, paid, post_late_fees
from .test_races import at_once, meeting, refused

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def owner():
    return UserFactory(role=ADMIN)


def ask(student, by, amount, token=""):
    rows = list(Charge.objects.active().filter(student=student))
    return concessions.request_concession(
        student=student,
        charges=rows,
        kind="merit",
        reason="Topper",
        by=by,
        amount=Decimal(amount),
        token=token,
    )


def test_concession_form_sent_many_times_at_once_counts_once(owner):
    student = enrolled(fee="12000.00").student
    token = secrets.token_urlsafe(24)

    results = at_once(*[lambda: ask(student, owner, "1000", token)] * 8)

    assert not refused(results)
    assert Concession.objects.count() == 1
    assert Account.objects.get().balance == Decimal("11000.00")
    assert not list(checks.find_problems())


def test_concessions_and_payments_at_once_never_exceed_the_charges(owner):
    student = enrolled(fee="4000.00").student

    at_once(
        *[lambda: ask(student, owner, "1500")] * 4,
        *[lambda: paid(student=student, amount="1000.00")] * 3,
    )

    assert not list(checks.find_problems())
    taken_off = sum(Concession.objects.active().values_list("amount", flat=True))
    assert taken_off <= Decimal("4000.00")


def test_concession_is_either_approved_or_declined(owner):
    student = enrolled(fee="12000.00").student
    token = ask(student, owner, "6000")[0].token

    results = at_once(
        *[lambda: concessions.approve_concession(token=token, by=owner)] * 3,
        *[lambda: concessions.cancel_concession(token=token, reason="No", by=owner)] * 3,
    )

    assert len(refused(results)) >= 4
    assert Account.objects.get().balance in (Decimal("12000.00"), Decimal("6000.00"))
    assert not list(checks.find_problems())


def test_batch_charged_twice_at_once_is_charged_once(owner):
    batch = BatchFactory()
    students = [enrolled(batch=batch).student for _ in range(6)]
    token = secrets.token_urlsafe(24)

    def post(order):
        return charges.post_charges(
            students=students[::order],
            batch=batch,
            kind="exam",
            label="Test",
            amount=Decimal("100.00"),
            due_on=timezone.localdate(),
            token=token,
            by=owner,
        )

    results = at_once(*[lambda order=order: post(order) for order in (1, -1) * 3])

    assert sum(len(posted) for posted in results) == 6
    assert Charge.objects.filter(kind="exam").count() == 6
    assert not list(checks.find_problems())


@pytest.fixture
def five_late():
    """Five students, nine days late, and a rule of ₹20 a day after seven days."""
    for _ in range(5):
        enrolled(fee="1000.00", due_on=timezone.localdate() - timedelta(days=9))
    LateFeeRule.objects.create(name="Late fee", grace_days=7, kind="per_day", amount=Decimal("20"))


def confirm_late_fees(by, token=""):
    """Return a function that confirms the late fees of now."""
    today = timezone.localdate()
    digest = late_fees.digest_of_fees(late_fees.calculate_late_fees(today))
    token = token or secrets.token_urlsafe(24)
    return lambda: late_fees.charge_late_fees(on=today, by=by, token=token, digest=digest)


def test_late_fees_confirmed_at_two_desks_at_once_are_charged_once(owner, five_late):
    results = at_once(*[confirm_late_fees(owner) for _ in range(4)])

    assert [type(refusal) for refusal in refused(results)] == [Conflict] * 3
    assert BulkAction.objects.get().amount == Decimal("200.00")
    assert Charge.objects.filter(kind="late_fee").count() == 5
    assert not list(checks.find_problems())


def test_late_fees_form_sent_many_times_at_once_gives_one_action(owner, five_late):
    results = at_once(*[confirm_late_fees(owner, "token")] * 6)

    assert not refused(results)
    assert {action.pk for action in results} == {BulkAction.objects.get().pk}
    assert Charge.objects.filter(kind="late_fee").count() == 5


def test_bulk_action_undone_at_two_desks_at_once_is_undone_once(owner, five_late):
    action = confirm_late_fees(owner)()

    results = at_once(*[lambda: undo_bulk_action(action=action, by=owner, reason="Wrong rule")] * 4)

    assert len(refused(results)) == 3
    assert Account.objects.filter(balance=Decimal("1000.00")).count() == 5
    assert not list(checks.find_problems())


def test_undo_and_payments_at_once_leave_right_balances(owner, five_late):
    action = confirm_late_fees(owner)()
    students = list(StudentProfile.objects.all())

    results = at_once(
        lambda: undo_bulk_action(action=action, by=owner, reason="Wrong rule"),
        *[partial(paid, student=student, amount="1040.00", by=owner) for student in students],
    )

    assert not refused(results)
    assert Account.objects.filter(balance=Decimal("-40.00")).count() == 5
    assert not list(checks.find_problems())


def test_enrollments_are_undone_or_paid_but_not_both(owner):
    batch, students = BatchFactory(course__total_fee=Decimal("1000.00")), []
    students += StudentFactory.create_batch(5)
    today = timezone.localdate()
    action = enroll_several(students=students, batch=batch, enrolled_on=today, by=owner)

    undone, *payments = at_once(
        lambda: undo_bulk_action(action=action, by=owner, reason="Wrong batch"),
        *[partial(paid, student=student, amount="40.00", by=owner) for student in students[:2]],
    )

    assert not refused(payments)
    if refused([undone]):
        assert batch.enrollments.active().count() == 5
        assert Account.objects.filter(balance=Decimal("960.00")).count() >= 1
    else:
        assert not batch.enrollments.active().exists()
        assert Account.objects.filter(balance=Decimal("-40.00")).count() == 2
    assert not list(checks.find_problems())


def test_batch_is_completed_again_or_undone_once_at_two_desks(owner):
    batch = BatchFactory(course__total_fee=Decimal("1000.00"))
    for _ in range(3):
        enrolled(batch=batch)
    action = complete_batch(batch=batch, last_day=timezone.localdate(), by=owner)

    results = at_once(*[lambda: undo_bulk_action(action=action, by=owner, reason="Early")] * 3)

    assert len(refused(results)) == 2 and batch.enrollments.active().count() == 3
    assert not list(checks.find_problems())


def test_installments_changed_twice_at_once_add_up_to_the_fee(owner):
    enrollment = enrolled(fee="12000.00")
    today = timezone.localdate()

    def change(days):
        rows = [
            (today + timedelta(days=days), Decimal("5000.00")),
            (today + timedelta(days=2 * days), Decimal("7000.00")),
        ]
        return change_installments(enrollment=enrollment, rows=rows, reason="Salary day", by=owner)

    at_once(
        *[lambda days=days: change(days) for days in (10, 20, 30)],
        lambda: paid(student=enrollment.student, amount="500"),
    )

    assert sum(Charge.objects.active().values_list("amount", flat=True)) == Decimal("12000.00")
    assert not list(checks.find_problems())


@pytest.mark.parametrize("second", ["concession", "enroll"])
@pytest.mark.parametrize("first", ["charge", "enroll several", "late fees"])
def test_concurrent_actions_on_a_batch_keep_totals_correct(owner, first, second):
    today = timezone.localdate()
    batch = BatchFactory(course__total_fee=Decimal("1000.00"))
    asha, bela = (enrolled(batch=batch, due_on=today - timedelta(days=9)).student for _ in range(2))
    several = StudentFactory.create_batch(2)
    LateFeeRule.objects.create(name="Late fee", grace_days=7, kind="fixed", amount=Decimal("50.00"))
    books = dict(
        kind="material",
        label="",
        amount=Decimal("9.00"),
        due_on=today + timedelta(days=70),
        token="t",
    )
    acts = {
        "charge": lambda: charges.post_charges(students=[asha], by=owner, **books),
        "enroll several": lambda: enroll_several(
            students=several, batch=batch, enrolled_on=today, by=owner
        ),
        "late fees": lambda: post_late_fees(on=today, by=owner),
        "concession": lambda: ask(bela, owner, "100"),
        "enroll": lambda: enrolled(batch=batch, due_on=today),
    }

    meeting(acts[first], acts[second])

    assert not list(checks.find_problems())


def test_family_is_reminded_once_by_two_requests(owner):
    student = StudentFactory(guardian_phone="9876500001")
    enrolled(student=student, fee="1000.00", due_on=timezone.localdate())
    remind = partial(record_reminders, [student.pk], channel=Channel.WHATSAPP, by=owner)

    results = meeting(remind, remind)

    assert [type(refusal) for refusal in refused(results)] == [RecentlyReminded]
    assert FeeReminder.objects.count() == 1


def test_concurrent_payment_and_cancelled_charge_keep_the_balance_correct(owner):
    student = enrolled(fee="1000.00").student
    [charge] = charges.post_charges(
        students=[student],
        kind="material",
        label="",
        amount=Decimal("9.00"),
        due_on=timezone.localdate(),
        token="t",
        by=owner,
    )

    meeting(
        lambda: paid(student=student, amount="5.00"),
        lambda: charges.cancel_charge(charge=charge, reason="Wrong student", by=owner),
    )

    assert Account.objects.get().balance == Decimal("995.00")
    assert not list(checks.find_problems())


def test_concurrent_opposite_transfers_leave_both_batches_correct(owner):
    one, other = BatchFactory.create_batch(2)
    there, back = enrolled(batch=one), enrolled(batch=other)
    today = timezone.localdate()

    results = at_once(
        lambda: transfer(enrollment=there, batch=other, on=today, by=owner),
        lambda: transfer(enrollment=back, batch=one, on=today, by=owner),
    )

    assert not refused(results)
    assert not list(checks.find_problems())


@transaction.atomic
def import_payment(student):
    """Import an opening payment of ₹700."""
    today = timezone.localdate()
    receiving = BulkPayments(
        student_ids=[student.pk],
        days=[today],
        by=None,
        old_books=True,
        kind=ReceiptSeries.Kind.OPENING,
    )
    series, number = receiving.reserve_number(today)
    payment = build_payment(
        student=student,
        received=ReceivedMoney(
            amount=Decimal("700.00"), paid_on=today, mode="cash", token="opening"
        ),
        series=series,
        number=number,
        status=receiving.statuses([student.pk])[student.pk],
        letterhead=receiving.letterhead,
        by=None,
    )
    receiving.write([payment])
    receiving.finish()


def test_payment_imported_during_a_concession_keeps_the_balance_correct(owner):
    student = enrolled(fee="1000.00").student

    meeting(lambda: ask(student, owner, "100"), lambda: import_payment(student))

    assert Account.objects.get().balance == Decimal("200.00")
    assert not list(checks.find_problems())


@pytest.mark.parametrize("opens_first", [True, False])
def test_concurrent_opening_payment_and_receipt_keep_the_day_total_correct(owner, opens_first):
    batch = BatchFactory()
    asha, bela = (enrolled(batch=batch).student for _ in range(2))
    paid(student=bela, amount="1.00")

    acts = [partial(import_payment, asha), lambda: paid(student=bela, amount="5.00")]
    meeting(*(acts if opens_first else reversed(acts)))

    assert DayTotal.objects.get(amount__gt=0).amount == Decimal("706.00")
    assert not list(checks.find_problems())


def in_a_thread(act):
    """Close the connection of the thread at the end."""
    try:
        return act()
    finally:
        connections.close_all()


@pytest.mark.parametrize("act", ["payment", "payment of last year", "void", "refund"])
def test_entry_that_waits_for_a_day_close_is_counted_on_the_next_day(owner, act):
    today = timezone.localdate()
    student = enrolled(fee="12000.00").student
    last_year = date(financial_year(today), 3, 31)
    paid(student=student, amount="1.00", paid_on=last_year, mode="card")
    first = paid(student=student, amount="1000.00", by=owner)
    give_back = partial(
        refunds.refund_payment,
        payment=first,
        refunded_on=today,
        mode="cash",
        reason="Left",
        by=owner,
    )
    acts = {
        "payment": lambda: paid(student=student, amount="500.00", by=owner),
        "payment of last year": lambda: paid(
            student=student, amount="500.00", paid_on=last_year, by=owner
        ),
        "void": lambda: cancel_receipt(payment=first, reason="typing error", by=owner),
        "refund": lambda: give_back(amount=Decimal("400.00"), token="t"),
    }

    with ThreadPoolExecutor() as other:
        with transaction.atomic():
            close_day(person=owner, on=today, counted_cash=Decimal("1000.00"))
            waiting = other.submit(in_a_thread, acts[act])
            with pytest.raises(TimeoutError):
                waiting.result(timeout=1)
        late = waiting.result(timeout=20)

    assert late.booked_on == today + timedelta(days=1)
    assert expected_cash(owner, today) == DayClose.objects.get().system_cash
    assert not list(checks.find_problems())
