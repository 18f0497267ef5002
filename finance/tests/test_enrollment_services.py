import datetime
import secrets
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from academics.tests.factories import BatchFactory, CourseFactory, DailyBatchFactory
from coachmaster.core.money import split_in_proportion
from finance import checks
from finance.ledger import fee_status
from finance.models import Charge, Concession, FeePlan, FeePlanPart, LateFeeRule, Refund
from finance.services import cancellations, concessions, refunds
from finance.services.enrollments import drop
from finance.services.fee_plans import plan_rows
from finance.services.installments import change_installments, split_rest
from finance.services.prorated_fees import prorated_fee_from
from finance.services.transfers import transfer

from .factories import enrolled, paid, post_late_fees

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


def rupees(*amounts):
    return [Decimal(amount) for amount in amounts]


def status(enrollment):
    return fee_status(enrollment.student, timezone.localdate())


def open_rows(enrollment):
    return [(line.charge.due_on, line.unpaid) for line in status(enrollment).lines if line.unpaid]


def plan(*parts):
    """Create a plan from tuples of percent or None, amount or None, and days."""
    made = FeePlan.objects.create(course=CourseFactory(), name="Plan")
    for position, (percent, amount, days) in enumerate(parts):
        FeePlanPart.objects.create(
            plan=made, position=position, percent=percent, amount=amount, days=days
        )
    return made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    total=st.integers(0, 10**9), weights=st.lists(st.integers(1, 10**6), min_size=1, max_size=20)
)
def test_proportional_parts_add_up_and_are_exact_to_a_paisa(total, weights):
    total = Decimal(total) / 100

    parts = split_in_proportion(total, weights)

    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * weight / sum(weights)) < Decimal("0.01")


# Plans and installments ---


def test_plan_by_percent_gives_odd_paise_to_the_first_installments():
    thirds = plan(
        (Decimal("33.33"), None, 0), (Decimal("33.33"), None, 30), (Decimal("33.34"), None, 60)
    )
    start = datetime.date(2026, 6, 1)

    assert plan_rows(thirds, Decimal("1000.00"), start) == [
        (start, Decimal("333.30")),
        (start + 30 * DAY, Decimal("333.30")),
        (start + 60 * DAY, Decimal("333.40")),
    ]
    halves = plan((Decimal("50"), None, 0), (Decimal("50"), None, 30))
    assert [amount for _, amount in plan_rows(halves, Decimal("0.03"), start)] == rupees(
        "0.02", "0.01"
    )


def test_plan_amounts_are_scaled_for_a_lower_fee():
    parts = plan((None, Decimal("2000.00"), 0), (None, Decimal("10000.00"), 30))
    start = datetime.date(2026, 6, 1)

    full = plan_rows(parts, Decimal("12000.00"), start)
    lower = plan_rows(parts, Decimal("9000.00"), start)

    assert [amount for _, amount in full] == rupees("2000.00", "10000.00")
    assert [amount for _, amount in lower] == rupees("1500.00", "7500.00")


def test_rest_is_split_into_monthly_installments():
    rows = split_rest([(datetime.date(2026, 1, 31), Decimal("100.00"))], Decimal("1100.00"), 3)

    assert rows[1:] == [
        (datetime.date(2026, 2, 28), Decimal("333.34")),
        (datetime.date(2026, 3, 31), Decimal("333.33")),
        (datetime.date(2026, 4, 30), Decimal("333.33")),
    ]


def test_enrolling_by_installments_posts_a_charge_for_each():
    today = timezone.localdate()
    rows = [(today - 5 * DAY, Decimal("4000.00")), (today + 30 * DAY, Decimal("8000.00"))]

    enrollment = enrolled(fee="12000.00", installments=rows)

    assert open_rows(enrollment) == rows
    assert status(enrollment).overdue == Decimal("4000.00")
    assert [charge.label for charge in Charge.objects.all()] == [
        "Installment 1 of 2",
        "Installment 2 of 2",
    ]


