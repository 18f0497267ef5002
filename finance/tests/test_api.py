import datetime
import secrets
from decimal import Decimal

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as some

from academics.models import Enrollment, Institute
from academics.tests.factories import BatchFactory, DailyBatchFactory
from accounts.roles import ADMIN
from accounts.tests.factories import StudentFactory, UserFactory, user_with
from coachmaster.core.api import ApiResponse
from coachmaster.tests.api import Caller
from finance import checks
from finance import ledger as ledger_ledger
from finance.forms.payments import PaymentForm
from finance.models import Payment
from finance.services import cancellations, refunds

from .factories import cleared, enrolled, paid
from .test_races import at_once

pytestmark = pytest.mark.django_db
KEY = "5b1d7a3e-6c52-4c6e-9a55-1f3f0a4f9a10"


def wrong(status=400, **errors):
    return status, {
        "message": f"Check {', '.join(errors)}.",
        "errors": {name: [text] for name, text in errors.items()},
    }


def payment_json(payment, **changes):
    return {
        "id": payment.pk,
        "student_id": payment.student_id,
        "amount": float(payment.amount),
        "payment_date": payment.paid_on.isoformat(),
        "payment_mode": payment.mode,
        "notes": payment.notes,
        "created_at": timezone.localtime(payment.recorded_at).isoformat(),
        "receipt_number": payment.receipt_number,
        "reference": payment.reference,
        "voided": payment.is_cancelled,
        "cleared": payment.is_cleared,
        **changes,
    }


@pytest.fixture
def owing():
    """A student with dues of ₹12,000."""
    return enrolled(fee="12000.00").student


@pytest.fixture
def desk(admin):
    return Caller(admin)


# Enrolling -------------------------------------------------------------------------------------


def test_student_is_enrolled_at_the_fee_of_the_course(desk, student):
    batch = BatchFactory(course__total_fee=Decimal("9000.50"))
    body = {"student_id": student.pk, "batch_id": batch.pk, "enrollment_date": "2026-06-03"}

    status, data = desk("POST", "/enrollments", body)

    enrollment = Enrollment.objects.get()
    assert (status, data) == (201, {"id": enrollment.pk, **body, "status": "active"})
    assert ledger_ledger.fee_status(student, timezone.localdate()).balance == Decimal("9000.50")


def test_clashing_enrollment_is_saved_with_a_warning(desk, student):
    Institute.objects.update(several_batches_at_once=True)
    enrolled(student=student, batch=DailyBatchFactory(name="Evening"))

    status, data = desk(
        "POST", "/enrollments", {"student_id": student.pk, "batch_id": DailyBatchFactory().pk}
    )

    assert (status, data["warnings"]) == (201, ["Asha Verma has Evening on Mon-Sun 17:00-18:30."])


def test_enrollment_without_a_date_starts_today(desk, student):
    _, data = desk(
        "POST", "/enrollments", {"student_id": student.pk, "batch_id": BatchFactory().pk}
    )

    assert data["enrollment_date"] == timezone.localdate().isoformat()


def test_active_enrollment_and_full_or_ended_batch_are_conflicts(desk, student):
    full = BatchFactory(name="Full", capacity=1)
    enrolled(batch=full)
    over = BatchFactory(name="Over", ends_on=datetime.date(2026, 7, 1))
    there = enrolled(student=student).batch
    other = StudentFactory()

    def enroll(student, batch):
        return desk("POST", "/enrollments", {"student_id": student.pk, "batch_id": batch.pk})

    assert enroll(student, BatchFactory()) == (
        409,
        {
            "message": f"Asha Verma already has an active enrollment in {there}. "
            "Complete, drop or transfer it first."
        },
    )
    assert enroll(student, there) == (
        409,
        {"message": f"Asha Verma is already enrolled in {there}."},
    )
    assert enroll(other, full) == wrong(409, batch_id="Full is full: all 1 seats are taken.")
    assert enroll(other, over) == wrong(
        409, batch_id="Over ended on 1 Jul 2026. Choose another batch."
    )
    assert Enrollment.objects.count() == 2


