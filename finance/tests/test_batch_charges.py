"""Charge the students of a batch: choose, see the list, confirm."""

import datetime
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from academics.tests.factories import BatchFactory
from accounts.tests.factories import StudentFactory
from finance import checks
from finance.models import Account, BulkAction, Charge
from finance.services import bulk_actions, charges
from finance.services.enrollments import drop

from .factories import enrolled

pytestmark = pytest.mark.django_db


def charged():
    return Charge.objects.active().exclude(kind="tuition")


def address(batch):
    return reverse("finance:batch-charge", args=[batch.pk])


def choose(client, batch, students, **changes):
    """Send the first page, for ``students``."""
    typed = {
        "token": "a-token",
        "kind": "exam",
        "label": "Test series, December",
        "amount": "1,500",
        "due_on": (timezone.localdate() + datetime.timedelta(days=16)).isoformat(),
        "students": [student.pk for student in students],
    }
    return client.post(address(batch), {**typed, **changes})


def confirm(client, batch, page, **changes):
    """Press a button of the second page, with the values that it has."""
    form = page.context["form"]
    sent = {field.name: field.value() for field in form if field.value() not in (None, False)}
    return client.post(address(batch), {**sent, **changes})


def errors(response):
    return " ".join(
        str(error) for found in response.context["form"].errors.values() for error in found
    )


@pytest.fixture
def three(db):
    """A batch of three students and one who was dropped."""
    batch = BatchFactory(name="JEE")
    students = [
        enrolled(batch=batch, student=StudentFactory(user__full_name=f"S{n}")).student
        for n in range(3)
    ]
    gone = enrolled(batch=batch, student=StudentFactory(user__full_name="Gone Away"))
    drop(enrollment=gone, ended_on=timezone.localdate(), reason="fees", by=None)
    return batch, students


def test_all_students_of_the_batch_are_ticked_at_first(client_of, admin, three):
    batch, students = three

    page = client_of(admin).get(address(batch))

    assert page.context["ticked"] == {student.pk for student in students}
    assert page.content.decode().count(" checked") == 3
    assert "Gone Away" not in page.content.decode()


def test_list_shows_who_and_how_much_and_charges_nobody(client_of, admin, three):
    batch, students = three

    page = choose(client_of(admin), batch, students).content.decode()

    for words in ("S0", "S1", "S2", "₹1,500.00", "₹4,500.00", "Charge 3 students ₹4,500<"):
        assert words in page
    assert not charged().exists()


def test_confirmed_list_is_charged_once(client_of, admin, three):
    batch, students = three
    client = client_of(admin)
    page = choose(client, batch, students)

    first, second = confirm(client, batch, page), confirm(client, batch, page)

    action = BulkAction.objects.get()
    assert first.url == second.url == action.get_absolute_url()
    assert (action.row_count, action.amount) == (3, Decimal("4500.00"))
    assert str(action) == "Test series, December for 3 students of JEE"
    assert sorted(charged().values_list("student", flat=True)) == sorted(s.pk for s in students)
    assert {charge.enrollment.batch for charge in charged()} == {batch}
    assert Account.objects.get(pk=students[0].pk).balance == Decimal("13500.00")
    said = [str(message) for message in client.get(first.url).context["messages"]]
    assert said[0] == "Test series, December for 3 students of JEE: ₹4,500.00 charged."
    assert list(checks.find_problems()) == []


def test_wrong_charge_is_undone_and_charged_again(client_of, admin, three):
    batch, students = three
    client = client_of(admin)
    confirm(client, batch, choose(client, batch, students, amount="15,000"))
    bulk_actions.undo_bulk_action(action=BulkAction.objects.get(), by=admin, reason="A zero more")

    confirm(client, batch, choose(client, batch, students))

    assert [charge.amount for charge in charged()] == [Decimal("1500.00")] * 3
    assert list(checks.find_problems()) == []


