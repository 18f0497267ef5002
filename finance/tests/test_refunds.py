import datetime
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from academics.models import Institute
from academics.tests.factories import BatchFactory
from accounts.tests.factories import user_with
from coachmaster.core.dates import format_date
from finance.models import Refund, Reversal
from finance.services import cancellations

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


@pytest.fixture
def payment(student, admin):
    """₹1,000.00 that Asha Verma paid in cash."""
    enrolled(student=student, fee="1000.00")
    return paid(student=student, amount="1000.00", by=admin)


def page_of(payment):
    return reverse("finance:refund-create", args=[payment.pk])


def give_back(client, payment, **changes):
    typed = {
        "token": "t" * 32,
        "amount": "300.50",
        "refunded_on": timezone.localdate().isoformat(),
        "mode": "cash",
        "reason": "Left the city",
        **changes,
    }
    return client.post(page_of(payment), typed)


def test_a_refund_leads_to_its_voucher_and_shows_on_receipt_and_payments(desk, payment):
    response = give_back(desk, payment)

    given = Refund.objects.get()
    assert response.url == given.get_absolute_url()
    assert (given.amount, given.reason) == (Decimal("300.50"), "Left the city")
    assert "Rupees three hundred" in desk.get(response.url).content.decode()
    receipt = desk.get(payment.get_absolute_url()).content.decode()
    assert "₹300.50 refunded" in receipt
    assert reverse("finance:payment-void", args=[payment.pk]) not in receipt
    page = desk.get(reverse("finance:student-payments", args=[payment.student_id]))
    assert page.context["total_paid"] == Decimal("699.50")
    assert given.voucher_number in page.content.decode()
    assert desk.get(page_of(payment)).context["left"] == Decimal("699.50")


def test_refund_starts_with_the_mode_of_the_payment_and_no_amount(desk, student, admin):
    enrolled(student=student, fee="1000.00")
    payment = paid(student=student, amount="1250.00", mode="upi", by=admin)

    response = desk.get(page_of(payment))

    form = response.context["form"]
    assert (form["amount"].value(), form["mode"].value()) == (None, "upi")
    assert "Refundable: ₹1,250.00. The student’s advance is ₹250.00." in response.content.decode()


def test_refund_without_an_amount_is_refused(desk, payment):
    assert "amount" in give_back(desk, payment, amount="").context["form"].errors
    assert not Refund.objects.exists()


def test_sending_the_form_twice_refunds_once(desk, payment):
    first = give_back(desk, payment, amount="1000")

    assert give_back(desk, payment, amount="1000").url == first.url
    assert Refund.objects.count() == 1


def test_used_token_does_not_name_a_voucher_that_the_clerk_may_not_see(desk, payment, client_of):
    clerk = user_with("academics.teach_batch", "finance.add_refund", "finance.view_refund")
    student = enrolled(batch=BatchFactory(instructor=clerk)).student
    own = paid(student=student, amount="500.00")
    give_back(desk, payment, token="t" * 32)

    again = give_back(client_of(clerk), own, token="t" * 32)

    assert again.context["form"].non_field_errors() == [
        "This form was already used for another voucher. Nothing more was saved."
    ]


def test_form_sent_again_with_another_amount_refunds_nothing_more(desk, payment):
    give_back(desk, payment)

    again = give_back(desk, payment, amount="200")

    [message] = again.context["form"].non_field_errors()
    assert message.startswith("This form was already used for voucher")
    assert Refund.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"amount": "1000.01"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "1e3"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"mode": "upi"}, "reference"),
        ({"mode": "gold"}, "mode"),
        ({"refunded_on": "2999-01-01"}, "refunded_on"),
        ({"refunded_on": "2001-01-01"}, "refunded_on"),
        ({"reason": " "}, "reason"),
        ({"token": ""}, "__all__"),
        ({"token": "opening:1"}, "__all__"),
    ],
)
def test_invalid_refund_is_refused_with_a_message(desk, payment, typed, field):
    assert field in give_back(desk, payment, **typed).context["form"].errors
    assert not Refund.objects.exists()


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("upi", "Enter the bank’s reference of the UPI refund."),
        ("cheque", "Enter the number of the cheque."),
    ],
)
def test_a_refund_through_the_bank_needs_its_reference(desk, payment, mode, sentence):
    assert give_back(desk, payment, mode=mode).context["form"].errors["reference"] == [sentence]
    assert not Refund.objects.exists()


def test_cancelled_payment_cannot_be_refunded(desk, payment, admin):
    cancellations.cancel_receipt(payment=payment, reason="wrong", by=admin)

    assert desk.get(page_of(payment)).url == payment.get_absolute_url()
    assert "is cancelled" in give_back(desk, payment).context["form"].non_field_errors()[0]


def test_partly_refunded_payment_cannot_be_cancelled(desk, payment):
    give_back(desk, payment)
    void = reverse("finance:payment-void", args=[payment.pk])

    for response in (desk.get(void), desk.post(void, {"reason": "wrong"})):
        page = response.content.decode()
        assert response.status_code == 200
        assert "₹300.50 of it was refunded" in page
        assert Refund.objects.get().get_absolute_url() in page
        assert f'href="{page_of(payment)}">Refund ₹699.50</a>' in page
        assert "form" not in response.context
    assert not Reversal.objects.exists()

    give_back(desk, payment, amount="699.50", token="u" * 32)
    assert page_of(payment) not in desk.get(void).content.decode()


@pytest.mark.parametrize(("days", "is_taken"), [(30, True), (31, False)])
def test_refund_can_be_back_dated_as_the_institute_allows(desk, student, admin, days, is_taken):
    today = timezone.localdate()
    enrolled(student=student, fee="1000.00")
    old = paid(student=student, amount="1000.00", paid_on=today - 60 * DAY, by=admin)

    response = give_back(desk, old, refunded_on=(today - days * DAY).isoformat())

    assert Refund.objects.exists() == is_taken
    if not is_taken:
        first = format_date(today - 30 * DAY)
        sentence = f"Refunds can be dated back 30 days. Choose {first} or a later day."
        assert response.context["form"].errors["refunded_on"] == [sentence]


def test_voucher_keeps_its_letterhead(desk, payment):
    institute = Institute.objects.current()
    institute.name, institute.address = "Rao Classes", "12 MG Road, Pune"
    institute.save()
    voucher = give_back(desk, payment).url
    institute.name, institute.address = "Rao Academy", "1 New Street, Delhi"
    institute.save()

    page = desk.get(voucher).content.decode()

    assert "Rao Classes" in page and "12 MG Road, Pune" in page
    assert "1 New Street" not in page
    assert desk.get(payment.get_absolute_url()).context["payment"].letterhead.name != "Rao Classes"


def test_old_voucher_shows_the_letterhead_of_the_receipt(payment):
    assert Refund(payment=payment).head == payment.letterhead


def test_refund_asks_for_the_password_after_a_while(desk, payment, password_entered):
    password_entered(desk, minutes=11)

    response = give_back(desk, payment)

    assert "own_password" in response.context["form"].errors
    assert not Refund.objects.exists()