def test_unknown_student_or_batch_is_not_found(desk, student):
    missing = (404, {"message": "Not found, or not visible to you."})

    assert (
        desk("POST", "/enrollments", {"student_id": 2**63 - 1, "batch_id": BatchFactory().pk})
        == missing
    )
    assert (
        desk("POST", "/enrollments", {"student_id": student.pk, "batch_id": 2**63 - 1}) == missing
    )
    assert desk("POST", "/payments", {"student_id": 2**63 - 1, "amount": 1}) == missing


# Paying ----------------------------------------------------------------------------------------


def test_payment_gets_a_receipt(desk, owing, admin):
    body = {
        "student_id": owing.pk,
        "amount": "5000.25",
        "payment_date": timezone.localdate().isoformat(),
        "payment_mode": "upi",
        "reference": "6329-1234",
        "notes": "First\ninstallment",
    }

    status, data = desk("POST", "/payments", body, idempotency_key=KEY)

    payment = Payment.objects.get()
    assert (status, data) == (201, payment_json(payment))
    assert {name: data[name] for name in body} == {**body, "amount": 5000.25}
    assert (payment.amount, payment.received_by) == (Decimal("5000.25"), admin)
    assert payment.receipt_number.endswith("/00001")


def test_payment_is_cash_of_today_by_default(desk, owing):
    _, data = desk("POST", "/payments", {"student_id": owing.pk, "amount": 500})

    assert (data["payment_mode"], data["payment_date"]) == (
        "cash",
        timezone.localdate().isoformat(),
    )


def test_cheque_is_recorded_and_counts_once_it_has_cleared(desk, owing):
    body = {
        "student_id": owing.pk,
        "amount": 5000,
        "payment_mode": "cheque",
        "reference": "000123",
        "cheque_date": timezone.localdate().isoformat(),
    }
    status, data = desk("POST", "/payments", body, idempotency_key=KEY)

    cheque = Payment.objects.get()
    assert (status, data) == (201, payment_json(cheque, cleared=False, payment_mode="cheque"))
    assert desk("POST", "/payments", body, idempotency_key=KEY) == (200, data)
    fees = desk.get(f"/students/{owing.pk}/fee-status")
    assert (fees["total_paid"], fees["balance"], fees["uncleared"]) == (0, 12000, 5000)
    assert fees["dues"] == "₹12,000 overdue since 1 Jun · ₹5,000 by cheque, not cleared"
    listed = desk.get(f"/students/{owing.pk}/payments")
    assert (listed["payments"], listed["total_paid"]) == ([data], 0)

    cleared(cheque)

    listed = desk.get(f"/students/{owing.pk}/payments")
    assert (listed["payments"][0]["cleared"], listed["total_paid"]) == (True, 5000)
    assert desk("POST", "/payments", body, idempotency_key=KEY) == (200, {**data, "cleared": True})


def test_cheque_has_the_date_of_its_payment_by_default(desk, owing):
    desk(
        "POST",
        "/payments",
        {"student_id": owing.pk, "amount": 5, "payment_mode": "cheque", "reference": "9"},
    )

    assert Payment.objects.get().cheque_on == timezone.localdate()


def test_same_key_returns_the_same_payment(desk, owing):
    body = {"student_id": owing.pk, "amount": 5000}

    first = desk("POST", "/payments", body, idempotency_key=KEY)
    again = desk("POST", "/payments", {**body, "amount": "5000.00"}, idempotency_key=KEY)

    assert first == (201, payment_json(Payment.objects.get()))
    assert again == (200, first[1])


def test_key_is_valid_for_all_callers(desk, owing):
    desk("POST", "/payments", {"student_id": owing.pk, "amount": 5000}, idempotency_key=KEY)
    other = Caller(UserFactory(role=ADMIN))

    assert (
        other("POST", "/payments", {"student_id": owing.pk, "amount": 5000}, idempotency_key=KEY)[0]
        == 200
    )
    assert Payment.objects.count() == 1


