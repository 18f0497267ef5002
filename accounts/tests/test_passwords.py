import datetime
import re

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.services import invitations
from accounts.services.passwords import set_password
from accounts.services.people import change_role

from .factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

NEW = {"password": "seven green parrots", "password_again": "seven green parrots"}


@pytest.fixture(autouse=True)
def _mail_goes_out(settings):
    settings.SENDS_MAIL = True


@pytest.fixture
def invited(db):
    return UserFactory(full_name="Imran Khan", email="imran@example.com", password=None)


@pytest.fixture
def link_to():
    return invitations.invitation_link


def ask(client, email, **more):
    return client.post(reverse("accounts:password-reset"), {"email": email}, **more)


def reset_link():
    return re.search(r"http://localhost:8000/\S+", mail.outbox[-1].body)[0]


def test_response_does_not_reveal_whether_a_person_exists(client, student):
    known, unknown = ask(client, "Asha@example.com"), ask(client, "nobody@example.com")

    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert [message.to for message in mail.outbox] == [["asha@example.com"]]


def test_email_is_sent_after_the_response(rf, student, settings):
    from django.contrib.auth.models import AnonymousUser

    from accounts.views import passwords

    request = rf.post("/", {"email": "asha@example.com"})
    request.user = AnonymousUser()
    answer = passwords.password_reset(request)
    assert mail.outbox == []

    answer.close()

    assert len(mail.outbox) == 1


def test_reset_link_sets_a_password_once_and_signs_in(client, student):
    ask(client, "asha@example.com")
    link = reset_link()

    assert client.get(link).status_code == 200
    assert client.post(link, NEW).url == reverse("dashboards:dashboard")
    assert client.session["_auth_user_id"] == str(student.pk)
    student.user.refresh_from_db()
    assert student.user.check_password("seven green parrots")
    client.logout()
    assert (
        client.post(
            link, {"password": "another one here", "password_again": "another one here"}
        ).status_code
        == 404
    )


def test_reset_link_expires_after_an_hour(client, student):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        ask(client, "asha@example.com")
        clock.shift(datetime.timedelta(minutes=59))
        assert client.get(reset_link()).status_code == 200
        clock.shift(datetime.timedelta(minutes=2))
        assert client.post(reset_link(), NEW).status_code == 404


def test_inactive_person_can_neither_get_nor_use_a_link(client, student):
    ask(client, "asha@example.com")
    User.objects.filter(pk=student.pk).update(is_active=False)
    ask(client, "asha@example.com")

    assert len(mail.outbox) == 1
    assert client.post(reset_link(), NEW).status_code == 404


@pytest.mark.parametrize("uid", ["MQ", "x", "_" * 50, "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"])
def test_invalid_link_is_refused(client, db, uid):
    response = client.get(reverse("accounts:password-reset-confirm", args=[uid, "abc-def"]))

    assert response.status_code == 404
    assert "This link is not valid any more" in response.content.decode()


def test_reset_emails_are_limited_by_name_and_address(client, student):
    by_name = [
        ask(client, "asha@example.com", REMOTE_ADDR=f"10.0.0.{n}").status_code for n in range(6)
    ]
    by_address = [
        ask(client, f"a{n}@example.com", REMOTE_ADDR="10.0.1.1").status_code for n in range(21)
    ]

    assert by_name == [302] * 5 + [429]
    assert by_address == [302] * 20 + [429]
    assert len(mail.outbox) == 5


def test_page_refers_to_the_office_without_a_mail_server(client, student, settings):
    settings.SENDS_MAIL = False

    response = ask(client, "asha@example.com")

    assert "Ask the office" in response.content.decode()
    assert mail.outbox == []


