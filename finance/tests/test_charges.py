import datetime
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from academics.tests.factories import BatchFactory
from accounts.tests.factories import StudentFactory
from finance.ledger import fee_status
from finance.models import Account, Charge
from finance.services import charges
from finance.services.enrollments import drop

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


# A batch ---


def charge_batch(client, batch, **changes):
    return client.post(reverse("finance:batch-charge", args=[batch.pk]), typed(**changes))


@pytest.fixture
def three():
    """A batch of three students and one who was dropped."""
    batch = BatchFactory(name="JEE")
    students = [
        enrolled(batch=batch, student=StudentFactory(user__full_name=f"S{n}")).student
        for n in range(3)
    ]
    gone = enrolled(batch=batch, student=StudentFactory(user__full_name="Gone Away"))
    drop(enrollment=gone, ended_on=today(), reason="left", by=None)
    return batch, students


def test_batch_is_previewed_then_charged_once(client_of, admin, three):
    batch, students = three
    client = client_of(admin)

    preview = charge_batch(client, batch)
    assert [student.user.full_name for student in preview.context["preview"]] == ["S0", "S1", "S2"]
    assert "Gone Away" not in preview.content.decode() and not others().exists()

    confirmed = {"is_confirmed": "on", "students": [student.pk for student in students]}
    response = charge_batch(client, batch, **confirmed)
    charge_batch(client, batch, **confirmed)

    assert sorted(others().values_list("student", flat=True)) == sorted(
        student.pk for student in students
    )
    said = [str(message) for message in client.get(response.url).context["messages"]]
    assert said[0] == "₹1,500.00 charged to 3 students of JEE: Test series, December."
    assert "3 had already been charged by this form" in said[1]
    assert Account.objects.get(pk=students[0].pk).balance == Decimal("13500.00")


def test_only_ticked_students_of_the_batch_are_charged(client_of, admin, three, student):
    batch, students = three
    client = client_of(admin)

    charge_batch(client, batch, is_confirmed="on", students=[students[1].pk])
    stranger = charge_batch(client, batch, token="other", is_confirmed="on", students=[student.pk])
    nobody = charge_batch(client, batch, token="other", is_confirmed="on")

    assert [posted.student for posted in others()] == [students[1]]
    assert stranger.context["form"].errors and "Tick at least one student." in errors(nobody)


def test_already_charged_students_are_not_ticked(client_of, admin, three):
    batch, students = three
    charge(client_of(admin), students[0], label="test SERIES, december")

    preview = charge_batch(client_of(admin), batch, token="later")

    assert preview.context["ticked"] == {students[1].pk, students[2].pk}
    assert "Already charged" in preview.content.decode()


def test_preview_needs_the_same_queries_for_many_students(client_of, admin, queries_of):
    batch = enrolled().batch
    client = client_of(admin)
    client.get(reverse("finance:batch-charge", args=[batch.pk]))
    few = queries_of(lambda: charge_batch(client, batch))
    for _ in range(24):
        enrolled(batch=batch)

    assert queries_of(lambda: charge_batch(client, batch)) == few


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