def test_retry_after_midnight_is_the_same_payment(desk, owing):
    body = {"student_id": owing.pk, "amount": 5000}
    now = timezone.now()
    desk("POST", "/payments", body, idempotency_key=KEY)

    with time_machine.travel(now + datetime.timedelta(hours=23)):
        assert desk("POST", "/payments", body, idempotency_key=KEY)[0] == 200
    assert Payment.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 5001},
        {"payment_mode": "card"},
        {"payment_date": "2026-11-01"},
        {"notes": "Of her brother"},
    ],
)
@time_machine.travel("2026-11-24 12:00+05:30")
def test_same_key_with_other_content_is_a_conflict(admin, owing, change):
    desk = Caller(admin)
    body = {"student_id": owing.pk, "amount": 5000, "payment_date": "2026-11-24"}
    receipt = desk("POST", "/payments", body, idempotency_key=KEY)[1]["receipt_number"]

    assert desk("POST", "/payments", {**body, **change}, idempotency_key=KEY) == (
        409,
        {
            "message": f"This Idempotency-Key was used for receipt {receipt} already, with other "
            "content. Nothing more "
            "was saved. Use a new key for another payment."
        },
    )
    assert Payment.objects.count() == 1


def test_key_of_a_payment_that_one_does_not_see_hides_its_receipt(admin, owing):
    """The message names a receipt only to those who see it."""
    Caller(admin)(
        "POST", "/payments", {"student_id": owing.pk, "amount": 5000}, idempotency_key=KEY
    )
    teacher = user_with("academics.teach_batch", "finance.add_payment", "finance.view_payment")
    own = enrolled(batch=BatchFactory(instructor=teacher)).student

    assert Caller(teacher)(
        "POST", "/payments", {"student_id": own.pk, "amount": 1}, idempotency_key=KEY
    ) == (
        409,
        {
            "message": "This Idempotency-Key was used for another receipt already, with other "
            "content. Nothing more was saved. Use a new key for another payment."
        },
    )


@pytest.mark.parametrize("key", ["", "ü", "x" * 256, "a\tb"])
def test_invalid_key_is_refused(desk, owing, key):
    assert desk(
        "POST", "/payments", {"student_id": owing.pk, "amount": 1}, idempotency_key=key
    ) == wrong(**{"Idempotency-Key": "Use 1 to 255 printable ASCII characters, like a UUID."})


def test_two_keys_record_two_payments(desk, owing):
    body = {"student_id": owing.pk, "amount": 5000}

    assert desk("POST", "/payments", body, idempotency_key="a")[0] == 201
    assert desk("POST", "/payments", body, idempotency_key="x" * 255)[0] == 201
    assert Payment.objects.count() == 2


def test_possible_duplicate_without_a_key_is_refused(desk, owing):
    body = {"student_id": owing.pk, "amount": 5000}
    receipt = desk("POST", "/payments", body)[1]["receipt_number"]

    assert desk("POST", "/payments", {**body, "payment_mode": "card"}) == (
        409,
        {
            "message": f"Receipt {receipt} of the last minutes has the same amount. Send "
            "“confirm_duplicate”: true if this is a second payment, and an Idempotency-Key "
            "with each payment to be safe."
        },
    )
    assert desk("POST", "/payments", {**body, "confirm_duplicate": True})[0] == 201
    assert Payment.objects.count() == 2
    now = timezone.now()
    Caller(StudentFactory())
    with time_machine.travel(now + datetime.timedelta(minutes=11)):
        assert desk("POST", "/payments", {**body, "amount": 2000})[0] == 201


