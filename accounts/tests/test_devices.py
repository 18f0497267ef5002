import datetime

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken, Device, User
from accounts.roles import ADMIN
from accounts.services.passwords import set_password
from accounts.services.people import activate, change_role, deactivate, update_person
from accounts.user_agents import describe
from coachmaster.tests.api import Caller

from .factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

LIST = "accounts:device-list"
SECOND, MINUTE = datetime.timedelta(seconds=1), datetime.timedelta(minutes=1)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Mobile Safari/537.36"
)
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0"
)


@pytest.fixture
def clock(db):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


def sign_in(person, *, agent=ANDROID, address="10.0.0.7"):
    """Return a new browser where the person signed in."""
    client = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
    data = {"name": person.email, "password": PASSWORD}
    assert client.post(reverse("accounts:login"), data).status_code == 302
    return client


def is_signed_in(client):
    return client.get(reverse("accounts:me")).status_code == 200


def seen(page):
    return [(device.description, device.address) for device in page.context["devices"]]


def device_of(client):
    return Device.objects.get(session=client.session.session_key)


# The page --------------------------------------------------------------------------------------


def test_page_lists_browsers_and_programs_with_their_addresses(student, admin):
    sign_in(admin, address="10.0.0.1")
    phone = sign_in(student.user)
    sign_in(student.user, agent=WINDOWS, address="2001:db8::7")
    Client(headers={"User-Agent": "curl/8.5.0"}, REMOTE_ADDR="10.0.0.9").post(
        "/api/v1/auth/login",
        {"email": student.user.email, "password": PASSWORD},
        content_type="application/json",
    )

    page = phone.get(reverse(LIST))

    assert seen(page) == [
        ("curl", "10.0.0.9"),
        ("Edge on Windows", "2001:db8::/64"),
        ("Chrome on Android", "10.0.0.7"),
    ]
    text = page.content.decode()
    assert text.count("This device") == 1
    assert text.count("API token") == 1
    assert "About the API" in text
    assert text.count(">\n                    Sign out</button>") == 2


def test_account_page_links_to_the_devices(client_of, student):
    assert reverse(LIST) in client_of(student).get(reverse("accounts:me")).content.decode()


def test_expired_sessions_and_tokens_are_not_listed(student, clock):
    sign_in(student.user)
    Caller(student)
    clock.shift(datetime.timedelta(days=31))

    page = sign_in(student.user).get(reverse(LIST))
    assert len(seen(page)) == 1
    assert "About the API" not in page.content.decode()


@pytest.mark.parametrize(
    ("agent", "description"),
    [
        (ANDROID, "Chrome on Android"),
        (WINDOWS, "Edge on Windows"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
            "like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:133.0) Gecko/20100101 Firefox/133.0",
            "Firefox on Mac",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; SM-A546E) AppleWebKit/537.36 (KHTML, like Gecko) "
            "SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133",
            "Firefox on Linux",
        ),
        ("python-requests/2.32.3", "python-requests"),
        ("", "Unknown device"),
        ("\0<script>", "Unknown device"),
        ("x" * 5000, "x" * 40),
    ],
)
def test_description_is_in_plain_words(agent, description):
    assert describe(agent) == description


# Last use --------------------------------------------------------------------------------------


def test_last_use_and_address_of_a_browser_are_written_once_a_minute(student, clock):
    client = sign_in(student.user, address="10.0.0.7")
    start = timezone.now()

    def use_after(time, address):
        clock.shift(time)
        client.get(reverse("accounts:me"), REMOTE_ADDR=address)
        device = device_of(client)
        return device.last_used_at - start, device.address

    assert use_after(59 * SECOND, "10.0.0.8") == (0 * SECOND, "10.0.0.7")
    assert use_after(SECOND, "10.0.0.8") == (MINUTE, "10.0.0.8")
    assert device_of(client).first_used_at == start