def test_installments_must_add_up_to_the_fee():
    batch = BatchFactory(course__total_fee=Decimal("12000.00"))

    with pytest.raises(ValidationError, match=r"add up to ₹11,999.99: ₹0.01 less than ₹12,000.00"):
        enrolled(batch=batch, installments=[(timezone.localdate(), Decimal("11999.99"))])

    assert not batch.enrollments.exists()


def test_changed_installments_keep_paid_parts_and_the_balance(admin):
    today = timezone.localdate()
    rows = [
        (today - 30 * DAY, Decimal("4000.00")),
        (today, Decimal("4000.00")),
        (today + 30 * DAY, Decimal("4000.00")),
    ]
    enrollment = enrolled(fee="12000.00", installments=rows)
    paid(student=enrollment.student, amount="5000.00")
    new = [(today + 10 * DAY, Decimal("3000.00")), (today + 40 * DAY, Decimal("4000.00"))]

    change_installments(enrollment=enrollment, rows=new, reason="Father's salary day", by=admin)

    after = status(enrollment)
    assert open_rows(enrollment) == new
    assert (after.total_fee, after.balance, after.overdue) == tuple(
        rupees("12000.00", "7000.00", "0.00")
    )
    assert [(line.charge.due_on, line.paid) for line in after.lines if line.paid] == [
        (today - 30 * DAY, Decimal("4000.00")),
        (today, Decimal("1000.00")),
    ]


def test_changed_installments_keep_concessions(admin):
    today = timezone.localdate()
    enrollment = enrolled(
        fee="12000.00",
        installments=[(today, Decimal("6000.00")), (today + DAY, Decimal("6000.00"))],
    )
    concessions.request_concession(
        student=enrollment.student,
        charges=Charge.objects.all(),
        kind="merit",
        reason="Topper",
        by=admin,
        amount=Decimal("1000"),
    )

    change_installments(
        enrollment=enrollment,
        rows=[(today + 5 * DAY, Decimal("11000.00"))],
        reason="One payment",
        by=admin,
    )

    after = status(enrollment)
    assert (after.total_fee, after.conceded, after.balance) == tuple(
        rupees("12000.00", "1000.00", "11000.00")
    )


# Concessions ---


def test_concession_is_split_over_unpaid_installments_in_proportion(admin):
    today = timezone.localdate()
    rows = [
        (today + number * DAY, amount)
        for number, amount in enumerate(rupees("1000.00", "2000.00", "4000.00"))
    ]
    enrollment = enrolled(fee="7000.00", installments=rows)
    paid(student=enrollment.student, amount="1000.00")

    given_rows = concessions.request_concession(
        student=enrollment.student,
        charges=Charge.objects.all(),
        kind="sibling",
        reason="Sister in X-B",
        by=admin,
        amount=Decimal("100.00"),
    )

    assert [row.amount for row in given_rows] == rupees("33.33", "66.67")
    assert status(enrollment).balance == Decimal("5900.00")


def test_concession_above_the_limit_counts_after_approval(admin, institute_limit):
    enrollment = enrolled(fee="12000.00")
    row, *_ = concessions.request_concession(
        student=enrollment.student,
        charges=Charge.objects.all(),
        kind="hardship",
        reason="Flood",
        by=admin,
        amount=Decimal("5000.01"),
    )
    assert row.is_waiting
    assert status(enrollment).balance == Decimal("12000.00")

    concessions.approve_concession(token=row.token, by=admin)

    assert status(enrollment).balance == Decimal("6999.99")
    with pytest.raises(ValidationError, match="already approved or declined"):
        concessions.approve_concession(token=row.token, by=admin)

    concessions.cancel_concession(token=row.token, reason="Wrong student", by=admin)
    assert status(enrollment).balance == Decimal("12000.00")


@pytest.fixture
def institute_limit():
    """Concessions up to ₹5,000 need no approval."""
    from academics.models import Institute

    institute = Institute.objects.current()
    assert institute.concession_limit == Decimal("5000.00")
    return institute


def test_concession_cannot_exceed_the_unpaid_amount(admin):
    enrollment = enrolled(fee="1000.00")
    paid(student=enrollment.student, amount="400.00")

    with pytest.raises(ValidationError, match=r"At most ₹600\.00"):
        concessions.request_concession(
            student=enrollment.student,
            charges=Charge.objects.all(),
            kind="merit",
            reason="Topper",
            by=admin,
            amount=Decimal("600.01"),
        )
    assert not Concession.objects.exists()