def test_amount_above_dues_is_accepted_only_as_advance(desk, owing):
    body = {"student_id": owing.pk, "amount": "12000.01"}

    assert desk("POST", "/payments", body) == wrong(
        409, amount="Dues are ₹12,000.00. Send “advance”: true to keep the rest as an advance."
    )
    assert desk("POST", "/payments", {**body, "advance": True})[0] == 201
    assert desk.get(f"/students/{owing.pk}/fee-status")["balance"] == -0.01


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("amount", 0, "Enter an amount above zero."),
        ("amount", -1, "An amount cannot be negative."),
        (
            "amount",
            12.345,
            "Enter an amount in rupees, like 5000, 1,25,000 or 499.50 (at most two decimals).",
        ),
        (
            "amount",
            "NaN",
            "Enter an amount in rupees, like 5000, 1,25,000 or 499.50 (at most two decimals).",
        ),
        (
            "amount",
            True,
            "Enter an amount in rupees, like 5000, 1,25,000 or 499.50 (at most two decimals).",
        ),
        ("payment_date", "2026-11-25", "A payment cannot be dated in the future."),
        (
            "payment_date",
            "2026-10-01",
            "Payments can be dated back 30 days. Choose 25 Oct 2026 or a later day.",
        ),
        ("payment_date", "2026-02-30", "Enter a valid date, like 2026-11-24."),
        ("payment_mode", "upi", "Enter the reference of the UPI payment, as the bank shows it."),
        (
            "payment_mode",
            "bank_transfer",
            "Enter the reference of the Bank transfer payment, as the bank shows it.",
        ),
        ("payment_mode", "cheque", "Enter the number of the cheque."),
        ("payment_mode", "gold", "Choose 'cash', 'card', 'upi', 'bank_transfer' or 'cheque'."),
        ("student_id", None, "Send a whole number."),
        ("student_id", True, "Send a whole number."),
        ("advance", "no", "Send true or false."),
        ("confirm_duplicate", 1, "Send true or false."),
    ],
)
@time_machine.travel("2026-11-24 12:00+05:30")
def test_invalid_payment_is_refused_and_uses_no_number(admin, owing, field, value, sentence):
    desk = Caller(admin)
    got = desk(
        "POST",
        "/payments",
        {"student_id": owing.pk, "amount": 5, field: value},
        idempotency_key=KEY,
    )

    if field == "payment_mode" and value != "gold":
        assert got == wrong(reference=sentence)
    else:
        assert got == wrong(**{field: sentence})
    assert not Payment.objects.exists()
    assert desk("POST", "/payments", {"student_id": owing.pk, "amount": 5})[1][
        "receipt_number"
    ].endswith("/00001")


def test_bank_reference_is_accepted_once(desk, owing):
    body = {"student_id": owing.pk, "amount": 5, "payment_mode": "upi", "reference": "AB 12"}
    receipt = desk("POST", "/payments", body)[1]["receipt_number"]

    assert desk("POST", "/payments", {**body, "amount": 6, "reference": "ab-12"}) == wrong(
        409, reference=f"This reference is already on receipt {receipt}. Check the number."
    )


def test_cash_limit_applies(desk):
    student = enrolled(fee="300000.00").student

    status, data = desk("POST", "/payments", {"student_id": student.pk, "amount": 200000})

    assert status == 400
    assert "Section 269ST" in data["errors"]["amount"][0]


def test_query_count_of_recording_a_payment_is_constant(desk, owing, queries_of):
    def record(key):
        status, _ = desk(
            "POST", "/payments", {"student_id": owing.pk, "amount": 5}, idempotency_key=key
        )
        assert status == 201

    record("first")
    few = queries_of(lambda: record("second"))
    for _ in range(12):
        paid(student=owing, amount="1.00")
    assert queries_of(lambda: record("third")) == few


# What was paid and is owed ---------------------------------------------------------------------


def test_cancelled_receipts_are_listed_but_not_counted(desk, owing, admin):
    old = paid(
        student=owing, amount="1000.50", paid_on=timezone.localdate() - datetime.timedelta(days=3)
    )
    void = paid(student=owing, amount="700.00")
    cancellations.cancel_receipt(payment=void, reason="Wrong student", by=admin)
    void = Payment.objects.get(pk=void.pk)

    assert desk.get(f"/students/{owing.pk}/payments") == {
        "payments": [payment_json(void, voided=True), payment_json(old)],
        "total": 2,
        "total_paid": 1000.5,
    }


def test_refunds_reduce_the_total_paid(desk, owing, admin):
    payment = paid(student=owing, amount="1000.00")
    refunds.refund_payment(
        payment=payment,
        amount=Decimal("250.50"),
        refunded_on=timezone.localdate(),
        mode="cash",
        reason="Left",
        token="t",
        by=admin,
    )

    assert desk.get(f"/students/{owing.pk}/payments")["total_paid"] == 749.5