def test_last_use_of_a_token_is_written_once_a_minute(student, clock):
    caller = Caller(student)
    start = timezone.now()

    def use_after(time):
        clock.shift(time)
        assert caller("GET", "/auth/me")[0] == 200
        return Device.objects.get(token__user=student.user).last_used_at - start

    assert use_after(59 * SECOND) == 0 * SECOND
    assert use_after(SECOND) == MINUTE


# Ending ----------------------------------------------------------------------------------------


def test_one_device_is_signed_out_at_once(student):
    here, there, elsewhere = (sign_in(student.user) for _ in range(3))
    key = there.session.session_key

    response = here.post(reverse("accounts:device-sign-out", args=[device_of(there).pk]))

    assert response.url == reverse(LIST)
    assert not Session.objects.filter(pk=key).exists()
    assert [is_signed_in(client) for client in (here, there, elsewhere)] == [True, False, True]


def test_one_program_is_signed_out_at_once(client_of, student):
    one, other = Caller(student), Caller(student)
    device = Device.objects.filter(token__isnull=False).order_by("pk").first()

    client_of(student).post(reverse("accounts:device-sign-out", args=[device.pk]))

    assert [caller("GET", "/auth/me")[0] for caller in (one, other)] == [401, 200]


def test_everything_else_is_signed_out_with_one_button(student, admin):
    here, there, of_another = sign_in(student.user), sign_in(student.user), sign_in(admin)
    caller = Caller(student)

    assert here.post(reverse("accounts:sign-out-others")).url == reverse(LIST)

    assert [is_signed_in(client) for client in (here, there, of_another)] == [True, False, True]
    assert caller("GET", "/auth/me")[0] == 401
    assert "Sign out everywhere else" not in here.get(reverse(LIST)).content.decode()


def test_signing_out_other_devices_asks_for_the_password_after_ten_minutes(clock, admin):
    own, other = sign_in(admin), sign_in(admin)
    one = reverse("accounts:device-sign-out", args=[device_of(other).pk])
    clock.shift(10 * MINUTE + SECOND)

    for page in (one, reverse("accounts:sign-out-others")):
        assert own.post(page).context["form"].errors == {}
        assert "own_password" in own.post(page, {"own_password": "wrong"}).context["form"].errors
    assert is_signed_in(other)

    assert own.post(one, {"own_password": PASSWORD}).url == reverse(LIST)
    assert not is_signed_in(other)


def test_devices_of_others_cannot_be_signed_out(student, admin):
    theirs = sign_in(admin)

    response = sign_in(student.user).post(
        reverse("accounts:device-sign-out", args=[device_of(theirs).pk])
    )

    assert response.status_code == 404
    assert is_signed_in(theirs)


def test_signing_out_deletes_the_device(student):
    client = sign_in(student.user)
    caller = Caller(student)

    client.post(reverse("accounts:logout"))
    caller("POST", "/auth/logout")

    assert not Device.objects.exists()


def test_expired_devices_are_deleted_with_their_sessions(student, clock):
    sign_in(student.user)
    clock.shift(datetime.timedelta(days=31))

    call_command("clearsessions")

    assert not Device.objects.exists()


# What else ends sessions -----------------------------------------------------------------------


def test_new_password_ends_all_but_this_device(student):
    here, there, caller = sign_in(student.user), sign_in(student.user), Caller(student)
    since = device_of(here).first_used_at
    new = "seven green parrots"

    here.post(
        reverse("accounts:password-change"),
        {"old_password": PASSWORD, "password": new, "password_again": new},
    )

    assert (is_signed_in(here), is_signed_in(there)) == (True, False)
    assert caller("GET", "/auth/me")[0] == 401
    assert seen(here.get(reverse(LIST))) == [("Chrome on Android", "10.0.0.7")]
    assert device_of(here).first_used_at == since


def password(person, admin):
    set_password(person, "seven green parrots")


def password_in_the_shell(person, admin):
    person.set_password("seven green parrots")
    person.save()


def role(person, admin):
    change_role(person, Group.objects.get(name=ADMIN), by=admin)


def deactivation(person, admin):
    deactivate(person, by=admin)


def deactivation_and_activation(person, admin):
    deactivate(person, by=admin)
    activate(User.objects.get(pk=person.pk))


