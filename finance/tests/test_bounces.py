import datetime
from decimal import Decimal

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from academics.models import Institute
from accounts.tests.factories import user_with
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE
from finance import checks
from finance.models import Account, Charge, ChargeKind, LiveReference, Reversal
from finance.reports.day_book import DayBook
from finance.services import cancellations, refunds
from finance.services.cancellations import bounce_cheque
from finance.services.day_closes import close_day

from .factories import cleared, enrolled, paid

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)


@pytest.fixture
def cheque(student, admin):
    """₹1,000.00 that Asha Verma paid by cheque today, of ₹3,000.00."""
    enrolled(student=student, fee="3000.00")
    today = timezone.localdate()
    return paid(
        student=student,
        amount="1000.00",
        mode="cheque",
        reference="000123",
        cheque_on=today,
        by=admin,
    )


def page_of(payment):
    return reverse("finance:payment-bounce", args=[payment.pk])


def returned(client, payment, **changes):
    typed = {
        "bounced_on": timezone.localdate(),
        "reason": "Funds insufficient",
        "charge": "250",
        **changes,
    }
    return client.post(page_of(payment), typed)


def balance(payment):
    return Account.objects.get(pk=payment.student_id).balance


def test_bounced_cheque_is_due_again_with_a_bounce_charge(desk, cheque, admin):
    response = returned(desk, cheque)

    assert response.url == cheque.get_absolute_url()
    reversal, charge = Reversal.objects.get(), Charge.objects.get(kind=ChargeKind.BOUNCE)
    assert (reversal.kind, reversal.reason, reversal.voided_by) == (
        "bounced",
        "Funds insufficient",
        admin,
    )
    assert (charge.amount, charge.enrollment) == (Decimal("250.00"), cheque.enrollment)
    assert str(charge).startswith(f"Bounced cheque 000123 of {cheque}")
    assert balance(cheque) == Decimal("3250.00")
    assert not LiveReference.objects.exists(), "the cheque may be presented again"
    assert list(checks.find_problems()) == []
    assert "₹1,250.00 is due" in desk.get(response.url).content.decode()
    payments = desk.get(
        reverse("finance:student-payments", args=[cheque.student_id])
    ).content.decode()
    assert "Bounced" in payments


def test_bounce_charge_is_proposed_and_optional(desk, cheque):
    Institute.objects.update(bounce_charge=Decimal("350.00"))

    assert desk.get(page_of(cheque)).context["form"]["charge"].value() == "350.00"
    returned(desk, cheque, charge="")

    assert not Charge.objects.filter(kind=ChargeKind.BOUNCE).exists()
    assert balance(cheque) == Decimal("3000.00")


def test_more_than_the_usual_bounce_charge_needs_the_permission_to_charge(
    client_of, cheque, password_entered
):
    Institute.objects.update(bounce_charge=Decimal("350.00"))
    client = client_of(
        user_with(SEE_WHOLE_INSTITUTE, "finance.view_payment", "finance.add_reversal")
    )
    password_entered(client)

    assert "At most ₹350.00, as in the settings" in client.get(page_of(cheque)).content.decode()
    refused = returned(client, cheque, charge="350.01")
    assert refused.context["form"].errors == {
        "charge": ["Your role may charge ₹350.00 at most, as in the settings."]
    }
    assert not Reversal.objects.exists()

    assert returned(client, cheque, charge="350").status_code == 302
    assert Charge.objects.get(kind=ChargeKind.BOUNCE).amount == Decimal("350.00")


def test_sending_the_form_twice_bounces_and_charges_once(desk, cheque):
    returned(desk, cheque)

    assert returned(desk, cheque).url == cheque.get_absolute_url()
    assert Charge.objects.filter(kind=ChargeKind.BOUNCE).count() == 1


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"reason": "r" * 201}, "reason"),
        ({"bounced_on": "2999-01-01"}, "bounced_on"),
        ({"bounced_on": "2001-01-01"}, "bounced_on"),
        ({"bounced_on": "31/02/2026"}, "bounced_on"),
        ({"charge": "-1"}, "charge"),
        ({"charge": "NaN"}, "charge"),
        ({"charge": "1e309"}, "charge"),
    ],
)
def test_invalid_bounce_is_refused_with_a_message(desk, cheque, typed, field):
    assert returned(desk, cheque, **typed).context["form"].errors[field]
    assert not Reversal.objects.exists()
    assert balance(cheque) == Decimal("3000.00")


