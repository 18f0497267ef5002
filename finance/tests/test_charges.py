import datetime
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from finance.ledger import fee_status
from finance.models import Account, Charge
from finance.services import charges

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


def today():
    return timezone.localdate()


def typed(**changes):
    return {
        "token": "a-token",
        "kind": "exam",
        "label": "Test series, December",
        "amount": "1,500",
        "due_on": (today() + 16 * DAY).isoformat(),
        **changes,
    }


def charge(client, student, **changes):
    return client.post(reverse("finance:student-charge", args=[student.pk]), typed(**changes))


def others():
    return Charge.objects.active().exclude(kind="tuition")


def errors(response):
    return " ".join(
        str(error) for found in response.context["form"].errors.values() for error in found
    )


# One student ---


def test_sending_the_form_again_does_not_charge_again(client_of, admin):
    student = enrolled(fee="1000.00").student
    client = client_of(admin)

    response = charge(client, student)
    charge(client, student)

    assert response.url == reverse("finance:student-fees", args=[student.pk])
    posted = others().get()
    assert (posted.amount, posted.label, posted.due_on) == (
        Decimal("1500.00"),
        "Test series, December",
        today() + 16 * DAY,
    )
    assert posted.enrollment and posted.posted_by == admin
    assert Account.objects.get(pk=student.pk).balance == Decimal("2500.00")
    assert "already used for another charge" in errors(charge(client, student, amount="1600"))


def test_a_student_without_an_enrollment_can_be_charged(client_of, admin, student):
    charge(client_of(admin), student, kind="registration", label="")

    assert str(others().get()) == "Registration fee"
    assert Account.objects.get(pk=student.pk).balance == Decimal("1500.00")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "tuition"}, "Select a valid choice"),
        ({"kind": "late_fee"}, "Select a valid choice"),
        ({"kind": "other", "label": " "}, "Enter a description for this kind of charge."),
        ({"label": "x" * 121}, "at most 120 characters"),
        ({"amount": "0"}, "above zero"),
        ({"amount": "NaN"}, "Enter an amount"),
        ({"amount": "१२३"}, "Enter an amount"),
        ({"amount": "999999999"}, "the most that can be entered"),
        ({"due_on": "2026-02-31"}, "Enter a date that exists"),
        ({"due_on": "0001-01-01"}, "between 1900 and 2100"),
        ({"due_on": "1926-12-10"}, "Choose a day from"),
        ({"due_on": "2099-12-10"}, "Choose a day from"),
        ({"token": ""}, "This form has expired"),
        ({"token": "opening:1"}, "This form has expired"),
    ],
)
def test_invalid_charge_gets_a_message(client_of, admin, student, changes, sentence):
    assert sentence in errors(charge(client_of(admin), student, **changes))
    assert not others().exists()


# Cancelling ---


def test_cancelling_a_charge_needs_a_reason_and_frees_its_payment(client_of, admin):
    student = enrolled(fee="1000.00", due_on=today() + 30 * DAY).student
    client = client_of(admin)
    charge(client, student, due_on=today().isoformat())
    paid(student=student, amount="1500.00")
    posted = others().get()
    address = reverse("finance:charge-cancel", args=[posted.pk])

    assert client.post(address, {"reason": ""}).context["form"].errors["reason"]
    client.post(address, {"reason": "Does not take part"})

    posted.refresh_from_db()
    assert (posted.cancelled_by, posted.cancel_reason) == (admin, "Does not take part")
    assert fee_status(student, today()).advance == Decimal("500.00")
    again = client.post(address, {"reason": "Twice"})
    assert "already cancelled" in str(list(client.get(again.url).context["messages"])[-1])


def test_tuition_charge_cannot_be_cancelled(client_of, admin):
    tuition = Charge.objects.get(enrollment=enrolled())

    assert (
        client_of(admin)
        .post(reverse("finance:charge-cancel", args=[tuition.pk]), {"reason": "x"})
        .status_code
        == 404
    )
    with pytest.raises(Exception, match="Tuition cannot be cancelled"):
        charges.cancel_charge(charge=tuition, reason="x", by=admin)
