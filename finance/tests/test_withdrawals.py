import datetime
from decimal import Decimal

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.urls import reverse

from academics.models import Enrollment, Institute
from academics.tests.factories import BatchFactory, CourseFactory, DailyBatchFactory
from accounts.tests.factories import StudentFactory, user_with
from finance import checks
from finance.ledger import fee_status
from finance.models import Account, Charge, Refund
from finance.services import refunds, withdrawals
from finance.services.enrollments import complete, drop
from finance.services.transfers import transfer

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)
START = datetime.date(2026, 6, 1)
LIST = "finance:refund-due-list"


@pytest.fixture(autouse=True)
def mid_june():
    """Classes are held daily in June; on the 16th, 15 of 30 are over."""
    with time_machine.travel("2026-06-16 10:00+05:30", tick=False):
        yield


@pytest.fixture
def june():
    return DailyBatchFactory(
        starts_on=START, ends_on=datetime.date(2026, 6, 30), course__total_fee=Decimal("9000.00")
    )


@pytest.fixture
def enrollment(june, student):
    """Three installments of ₹3,000: due at the start, in mid-month and next month."""
    rows = [(START, 3000), (START + 14 * DAY, 3000), (START + 40 * DAY, 3000)]
    return enrolled(
        student=student, batch=june, installments=[(day, Decimal(amount)) for day, amount in rows]
    )


def page_of(enrollment):
    return reverse("finance:enrollment-drop", args=[enrollment.pk])


def leave(client, enrollment, **changes):
    return client.post(
        page_of(enrollment), {"ended_on": "2026-06-16", "reason": "moved_away", **changes}
    )


def rupees(*amounts):
    return tuple(map(Decimal, amounts))


def balance(student):
    return fee_status(student, datetime.date(2026, 6, 16)).balance


# What is proposed ---


def test_retained_fee_is_classes_held_plus_deduction(desk, enrollment):
    page = desk.get(page_of(enrollment))

    proposal = page.context["proposal"]
    assert (proposal.held.counted, proposal.held.all) == (15, 30)
    # 9,000 × 15 ÷ 30 = 4,500, and 10 % of 9,000 = 900.
    assert (proposal.fee, proposal.held.amount, proposal.deduction, proposal.amount) == rupees(
        "9000.00", "4500.00", "900.00", "5400.00"
    )
    text = page.content.decode()
    assert "₹9,000.00 × 15 of 30 classes" in text
    assert "10 % of the fee" in text


def test_payment_above_the_retained_fee_is_to_be_refunded(desk, enrollment, student):
    paid(student=student, amount="9000.00")

    response = leave(desk, enrollment)

    assert Enrollment.objects.get().ending_label == "Moved away"
    assert balance(student) == Decimal("-3600.00")
    said = desk.get(response.url).content.decode()
    assert "Fee retained: ₹5,400.00. Refund ₹3,600.00 by 1 Jul 2026." in said
    assert list(checks.find_problems()) == []


def test_unpaid_part_of_the_retained_fee_is_due_on_leaving(desk, enrollment, student):
    paid(student=student, amount="3000.00")

    leave(desk, enrollment)

    kept = Charge.objects.active().order_by("due_on", "pk")
    assert [(charge.due_on, charge.amount) for charge in kept] == [
        (START, Decimal("3000.00")),
        (START + 14 * DAY, Decimal("2400.00")),
    ]
    assert balance(student) == Decimal("2400.00")


def test_later_installments_are_due_on_leaving(desk, june, student):
    enrollment = enrolled(student=student, batch=june, due_on=START + 40 * DAY)

    leave(desk, enrollment)

    assert Charge.objects.active().get().due_on == datetime.date(2026, 6, 16)


def test_paid_installments_stay_unchanged(desk, enrollment, student):
    paid(student=student, amount="9000.00")
    first = Charge.objects.order_by("due_on").first()

    leave(desk, enrollment)

    assert [charge.amount for charge in Charge.objects.active().order_by("due_on")] == list(
        rupees("3000.00", "2400.00")
    )
    assert not Charge.objects.get(pk=first.pk).is_cancelled


def test_deduction_follows_the_settings_and_never_exceeds_the_rest(desk, enrollment):
    Institute.objects.update(leaving_deduction_percent=70)
    proposal = desk.get(page_of(enrollment)).context["proposal"]

    assert (proposal.deduction, proposal.amount) == rupees("4500.00", "9000.00")