# Late fees ---


@pytest.mark.parametrize(
    ("kind", "figure", "cap", "expected"),
    [
        ("fixed", {"amount": Decimal("250.00")}, None, "250.00"),
        ("per_day", {"amount": Decimal("20.00")}, None, "60.00"),
        ("per_day", {"amount": Decimal("20.00")}, Decimal("50.00"), "50.00"),
        ("percent", {"percent": Decimal("2.50")}, None, "87.50"),
    ],
)
def test_late_fee_of_each_kind_of_rule_after_the_grace_period(kind, figure, cap, expected):
    today = timezone.localdate()
    enrollment = enrolled(fee="4000.00", due_on=today - 10 * DAY)
    paid(student=enrollment.student, amount="500.00")
    LateFeeRule.objects.create(name="Late fee", grace_days=7, kind=kind, cap=cap, **figure)

    (charge,) = post_late_fees(on=today)

    assert charge.amount == Decimal(expected)
    assert status(enrollment).balance == Decimal("3500.00") + Decimal(expected)


def test_late_fee_is_posted_once_per_rule_after_the_grace_period():
    today = timezone.localdate()
    enrolled(fee="4000.00", due_on=today - 8 * DAY)
    enrolled(fee="4000.00", due_on=today - 7 * DAY)
    LateFeeRule.objects.create(name="Late fee", grace_days=7, kind="fixed", amount=Decimal("100"))

    assert len(post_late_fees(on=today)) == 1
    assert post_late_fees(on=today) == []


# Refunds ---


def refund(payment, amount, by, **changes):
    return refunds.refund_payment(
        **{
            "payment": payment,
            "amount": Decimal(amount),
            "refunded_on": timezone.localdate(),
            "mode": "cash",
            "reason": "Left the city",
            "token": secrets.token_urlsafe(24),
            "by": by,
            **changes,
        }
    )


def test_refunds_cannot_exceed_the_payment_and_number_their_vouchers(admin):
    enrollment = enrolled(fee="1000.00")
    payment = paid(student=enrollment.student, amount="1000.00")

    first = refund(payment, "300.00", admin)
    second = refund(payment, "700.00", admin)

    assert first.voucher_number.startswith("RV/") and first.voucher_number.endswith("/00001")
    assert second.number == 2
    assert status(enrollment).balance == Decimal("1000.00")
    with pytest.raises(ValidationError, match=r"at most ₹0\.00"):
        refund(payment, "0.01", admin)


def test_refund_form_sent_twice_refunds_once(admin):
    payment = paid(student=enrolled(fee="1000.00").student, amount="1000.00")

    first = refund(payment, "300.00", admin, token="t")

    assert refund(payment, "300.00", admin, token="t") == first
    with pytest.raises(ValidationError, match="already used"):
        refund(payment, "200.00", admin, token="t")
    assert Refund.objects.count() == 1


def test_refunded_receipt_cannot_be_cancelled_and_cancelled_one_not_refunded(admin):
    student = enrolled(fee="1000.00").student
    refunded, void = paid(student=student, amount="500.00"), paid(student=student, amount="400.00")
    refund(refunded, "100.00", admin)
    cancellations.cancel_receipt(payment=void, reason="wrong", by=admin)

    with pytest.raises(ValidationError, match="cannot be cancelled"):
        cancellations.cancel_receipt(payment=refunded, reason="wrong", by=admin)
    with pytest.raises(ValidationError, match="is cancelled"):
        refund(void, "100.00", admin)


# Leaving and moving ---


def test_dropping_cancels_unpaid_installments_and_keeps_paid_ones(admin):
    today = timezone.localdate()
    rows = [
        (today - 20 * DAY, Decimal("4000.00")),
        (today, Decimal("4000.00")),
        (today + 30 * DAY, Decimal("4000.00")),
    ]
    enrollment = enrolled(fee="12000.00", installments=rows)
    paid(student=enrollment.student, amount="4000.00")

    drop(
        enrollment=enrollment,
        ended_on=today,
        reason="other",
        note="Moved",
        by=admin,
        fee_to_keep=Decimal("5500.00"),
    )

    assert open_rows(enrollment) == [(today, Decimal("1500.00"))]
    assert Charge.objects.active().count() == 2


