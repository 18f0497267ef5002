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
from accounts.roles import PERMISSIONS
from accounts.services import invitations
from accounts.services.passwords import set_password
from accounts.services.people import activate, change_role, deactivate

from .factories import PASSWORD, UserFactory, user_with

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
    """`link_to(person)`: an invitation, made at a shell unless ``by`` is given."""

    def make(person, by=None):
        return invitations.invitation_link(person, by=by)

    return make


@pytest.fixture
def desk(db):
    """A person who sees everybody, and may add and change people."""
    return user_with(
        "accounts.see_whole_institute",
        "accounts.add_user",
        "accounts.change_user",
        full_name="Dev Shah",
    )


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


def test_reset_link_ends_with_a_promotion(client, admin, instructor):
    ask(client, "imran@example.com")
    change_role(instructor, Group.objects.get(name="Admin"), by=admin)

    assert client.get(reset_link()).status_code == 404
    assert client.post(reset_link(), NEW).status_code == 404
    ask(client, "imran@example.com")
    assert client.get(reset_link()).status_code == 200


def test_reset_link_ends_when_the_person_becomes_superuser(client, instructor):
    ask(client, "imran@example.com")
    User.objects.filter(pk=instructor.pk).update(is_superuser=True)

    assert client.post(reset_link(), NEW).status_code == 404


def test_reset_link_ends_when_the_role_gets_a_permission(client, instructor):
    ask(client, "imran@example.com")
    instructor.groups.get().permissions.add(Permission.objects.get(codename="add_user"))

    assert client.post(reset_link(), NEW).status_code == 404


def test_reset_link_ends_when_the_email_changes(client, instructor):
    ask(client, "imran@example.com")
    User.objects.filter(pk=instructor.pk).update(email="other@example.com")

    assert client.post(reset_link(), NEW).status_code == 404


def test_invitation_and_reset_link_are_not_interchangeable(client, instructor, link_to):
    ask(client, "imran@example.com")

    assert client.get(reset_link().replace("/reset/", "/invitation/")).status_code == 404
    assert client.get(link_to(instructor).replace("/invitation/", "/reset/")).status_code == 404


@pytest.mark.parametrize("token", ["x", "abc-def", "a:b:c", "eyJhIjoxfQ:1abc:zzz", "_" * 50])
def test_invalid_link_is_refused(client, db, token):
    response = client.get(reverse("accounts:password-reset-confirm", args=[token]))

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


def invite(client_of, maker, person):
    """Return the link that ``maker`` gets on the page of ``person``; then sign out."""
    client = client_of(maker)
    client.post(reverse("accounts:login"), {"name": maker.email, "password": PASSWORD})
    page = client.post(
        reverse("accounts:person-invite", args=[person.pk]), {"show": "yes"}, follow=True
    )
    client.logout()
    return page.context["link"]


def test_invitation_ends_with_the_deactivation_of_its_maker(
    client, client_of, admin, desk, student
):
    link = invite(client_of, desk, student)
    assert client.get(link).status_code == 200

    deactivate(desk, by=admin)

    assert client.get(link).status_code == 404
    assert client.post(link, NEW).status_code == 404
    activate(desk)
    assert client.get(link).status_code == 200


def test_invitation_ends_when_its_maker_gets_another_role(client, client_of, admin, desk, student):
    link = invite(client_of, desk, student)
    change_role(desk, Group.objects.get(name="Instructor"), by=admin)

    assert client.get(link).status_code == 404
    assert client.post(link, NEW).status_code == 404


def test_invitation_ends_when_the_role_of_its_maker_loses_the_permission(
    client, client_of, desk, student
):
    link = invite(client_of, desk, student)
    desk.groups.get().permissions.remove(Permission.objects.get(codename="change_user"))

    assert client.post(link, NEW).status_code == 404


def test_invitation_ends_when_its_maker_does_not_see_the_person_any_more(
    client, client_of, desk, student
):
    link = invite(client_of, desk, student)
    desk.groups.get().permissions.remove(Permission.objects.get(codename="see_whole_institute"))

    assert client.post(link, NEW).status_code == 404


def test_invitation_ends_when_its_maker_lacks_a_permission_of_the_person(
    client, client_of, admin, instructor
):
    link = invite(client_of, admin, instructor)
    front_desk = user_with("accounts.see_whole_institute", "accounts.change_user").membership
    change_role(admin, front_desk.group, by=UserFactory(role="Admin"))

    assert client.post(link, NEW).status_code == 404


def test_invitation_outlives_another_role_of_its_maker_with_the_same_permission(
    client, client_of, admin, desk, student
):
    link = invite(client_of, desk, student)
    change_role(desk, Group.objects.get(name="Admin"), by=admin)

    assert client.post(link, NEW).status_code == 302


def test_invitation_emailed_to_an_added_person_ends_with_its_maker(client, client_of, admin):
    clerk = user_with("accounts.add_user")
    sent = {"full_name": "Ria Das", "email": "ria@example.com", "role": "Student"}
    client_of(clerk).post(reverse("accounts:person-create"), sent)
    client.logout()
    assert client.get(reset_link()).status_code == 200

    deactivate(clerk, by=admin)

    assert client.post(reset_link(), NEW).status_code == 404


def test_who_may_only_add_people_invites_nobody_with_a_password(client, student, invited, link_to):
    clerk = user_with("accounts.add_user", *PERMISSIONS["Instructor"])

    assert client.get(link_to(student.user, by=clerk)).status_code == 404
    assert client.get(link_to(invited, by=clerk)).status_code == 200


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