def test_student_without_payments_has_an_empty_list(student):
    assert Caller(student).get(f"/students/{student.pk}/payments") == {
        "payments": [],
        "total": 0,
        "total_paid": 0,
    }


def fee_status(**changes):
    return {
        "total_fee": 12000,
        "concessions": 0,
        "total_paid": 0,
        "balance": 12000,
        "uncleared": 0,
        "status": "overdue",
        "part_paid": False,
        "overdue": 12000,
        "overdue_since": "2026-06-01",
        "due_today": 0,
        "later": 0,
        "next_due": {"due_date": "2026-06-01", "amount": 12000},
        "dues": "₹12,000 overdue since 1 Jun",
        **changes,
    }


def test_fee_status_has_dues_and_due_date(owing):
    caller = Caller(owing)
    path = f"/students/{owing.pk}/fee-status"

    assert caller.get(path) == fee_status()
    paid(student=owing, amount="5000.01")
    assert caller.get(path) == fee_status(
        total_paid=5000.01,
        balance=6999.99,
        part_paid=True,
        overdue=6999.99,
        next_due={"due_date": "2026-06-01", "amount": 6999.99},
        dues="₹6,999.99 overdue since 1 Jun",
    )
    paid(student=owing, amount="6999.99")
    nothing = {"overdue": 0, "overdue_since": None, "next_due": None}
    assert caller.get(path) == fee_status(
        total_paid=12000, balance=0, status="paid", dues="Paid", **nothing
    )
    paid(student=owing, amount="0.50")
    assert caller.get(path) == fee_status(
        total_paid=12000.5, balance=-0.5, status="advance", dues="₹0.50 in advance", **nothing
    )


@pytest.mark.parametrize(("days", "status"), [(0, "due"), (1, "upcoming"), (-1, "overdue")])
def test_status_depends_on_the_due_date(days, status):
    student = enrolled(
        fee="100.00", due_on=timezone.localdate() + datetime.timedelta(days=days)
    ).student

    assert Caller(student).get(f"/students/{student.pk}/fee-status")["status"] == status


def test_student_without_charges_is_paid(student):
    assert Caller(student).get(f"/students/{student.pk}/fee-status") == fee_status(
        total_fee=0,
        balance=0,
        status="paid",
        overdue=0,
        overdue_since=None,
        next_due=None,
        dues="No fees yet",
    )


def test_page_and_api_agree_about_a_student(client_of, admin, owing):
    payment = paid(student=owing, amount="3333.33")
    refunds.refund_payment(
        payment=payment,
        amount=Decimal("33.03"),
        refunded_on=timezone.localdate(),
        mode="cash",
        reason="Left",
        token="t",
        by=admin,
    )
    client, caller = client_of(admin), Caller(admin)

    fees = client.get(reverse("finance:student-fees", args=[owing.pk])).context["fees"]
    payments = client.get(reverse("finance:student-payments", args=[owing.pk])).context
    told = caller.get(f"/students/{owing.pk}/fee-status")
    listed = caller.get(f"/students/{owing.pk}/payments")

    assert {
        name: Decimal(str(told[name])) for name in ("total_fee", "total_paid", "balance", "overdue")
    } == {
        "total_fee": fees.total_fee,
        "total_paid": fees.total_paid,
        "balance": fees.balance,
        "overdue": fees.overdue,
    }
    assert (told["status"], told["part_paid"]) == (fees.status, fees.is_part_paid)
    assert Decimal(str(told["next_due"]["amount"])) == fees.next_due.unpaid
    assert Decimal(str(listed["total_paid"])) == payments["total_paid"] == Decimal("3300.30")
    assert [row["id"] for row in listed["payments"]] == [payment.pk for payment in payments["page"]]