def test_dropping_after_paying_more_leaves_an_advance(admin):
    enrollment = enrolled(fee="12000.00")
    paid(student=enrollment.student, amount="12000.00")

    drop(
        enrollment=enrollment,
        ended_on=timezone.localdate(),
        reason="other",
        note="Moved",
        by=admin,
        fee_to_keep=Decimal("3000.00"),
    )

    assert status(enrollment).advance == Decimal("9000.00")


def test_prorated_fee_shows_its_calculation():
    batch = DailyBatchFactory(
        starts_on=datetime.date(2026, 6, 1), ends_on=datetime.date(2026, 6, 30)
    )

    share = prorated_fee_from(batch, Decimal("1000.00"), datetime.date(2026, 6, 21))

    assert (share.counted, share.all, share.amount) == (10, 30, Decimal("333.33"))


def test_transfer_keeps_due_charges_and_posts_the_rest_of_the_new_fee(admin):
    today = timezone.localdate()
    rows = [
        (today - 30 * DAY, Decimal("4000.00")),
        (today + 10 * DAY, Decimal("4000.00")),
        (today + 40 * DAY, Decimal("4000.00")),
    ]
    enrollment = enrolled(fee="12000.00", installments=rows)
    paid(student=enrollment.student, amount="4000.00")
    new_batch = BatchFactory(course__total_fee=Decimal("15000.00"))

    moved = transfer(enrollment=enrollment, batch=new_batch, on=today, by=admin)

    after = status(enrollment)
    assert open_rows(enrollment) == [
        (today + 10 * DAY, Decimal("5500.00")),
        (today + 40 * DAY, Decimal("5500.00")),
    ]
    assert (after.total_fee, after.total_paid, after.balance) == tuple(
        rupees("15000.00", "4000.00", "11000.00")
    )
    assert moved.transferred_from == enrollment


def test_transfer_to_a_cheaper_course_leaves_an_advance(admin):
    today = timezone.localdate()
    enrollment = enrolled(fee="12000.00", due_on=today - 30 * DAY)
    paid(student=enrollment.student, amount="12000.00")

    transfer(
        enrollment=enrollment,
        batch=BatchFactory(course__total_fee=Decimal("5000.00")),
        on=today,
        by=admin,
    )

    assert status(enrollment).advance == Decimal("7000.00")


def test_second_transfer_counts_the_first_fee_once(admin):
    today = timezone.localdate()
    rows = [(today - 30 * DAY, Decimal("4000.00")), (today + 10 * DAY, Decimal("8000.00"))]
    first = enrolled(fee="12000.00", installments=rows)
    batches = [BatchFactory(course__total_fee=Decimal(fee)) for fee in ("15000.00", "20000.00")]

    second = transfer(enrollment=first, batch=batches[0], on=today, by=admin)
    transfer(enrollment=second, batch=batches[1], on=today, by=admin)

    assert status(first).total_fee == Decimal("20000.00")
    assert open_rows(first) == [
        (today - 30 * DAY, Decimal("4000.00")),
        (today + 10 * DAY, Decimal("16000.00")),
    ]


def test_transfer_keeps_concessions(admin):
    today = timezone.localdate()
    enrollment = enrolled(fee="12000.00", due_on=today + 10 * DAY)
    concessions.request_concession(
        student=enrollment.student,
        charges=Charge.objects.all(),
        kind="sibling",
        reason="Sister",
        by=admin,
        amount=Decimal("2000.00"),
    )

    transfer(
        enrollment=enrollment,
        batch=BatchFactory(course__total_fee=Decimal("15000.00")),
        on=today,
        by=admin,
    )

    after = status(enrollment)
    assert (after.total_fee, after.conceded, after.balance) == tuple(
        rupees("15000.00", "2000.00", "13000.00")
    )
    assert not list(checks.find_problems())