def test_only_a_valid_cheque_payment_can_bounce(desk, cheque, admin):
    cash = paid(student=cheque.student, amount="10.00", by=admin)

    assert returned(desk, cash).url == cash.get_absolute_url()
    with pytest.raises(ValidationError, match="not paid by cheque"):
        bounce_cheque(payment=cash, bounced_on=timezone.localdate(), reason="x", by=admin)
    cancellations.cancel_receipt(payment=cheque, reason="wrong student", by=admin)
    with pytest.raises(ValidationError, match="already cancelled"):
        bounce_cheque(payment=cheque, bounced_on=timezone.localdate(), reason="x", by=admin)
    assert Reversal.objects.count() == 1


def test_bounce_cannot_be_back_dated_further_than_allowed(admin, student):
    enrolled(student=student, fee="3000.00")
    today = timezone.localdate()
    old = paid(
        student=student,
        amount="9.00",
        mode="cheque",
        cheque_on=today,
        paid_on=today - 40 * DAY,
        by=admin,
    )

    with pytest.raises(ValidationError, match="Bounced cheques can be dated back 30 days"):
        bounce_cheque(payment=old, bounced_on=today - 31 * DAY, reason="x", by=admin)
    bounce_cheque(payment=old, bounced_on=today - 30 * DAY, reason="x", by=admin)


def test_bounce_is_in_the_book_of_the_next_open_day(admin, student):
    with time_machine.travel("2026-07-01 10:00+05:30", tick=False):
        enrolled(student=student, fee="3000.00")
        day = timezone.localdate()
        cheque = paid(student=student, amount="1000.00", mode="cheque", cheque_on=day, by=admin)
    with time_machine.travel("2026-07-03 10:00+05:30", tick=False):
        close_day(person=admin, on=day + DAY, counted_cash=Decimal("0.00"))
        reversal = bounce_cheque(payment=cheque, bounced_on=day + DAY, reason="No funds", by=admin)

        assert (reversal.voided_on, reversal.booked_on) == (day + DAY, day + 2 * DAY)
        book = DayBook(day + 2 * DAY)
        assert [(void.label, void.receipt_number) for void in book.cancellations] == [
            ("Bounced", str(cheque))
        ]
        assert [entry.label for entry in book.entries()] == ["Bounced"]
        assert list(checks.find_problems()) == []


def test_bounce_asks_for_the_password_after_a_while(desk, cheque, password_entered):
    password_entered(desk, minutes=11)

    assert "own_password" in returned(desk, cheque).context["form"].errors
    assert not Reversal.objects.exists()


def test_page_needs_the_same_queries_after_many_payments(desk, cheque, queries_of):
    desk.get(page_of(cheque))
    few = queries_of(lambda: desk.get(page_of(cheque)))
    for _ in range(5):
        paid(student=cheque.student, amount="1.00")

    assert queries_of(lambda: desk.get(page_of(cheque))) == few


def test_cleared_cheque_can_bounce_from_the_day_it_cleared(desk, cheque, admin):
    today = timezone.localdate()

    with time_machine.travel(timezone.now() + 2 * DAY, tick=False):
        cleared(cheque, on=today + DAY)
        assert balance(cheque) == Decimal("2000.00")
        with pytest.raises(ValidationError, match="Choose that day or a later one"):
            bounce_cheque(payment=cheque, bounced_on=today, reason="x", by=admin)
        bounce_cheque(payment=cheque, bounced_on=today + DAY, reason="x", by=admin)

    assert balance(cheque) == Decimal("3000.00")
    assert list(checks.find_problems()) == []


def test_refunded_cheque_cannot_bounce(desk, cheque, admin):
    cleared(cheque)
    refunds.refund_payment(
        payment=cheque,
        amount=Decimal("400.00"),
        refunded_on=timezone.localdate(),
        mode="cash",
        reason="Left",
        token="t",
        by=admin,
    )

    for response in (desk.get(page_of(cheque)), returned(desk, cheque)):
        assert response.status_code == 200
        page = response.content.decode()
        assert "₹400.00 of it was refunded" in page
        charge = reverse("finance:student-charge", args=[cheque.student_id])
        assert f'href="{charge}">Charge ₹1,000.00</a>' in page
        assert "form" not in response.context
    assert not Reversal.objects.exists()