def test_concessions_reduce_the_fee_first(desk, enrollment, admin):
    from finance.services import concessions

    charges = Charge.objects.all()
    about = {
        "student": enrollment.student,
        "charges": charges,
        "kind": "merit",
        "reason": "Topper",
        "by": admin,
    }
    concessions.request_concession(amount=Decimal("1000.00"), **about)
    proposal = desk.get(page_of(enrollment)).context["proposal"]

    assert (proposal.fee, proposal.amount) == rupees("8000.00", "4800.00")
    leave(desk, enrollment)
    assert balance(enrollment.student) == Decimal("4800.00")
    assert list(checks.find_problems()) == []


def test_classes_before_a_transfer_count(desk, enrollment, admin):
    evening = DailyBatchFactory(
        starts_on=START, ends_on=datetime.date(2026, 6, 30), course=enrollment.batch.course
    )
    moved = transfer(enrollment=enrollment, batch=evening, on=datetime.date(2026, 6, 11), by=admin)

    held = desk.get(page_of(moved)).context["proposal"].held

    assert (held.counted, held.all, held.amount) == (15, 30, Decimal("4500.00"))


def test_full_fee_is_proposed_if_classes_cannot_be_counted(desk):
    for batch in (
        DailyBatchFactory(ends_on=None),
        BatchFactory(ends_on=datetime.date(2027, 3, 31)),
    ):
        proposal = desk.get(page_of(enrolled(batch=batch, fee=None))).context["proposal"]
        assert (proposal.held, proposal.deduction) == (None, Decimal("0.00"))
        assert proposal.amount == batch.course.total_fee


def test_another_day_is_recalculated_without_saving(desk, enrollment):
    page = leave(desk, enrollment, ended_on="2026-06-21", do="show", reason="")

    assert page.context["proposal"].held.counted == 20
    assert page.context["form"]["ended_on"].value() == "2026-06-21"
    assert not page.context["form"].errors
    assert Enrollment.objects.get().is_active


def test_outdated_proposal_is_not_saved(desk, enrollment):
    page = leave(desk, enrollment, ended_on="2026-06-21", shown="5400.00")

    assert page.context["was_outdated"]
    assert Enrollment.objects.get().is_active
    assert leave(desk, enrollment, ended_on="2026-06-21", shown="6900.00").status_code == 302


def test_another_fee_needs_a_reason(desk, enrollment, student):
    paid(student=student, amount="6000.00")

    page = leave(desk, enrollment, fee_to_keep="3000")
    assert page.context["form"].errors["fee_reason"]
    assert page.context["outcome"].to_refund == Decimal("3000.00")
    assert Enrollment.objects.get().is_active

    leave(desk, enrollment, fee_to_keep="3000", fee_reason="Hardship")
    assert balance(student) == Decimal("-3000.00")
    assert Enrollment.objects.get().end_reason == "fee retained: Hardship"


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"fee_to_keep": "-1"}, "fee_to_keep"),
        ({"fee_to_keep": "NaN"}, "fee_to_keep"),
        ({"fee_to_keep": "9000.01", "fee_reason": "x"}, "fee_to_keep"),
        ({"ended_on": "2026-05-31"}, "ended_on"),
        ({"ended_on": ""}, "ended_on"),
        ({"note": "r" * 101}, "note"),
        ({"fee_reason": "r" * 81}, "fee_reason"),
        ({"shown": "1e309"}, "shown"),
    ],
)
def test_invalid_drop_is_refused_with_a_message(desk, enrollment, typed, field):
    assert field in leave(desk, enrollment, **typed).context["form"].errors
    assert Enrollment.objects.get().is_active
    assert Charge.objects.active().count() == 3


# What is listed ---


def given_back(payment, amount, admin):
    return refunds.refund_payment(
        payment=payment,
        amount=Decimal(amount),
        refunded_on=datetime.date(2026, 6, 16),
        mode="cash",
        reason="Left",
        token=str(payment.pk) + amount,
        by=admin,
    )


def test_refund_is_listed_until_it_is_paid(desk, enrollment, student, admin):
    _, second = (
        paid(student=student, amount=amount, by=admin) for amount in ("5000.00", "4000.00")
    )
    leave(desk, enrollment)

    page = desk.get(reverse(LIST))
    (due,) = page.context["page"]
    assert (due.amount, due.due_on, due.is_overdue) == (
        Decimal("3600.00"),
        datetime.date(2026, 7, 1),
        False,
    )
    assert due.payment == second, "the smallest payment of which all can be given back"
    form = desk.get(reverse("finance:refund-create", args=[second.pk])).content.decode()
    assert "Refundable: ₹4,000.00. The student’s advance is ₹3,600.00." in form

    given_back(second, "3000.00", admin)
    (due,) = desk.get(reverse(LIST)).context["page"]
    assert (due.amount, due.payment) == (Decimal("600.00"), second)
    given_back(second, "600.00", admin)
    assert desk.get(reverse(LIST)).context["page"].object_list == []
    assert balance(student) == 0


