import datetime

import pytest
import time_machine
from django.contrib.auth import authenticate
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.services.people import update_person

from .factories import PASSWORD, StudentFactory

pytestmark = pytest.mark.django_db

NEW = "seven green parrots"


def change(client, **changes):
    data = {"old_password": PASSWORD, "password": NEW, "password_again": NEW, **changes}
    return client.post(reverse("accounts:password-change"), data)


def test_account_page_shows_role_email_and_admission_number(client_of, student):
    text = client_of(student).get(reverse("accounts:me")).content.decode()

    assert "Student" in text
    assert "asha<wbr>@example.com" in text
    assert student.admission_number in text


def test_only_name_and_phone_can_be_changed(client_of, student):
    client = client_of(student)

    response = client.post(
        reverse("accounts:me"),
        {
            "full_name": "Asha Rao",
            "phone": "98765 43210",
            "email": "new@example.com",
            "is_superuser": "on",
        },
    )

    assert response.url == reverse("accounts:me")
    student.user.refresh_from_db()
    assert (student.user.full_name, student.user.phone) == ("Asha Rao", "9876543210")
    assert (student.user.email, student.user.is_superuser) == ("asha@example.com", False)
    assert "asha rao" in student.user.search_text
    assert student.admission_number in student.user.search_text


@pytest.mark.parametrize("page", ["me", "person-update"])
def test_people_change_their_own_account_twenty_times_an_hour(client_of, student, admin, page):
    client, before = client_of(student), student.user.history.count()
    address = reverse("accounts:me")
    if page == "person-update":
        address = reverse("accounts:person-update", args=[student.pk])

    def rename(number):
        return client.post(address, {"full_name": f"Asha {number}", "phone": ""})

    with time_machine.travel(timezone.now(), tick=False) as clock:
        statuses = [rename(number).status_code for number in range(20)]
        refused = rename(20)
        by_office = update_person(student.user, by=admin, full_name="Asha Rao")
        clock.shift(datetime.timedelta(hours=1, seconds=1))
        assert rename(21).status_code == 302

    assert statuses == [302] * 20
    assert refused.context["form"].non_field_errors() == [
        "You changed your account 20 times in an hour. Try again in an hour."
    ]
    assert "You changed your account 20 times" in refused.content.decode()
    assert (by_office.full_name, student.user.history.count()) == ("Asha Rao", before + 22)


def test_password_change_ends_other_sessions(client_of, student):
    elsewhere = Client()
    elsewhere.force_login(student.user)
    client = client_of(student)

    assert change(client).url == reverse("accounts:me")

    assert client.get(reverse("accounts:me")).status_code == 200
    assert elsewhere.get(reverse("accounts:me")).status_code == 302
    assert authenticate(username="asha@example.com", password=NEW) == student.user


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("old_password", "wrong", "This is not your password. Enter it again."),
        ("password_again", "another", "The two passwords differ. Enter the same password twice."),
        ("password", "asha verma", "Your name is in this password. Leave it out."),
    ],
)
def test_invalid_password_change_is_refused(client_of, student, field, value, sentence):
    response = change(client_of(student), **{field: value})

    assert response.context["form"].errors[field] == [sentence]
    student.user.refresh_from_db()
    assert student.user.check_password(PASSWORD)


def test_guesses_of_the_current_password_are_limited(client_of, student):
    client = client_of(student)
    for _ in range(10):
        change(client, old_password="wrong")

    assert change(client).context["form"].errors["old_password"] == [
        "Too many tries. Wait 15 minutes, then try again."
    ]


@pytest.mark.parametrize(("sends", "mails"), [(True, 1), (False, 0)])
def test_changed_password_is_notified_by_email(
    client_of, student, settings, sends, mails, django_capture_on_commit_callbacks
):
    settings.SENDS_MAIL = sends
    with django_capture_on_commit_callbacks(execute=True):
        change(client_of(student))

    assert len(mail.outbox) == mails
    if sends:
        assert mail.outbox[0].to == ["asha@example.com"]
        assert "The password of your account was changed." in mail.outbox[0].body


def test_student_without_email_can_change_the_password(client_of):
    student = StudentFactory(user__email="")

    assert change(client_of(student)).status_code == 302