def test_only_ticked_students_of_the_batch_are_charged(client_of, admin, three, student):
    batch, students = three
    client = client_of(admin)

    stranger = choose(client, batch, [student])
    nobody = choose(client, batch, [])
    confirm(client, batch, choose(client, batch, students[1:2]))

    assert "no longer in this batch" in errors(stranger)
    assert "Tick at least one student." in errors(nobody)
    assert [posted.student for posted in charged()] == [students[1]]


def test_students_with_the_same_charge_are_left_out(client_of, admin, three):
    batch, students = three
    charge_one(students[0], admin)
    client = client_of(admin)

    page = choose(client, batch, students)
    again = choose(client, batch, students, charge_again="on")

    assert [row.label for row in page.context["rows"]] == ["S1", "S2"]
    assert [row.label for row in page.context["left_out"]] == ["S0"]
    assert "Charge 2 students ₹3,000<" in page.content.decode()
    assert "Charge 3 students ₹4,500<" in again.content.decode()
    confirm(client, batch, again)
    assert charged().count() == 4


def charge_one(student, by, token="one"):
    charges.post_charges(
        students=[student],
        kind="exam",
        label="test SERIES, december",
        amount=Decimal("1500.00"),
        due_on=timezone.localdate(),
        token=token,
        by=by,
    )


def test_charge_of_another_desk_meanwhile_shows_the_new_list(client_of, admin, three):
    batch, students = three
    client = client_of(admin)
    page = choose(client, batch, students)
    charge_one(students[0], admin)

    answer = confirm(client, batch, page)

    assert "nothing was charged now" in " ".join(answer.content.decode().split())
    assert charged().count() == 1
    confirm(client, batch, answer)
    assert charged().count() == 3


def test_two_desks_with_the_same_list_charge_it_once(client_of, admin, three):
    batch, students = three
    client = client_of(admin)
    pages = [choose(client, batch, students) for _ in range(2)]
    confirm(client, batch, pages[0])

    answer = confirm(client, batch, pages[1])

    assert "There is nothing to do" in answer.content.decode()
    assert charged().count() == 3


def test_student_who_left_meanwhile_is_named_as_the_problem(client_of, admin, three):
    batch, students = three
    client = client_of(admin)
    page = choose(client, batch, students)
    enrollment = students[0].enrollments.get()
    drop(enrollment=enrollment, ended_on=timezone.localdate(), reason="fees", by=admin)

    answer = confirm(client, batch, page)

    assert "no longer in this batch" in errors(answer) and not charged().exists()


def test_change_leads_back_to_what_was_entered(client_of, admin, three):
    batch, students = three
    client = client_of(admin)
    page = choose(client, batch, students[:2])

    form = confirm(client, batch, page, change="on")

    assert form.context["ticked"] == {students[0].pk, students[1].pk}
    assert "Test series, December" in form.content.decode() and not charged().exists()
    changed = choose(client, batch, students[:2], token=form.context["form"]["token"].value())
    confirm(client, batch, changed)
    assert charged().count() == 2


def test_corrected_form_is_not_taken_for_the_one_before(client_of, admin, three):
    batch, students = three
    client = client_of(admin)
    confirm(client, batch, choose(client, batch, students))

    confirm(client, batch, choose(client, batch, students, label="Lab", amount="100"))

    assert charged().count() == 6


@pytest.mark.parametrize("changes", [{"amount": "0"}, {"kind": "late_fee"}, {"due_on": ""}])
def test_invalid_charge_shows_the_form_again(client_of, admin, three, changes):
    batch, students = three

    page = choose(client_of(admin), batch, students, **changes)

    assert errors(page) and "Show list" in page.content.decode()


def test_list_needs_the_same_queries_for_many_students(client_of, admin, queries_of):
    enrollment = enrolled()
    batch, students = enrollment.batch, [enrollment.student]
    client = client_of(admin)
    client.get(address(batch))
    few = queries_of(lambda: choose(client, batch, students))
    students += [enrolled(batch=batch).student for _ in range(24)]

    assert queries_of(lambda: choose(client, batch, students)) == few