def test_payment_with_most_left_is_refunded_first(student, admin):
    enrolled(student=student, fee="9000.00")
    payments = [
        paid(student=student, amount=amount, by=admin)
        for amount in ("1000.00", "2500.00", "2000.00")
    ]
    given_back(payments[1], "1000.00", admin)
    loaded = list(student.payments.with_refunded())

    assert withdrawals.payment_to_refund(loaded, Decimal("5000.00")) == payments[2]
    assert withdrawals.payment_to_refund(loaded, Decimal("900.00")) == payments[0]
    assert withdrawals.payment_to_refund([], Decimal("1.00")) is None


def test_refund_is_overdue_after_its_due_date(desk, client_of, admin, enrollment, student):
    paid(student=student, amount="9000.00")
    leave(desk, enrollment)

    for day, overdue in (("2026-07-01", "0.00"), ("2026-07-02", "3600.00")):
        with time_machine.travel(f"{day} 10:00+05:30", tick=False):
            page = client_of(admin).get(reverse(LIST))
            assert page.context["totals"].overdue == Decimal(overdue)
            assert page.context["page"][0].is_overdue is (overdue != "0.00")


def test_student_of_another_batch_keeps_an_advance(desk, enrollment, student):
    Institute.objects.update(several_batches_at_once=True)
    Enrollment.objects.update(is_exclusive=False)
    enrolled(
        student=student,
        batch=BatchFactory(name="Test series", course=CourseFactory(total_fee=Decimal("100.00"))),
    )
    paid(student=student, amount="9100.00")

    assert "for Test series" in desk.get(page_of(enrollment)).content.decode()
    response = leave(desk, enrollment)

    assert "Advance for Test series: ₹3,600.00" in desk.get(response.url).content.decode()
    assert desk.get(reverse(LIST)).context["page"].object_list == []


def test_other_batch_of_the_student_is_not_named_to_who_may_not_see_it(
    client_of, enrollment, student
):
    Institute.objects.update(several_batches_at_once=True)
    Enrollment.objects.update(is_exclusive=False)
    enrolled(student=student, batch=BatchFactory(name="Test series"))
    paid(student=student, amount="29000.00")
    instructor = user_with("academics.teach_batch", "academics.change_enrollment")
    enrollment.batch.instructor = instructor
    enrollment.batch.save()
    client = client_of(instructor)

    assert "for another batch" in client.get(page_of(enrollment)).content.decode()
    page = leave(client, enrollment, follow=True)

    [message] = get_messages(page.wsgi_request)
    assert "Advance for another batch" in str(message)


def test_only_students_who_left_are_listed(desk, admin):
    ahead = enrolled(fee="100.00")
    paid(student=ahead.student, amount="500.00")
    paid(student=StudentFactory(), amount="500.00")  # never enrolled: an advance
    ended = enrolled(fee="100.00")
    paid(student=ended.student, amount="300.00")
    complete(enrollment=ended, ended_on=datetime.date(2026, 6, 10), by=admin)

    (due,) = desk.get(reverse(LIST)).context["page"]

    assert (due.account.student, due.amount) == (ended.student, Decimal("200.00"))
    assert desk.get(reverse(LIST), {"q": "nobody-like-that"}).context["page"].object_list == []


def test_list_needs_the_same_queries_for_many_students(desk, admin, queries_of):
    def queries_with(students):
        for _ in range(students):
            left = enrolled(fee="1000.00")
            paid(student=left.student, amount="1000.00")
            drop(
                enrollment=left,
                ended_on=left.enrolled_on,
                reason="other",
                note="x",
                by=admin,
                fee_to_keep=Decimal("1.00"),
            )
        desk.get(reverse(LIST))  # what is remembered for a while is remembered now
        return queries_of(lambda: desk.get(reverse(LIST)))

    assert queries_with(1) == queries_with(4)
    assert len(desk.get(reverse(LIST)).context["page"]) == 5
    assert Account.objects.filter(balance__lt=0).count() == 5
    assert not Refund.objects.exists()