def test_failed_email_does_not_fail_the_page(client, student, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

    assert ask(client, "asha@example.com").status_code == 302


def test_invitation_sets_the_password_and_signs_in(client, invited, link_to):
    link = link_to(invited)

    assert "imran@example.com" in client.get(link).content.decode()
    assert client.post(link, NEW).url == reverse("dashboards:dashboard")
    assert client.session["_auth_user_id"] == str(invited.pk)
    invited.refresh_from_db()
    assert invited.check_password("seven green parrots")


def test_invitation_works_once(client, invited, link_to):
    link = link_to(invited)
    client.post(link, NEW)

    assert client.get(link).status_code == 404


def test_links_take_no_host_from_the_request(client, student, settings):
    settings.ALLOWED_HOSTS = ["*"]
    ask(client, "asha@example.com", headers={"host": "evil.example"})

    assert reset_link().startswith("http://localhost:8000/accounts/")
    assert "evil.example" not in mail.outbox[-1].body


def test_invitation_ends_when_the_person_signs_in(client, student, link_to):
    link = link_to(student.user)
    assert client.get(link).status_code == 200
    client.post(reverse("accounts:login"), {"name": "asha@example.com", "password": PASSWORD})
    client.logout()

    assert client.get(link).status_code == 404


def test_link_sent_twice_at_once_sets_one_password(client, invited, link_to):
    def before_query(execute, sql, *args):
        if calls and sql.startswith("SAVEPOINT"):
            calls.pop()()
        return execute(sql, *args)

    person = User.objects.get(pk=invited.pk)
    calls = [lambda: set_password(person, "the first one wins")]
    with connection.execute_wrapper(before_query):
        assert client.post(link_to(invited), NEW).status_code == 404

    invited.refresh_from_db()
    assert invited.check_password("the first one wins")


def test_second_change_of_the_same_old_password_is_refused(student):
    first, second = (User.objects.get(pk=student.pk) for _ in range(2))
    set_password(first, "the first one wins")

    with pytest.raises(ValidationError, match="The password was changed meanwhile"):
        set_password(second, "seven green parrots")

    assert User.objects.get(pk=student.pk).check_password("the first one wins")


def test_invitation_is_valid_for_seven_days(client, invited, link_to):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        link = link_to(invited)
        clock.shift(datetime.timedelta(days=6, hours=23))
        assert client.get(link).status_code == 200
        clock.shift(datetime.timedelta(hours=2))
        assert client.get(link).status_code == 404


def test_invitation_of_an_inactive_person_is_refused(client, invited, link_to):
    link = link_to(invited)
    User.objects.filter(pk=invited.pk).update(is_active=False)

    assert client.get(link).status_code == 404
    assert client.post(link, NEW).status_code == 404


def test_invitation_ends_when_the_email_changes(client, invited, link_to):
    link = link_to(invited)
    User.objects.filter(pk=invited.pk).update(email="other@example.com")

    assert client.get(link).status_code == 404


def test_invitation_ends_with_a_promotion(client, admin, invited, link_to):
    link = link_to(invited)
    change_role(invited, Group.objects.get(name="Admin"), by=admin)

    assert client.get(link).status_code == 404
    assert client.post(link, NEW).status_code == 404
    assert client.get(link_to(User.objects.get(pk=invited.pk))).status_code == 200


def test_invitation_ends_when_the_person_becomes_superuser(client, invited, link_to):
    link = link_to(invited)
    User.objects.filter(pk=invited.pk).update(is_superuser=True)

    assert client.get(link).status_code == 404


def test_invitation_ends_when_the_role_gets_a_permission(client, invited, link_to):
    link = link_to(invited)
    invited.groups.get().permissions.add(Permission.objects.get(codename="add_user"))

    assert client.get(link).status_code == 404


@pytest.mark.parametrize("token", ["x", "a:b:c", "eyJhIjoxfQ:1abc:zzz", "%F0%9F%98%80"])
def test_changed_invitation_is_refused(client, db, token):
    assert client.get(f"/accounts/invitation/{token}/").status_code == 404


def test_invitation_refuses_a_weak_password(client, invited, link_to):
    response = client.post(
        link_to(invited), {"password": "imran khan", "password_again": "imran khan"}
    )

    assert response.context["form"].errors["password"]
    invited.refresh_from_db()
    assert not invited.has_usable_password()


def test_invitation_does_not_change_the_password_of_the_signed_in_person(
    client_of, student, invited, link_to
):
    client_of(student).post(link_to(invited), NEW)

    student.user.refresh_from_db()
    assert student.user.check_password(PASSWORD)