@pytest.mark.parametrize(
    "change",
    [password, password_in_the_shell, role, deactivation, deactivation_and_activation],
)
def test_change_of_an_account_ends_all_sessions_and_tokens(instructor, admin, change):
    clients, caller = [sign_in(instructor), sign_in(instructor)], Caller(instructor)
    other = sign_in(admin)

    change(instructor, admin)

    assert not Device.objects.filter(user=instructor).exists()
    assert not ApiToken.objects.exists()
    assert Session.objects.count() == 1
    assert [is_signed_in(client) for client in clients] == [False, False]
    assert caller("GET", "/auth/me")[0] == 401
    assert is_signed_in(other)


def test_new_email_address_ends_nothing(instructor):
    client = sign_in(instructor)

    update_person(instructor, by=instructor, email="new@example.com")

    assert is_signed_in(client)


def test_session_with_a_new_key_keeps_its_device(student, clock):
    client = sign_in(student.user)
    since = device_of(client).first_used_at
    session = client.session
    session.cycle_key()
    client.cookies["sessionid"] = session.session_key
    clock.shift(2 * MINUTE)

    assert is_signed_in(client)

    assert device_of(client).first_used_at == since


# The page of a person --------------------------------------------------------------------------


def test_admin_sees_where_a_person_is_signed_in_and_ends_it(client_of, admin, instructor):
    client, caller = sign_in(instructor), Caller(instructor)
    admin_client = client_of(admin)

    page = admin_client.get(reverse("accounts:person-detail", args=[instructor.pk]))
    assert sorted(seen(page)) == [("Chrome on Android", "10.0.0.7"), ("Unknown device", "")]
    response = admin_client.post(reverse("accounts:person-sign-out", args=[instructor.pk]))

    assert response.url == reverse("accounts:person-detail", args=[instructor.pk])
    assert not is_signed_in(client)
    assert caller("GET", "/auth/me")[0] == 401
    assert is_signed_in(admin_client)


def test_devices_need_permission_and_a_manageable_person(client_of, admin, instructor):
    def page_for(*codenames, of=instructor):
        group = Group.objects.create(name="Front desk")
        group.permissions.set(permissions(*codenames))
        client = client_of(UserFactory(role="Front desk"))
        page = client.get(reverse("accounts:person-detail", args=[of.pk]))
        answer = client.post(reverse("accounts:person-sign-out", args=[of.pk])).status_code
        client.logout()
        User.objects.filter(membership__group=group).delete()
        group.delete()
        return len(page.context["devices"]), answer

    sign_in(instructor)
    sign_in(admin)
    everybody = "see_whole_institute"
    of_instructors = ["view_course", "view_batch", "teach_batch", "view_enrollment"]
    of_instructors += ["view_sheet", "add_sheet"]

    assert page_for(everybody, "view_user", *of_instructors) == (0, 403)
    assert page_for(everybody, "view_device", "view_user", *of_instructors) == (1, 403)
    assert page_for(everybody, "view_device", "delete_device") == (0, 403)  # more permissions
    assert page_for(everybody, "view_device", "delete_device", of=admin) == (0, 403)
    assert page_for(everybody, "view_device", "delete_device", *of_instructors) == (1, 302)


def permissions(*codenames):
    return Permission.objects.filter(codename__in=codenames)


def test_deleting_a_device_in_django_admin_signs_it_out(client_of, admin, instructor):
    client = sign_in(instructor)
    page = reverse("admin:accounts_device_delete", args=[device_of(client).pk])

    client_of(admin).post(page, {"post": "yes"})

    assert not is_signed_in(client)


def test_own_page_shows_no_devices(client_of, admin):
    page = client_of(admin).get(reverse("accounts:person-detail", args=[admin.pk]))

    assert page.context["devices"] == []


def test_signing_oneself_out_everywhere_keeps_this_device(admin):
    here, there = sign_in(admin), sign_in(admin)

    here.post(reverse("accounts:person-sign-out", args=[admin.pk]))

    assert (is_signed_in(here), is_signed_in(there)) == (True, False)