@pytest.mark.parametrize("call", ["fee-status", "payments?per_page=5"])
def test_query_count_of_fees_is_constant(owing, call, queries_of):
    for _ in range(6):
        paid(student=owing, amount="10.00")
    caller = Caller(owing)
    caller.get(f"/students/{owing.pk}/{call}")
    few = queries_of(lambda: caller.get(f"/students/{owing.pk}/{call}"))
    for _ in range(10):
        paid(student=owing, amount="10.00")

    assert queries_of(lambda: caller.get(f"/students/{owing.pk}/{call}")) == few


@given(some.decimals(min_value="-9999999999999.99", max_value="9999999999999.99", places=2))
def test_amounts_are_written_exactly(amount):
    written = ApiResponse(amount).content.decode()

    assert Decimal(written) == amount
    assert len(written.partition(".")[2]) <= 2


# Many at once ----------------------------------------------------------------------------------


@pytest.fixture
def owner(transactional_db):
    return UserFactory(role=ADMIN)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_one_key_sent_concurrently_gives_one_receipt(owner):
    student = enrolled(fee="12000.00").student
    token = Caller(owner).token
    body = {"student_id": student.pk, "amount": 5000}

    def send():
        caller = Caller(token=token)
        return [caller("POST", "/payments", body, idempotency_key=KEY) for _ in range(5)]

    answers = [answer for several in at_once(*[send] * 10) for answer in several]

    told = payment_json(Payment.objects.get())
    assert sorted(answers, key=lambda answer: -answer[0]) == [(201, told), *[(200, told)] * 49]
    assert not list(checks.find_problems())


@pytest.fixture
def ways(owner):
    """Functions that record a payment by the form and by the API and return the status."""
    token = Caller(owner).token
    client = Client()
    client.force_login(owner)
    session = client.cookies["sessionid"].value

    def by_form(student, amount, payment_mode="cash", **more):
        form = {"token": PaymentForm.new_token(), "amount": amount, "mode": payment_mode, **more}
        own = Client()
        own.cookies["sessionid"] = session
        address = f"{reverse('finance:payment-create')}?student={student.pk}"
        return own.post(address, {"paid_on": timezone.localdate().isoformat(), **form}).status_code

    def by_api(student, amount, **more):
        body = {"student_id": student.pk, "amount": amount, **more}
        return Caller(token=token)("POST", "/payments", body, idempotency_key=secrets.token_hex(8))[
            0
        ]

    return by_form, by_api


def all_at_once(*acts):
    """Call the functions in threads and return their results."""
    return at_once(*[lambda act=act: act[0](act[1], act[2], **act[3]) for act in acts])


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_concurrent_form_and_api_use_consecutive_numbers(ways):
    students = [enrolled(fee="12000.00").student for _ in range(8)]
    bad = [(way, students[0], "0", {}) for way in ways for _ in range(2)]

    codes = all_at_once(
        *[
            (way, student, amount, {})
            for student in students
            for way, amount in zip(ways, "12", strict=True)
        ],
        *bad,
    )

    assert sorted(codes) == [200] * 2 + [201] * 8 + [302] * 8 + [400] * 2
    assert sorted(Payment.objects.values_list("number", flat=True)) == list(range(1, 17))
    assert not list(checks.find_problems())


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_concurrent_form_and_api_cannot_exceed_dues(ways):
    student = enrolled(fee="1000.00").student

    codes = all_at_once(*[(way, student, "1000", {}) for way in ways for _ in range(6)])

    assert sum(code in (201, 302) for code in codes) == 1
    assert {code for code in codes if code not in (201, 302)} <= {200, 409}
    assert Payment.objects.get().amount == Decimal("1000.00")
    assert not list(checks.find_problems())


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_concurrent_form_and_api_accept_a_bank_reference_once(ways):
    students = [enrolled(fee="1000.00").student for _ in range(4)]
    transfer = {"payment_mode": "upi", "reference": "632912345678"}

    codes = all_at_once(*[(way, student, "10", transfer) for student in students for way in ways])

    assert sum(code in (201, 302) for code in codes) == 1
    assert {code for code in codes if code not in (201, 302)} <= {200, 409}
    assert Payment.objects.get().number == 1
    assert not list(checks.find_problems())
