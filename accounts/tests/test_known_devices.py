import datetime
import re

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.services import invitations
from accounts.services.passwords import set_password
from accounts.services.people import deactivate
from coachmaster.tests.api import Caller

from .factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

ADMIN, COLLEAGUE = "anita@example.com", "imran@example.com"
OFFICE = "10.0.0.9"


def sign_in(client, name=ADMIN, password=PASSWORD, address=OFFICE):
    """Return the status: 302 signed in, 200 wrong password, 429 too many tries."""
    data = {"name": name, "password": password}
    return client.post(reverse("accounts:login"), data, REMOTE_ADDR=address).status_code


def known_device(name=ADMIN, password=PASSWORD):
    """Return a browser on which the person signed in, and out again."""
    client = Client()
    assert sign_in(client, name, password) == 302
    client.post(reverse("accounts:logout"))
    return client


def guess(name, address):
    body = {"email": name, "password": "wrong"}
    Client().post("/api/v1/auth/login", body, "application/json", REMOTE_ADDR=address)


def fail_from_many_addresses(name=ADMIN):
    for n in range(31):
        guess(name, f"10.0.1.{n}")


def fail_with_many_names():
    for n in range(101):
        guess(f"guess{n}@example.com", OFFICE)


def device_cookies(client):
    return {key: cookie for key, cookie in client.cookies.items() if key.startswith("device-")}


# Who gets in ------------------------------------------------------------------------------------


def test_wrong_passwords_of_others_for_the_name_do_not_keep_the_owner_out(admin):
    owner, stranger = known_device(), Client()
    with time_machine.travel(timezone.now(), tick=False):
        fail_from_many_addresses()

        assert sign_in(stranger, address="10.0.2.1") == 429
        assert sign_in(owner, address="10.0.2.2") == 302


def test_wrong_passwords_of_others_at_the_address_do_not_keep_the_office_out(admin, instructor):
    owner, colleague, stranger = known_device(), known_device(COLLEAGUE), Client()
    with time_machine.travel(timezone.now(), tick=False):
        fail_with_many_names()
        for _ in range(11):
            sign_in(stranger, password="wrong")

        assert sign_in(stranger) == 429
        assert (sign_in(owner), sign_in(colleague, COLLEAGUE)) == (302, 302)


def test_known_device_has_ten_wrong_passwords_in_fifteen_minutes(admin):
    thief, owner = known_device(), known_device()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        answers = [sign_in(thief, password="wrong", address=f"10.0.3.{n}") for n in range(12)]

        assert answers == [200] * 10 + [429] * 2
        assert sign_in(thief) == 429
        assert sign_in(owner) == 302
        clock.shift(15 * 60)
        assert sign_in(thief) == 302


def test_known_device_has_a_hundred_wrong_passwords_a_day(admin):
    thief, statuses = known_device(), []
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(11):
            statuses += [sign_in(thief, password="wrong") for _ in range(10)]
            clock.shift(datetime.timedelta(minutes=15))

    assert statuses == [200] * 100 + [429] * 10


def test_wrong_passwords_on_a_known_device_do_not_slow_down_others(admin):
    owner = known_device()
    for _ in range(12):
        sign_in(owner, password="wrong")

    assert [sign_in(Client(), password="wrong") for _ in range(10)] == [200] * 10


def test_right_password_gives_a_known_device_its_tries_back(admin):
    owner = known_device()
    for _ in range(9):
        sign_in(owner, password="wrong")
    sign_in(owner)
    owner.post(reverse("accounts:logout"))

    assert [sign_in(owner, password="wrong") for _ in range(10)] == [200] * 10


def test_device_is_known_for_each_name_of_a_student(student):
    device = known_device("asha@example.com")
    fail_from_many_addresses(student.admission_number)

    assert sign_in(Client(), student.admission_number) == 429
    assert sign_in(device, f" {student.admission_number.lower()}") == 302


def test_several_people_are_known_on_one_device(admin, instructor):
    shared = known_device()
    assert sign_in(shared, COLLEAGUE) == 302
    shared.post(reverse("accounts:logout"))
    fail_from_many_addresses()
    fail_from_many_addresses(COLLEAGUE)

    assert sign_in(shared) == 302


def test_program_that_keeps_its_cookies_is_a_known_device(admin):
    program, stranger = Caller(), Caller()
    credentials = {"email": ADMIN, "password": PASSWORD}
    assert program("POST", "/auth/login", credentials)[0] == 200
    fail_from_many_addresses()

    assert program("POST", "/auth/login", credentials)[0] == 200
    assert stranger("POST", "/auth/login", credentials)[0] == 429
    assert sign_in(program.client) == 302


def test_setting_a_password_by_link_makes_the_device_known():
    person = UserFactory(email=COLLEAGUE, password=None)
    client = Client()
    new = {"password": "seven green parrots", "password_again": "seven green parrots"}
    client.post(invitations.invitation_link(person, by=None), new)
    client.post(reverse("accounts:logout"))
    fail_from_many_addresses(COLLEAGUE)

    assert sign_in(client, COLLEAGUE, "seven green parrots") == 302


# How a device stops being known -----------------------------------------------------------------


def is_known(client, name=ADMIN, password=PASSWORD):
    fail_from_many_addresses(name)
    return sign_in(client, name, password) == 302


def test_new_password_ends_other_known_devices(admin):
    here, elsewhere = known_device(), known_device()
    sign_in(here)
    form = {
        "old_password": PASSWORD,
        "password": "seven green parrots",
        "password_again": "seven green parrots",
    }
    assert here.post(reverse("accounts:password-change"), form).status_code == 302
    here.post(reverse("accounts:logout"))

    assert not is_known(elsewhere, password="seven green parrots")
    assert is_known(here, password="seven green parrots")


def test_password_reset_ends_known_devices(admin):
    device = known_device()
    set_password(admin, "seven green parrots")

    assert not is_known(device, password="seven green parrots")


def test_deactivation_ends_known_devices(admin, instructor):
    device = known_device(COLLEAGUE)
    deactivate(instructor, by=admin)
    fail_from_many_addresses(COLLEAGUE)

    assert sign_in(device, COLLEAGUE) == 429


def test_device_is_known_for_a_year(admin):
    one, other = known_device(), known_device()
    with time_machine.travel(timezone.now() + datetime.timedelta(days=364)):
        assert is_known(one)
    with time_machine.travel(timezone.now() + datetime.timedelta(days=366)):
        assert not is_known(other)


def test_email_that_passed_to_another_person_is_not_known(admin, instructor):
    device = known_device(COLLEAGUE)
    User.objects.filter(pk=instructor.pk).update(email="gone@example.com")
    UserFactory(email=COLLEAGUE)

    assert not is_known(device, COLLEAGUE)


# The cookie -------------------------------------------------------------------------------------


def test_cookie_is_only_valid_for_its_own_name(admin, instructor):
    thief, colleague = known_device(), known_device(COLLEAGUE)
    (own,), (other,) = device_cookies(thief), device_cookies(colleague)
    thief.cookies[other] = thief.cookies[own].value

    assert not is_known(thief, COLLEAGUE)


@pytest.mark.parametrize("change", [lambda text: "x" + text[1:], lambda text: text[:-1], str.upper])
def test_changed_cookie_is_not_valid(admin, change):
    device = known_device()
    (cookie,) = device_cookies(device).values()
    device.cookies[cookie.key] = change(cookie.value)

    assert not is_known(device)


def test_cookie_is_kept_from_scripts_and_other_sites_for_a_year(admin):
    (cookie,) = device_cookies(known_device()).values()

    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
        True,
        "Lax",
        "/",
        "",
    )
    assert cookie["max-age"] == 365 * 24 * 3600


def test_cookie_requires_https_where_the_site_has_it(admin, settings):
    settings.SESSION_COOKIE_SECURE = True

    (cookie,) = device_cookies(known_device()).values()

    assert cookie["secure"] is True


def test_cookie_does_not_name_the_person(student):
    for key, cookie in device_cookies(known_device("asha@example.com")).items():
        assert re.fullmatch(r"device-[0-9a-f]{32}", key)
        assert re.fullmatch(r"[\w-]{22}\.[0-9a-f]{32}:\w{6}:[\w-]{43}", cookie.value)


def test_sign_out_keeps_the_cookie(admin):
    device = Client()
    sign_in(device)

    answer = device.post(reverse("accounts:logout"))

    assert not re.search(r"cookies|\*", answer.get("Clear-Site-Data", ""))
    assert not any(key.startswith("device-") for key in answer.cookies)


def test_cookie_signs_nobody_in(admin):
    device = known_device()

    assert device.get(reverse("accounts:me")).status_code == 302


def test_two_devices_have_nothing_in_common_but_the_name_of_the_cookie(admin):
    one, other = device_cookies(known_device()), device_cookies(known_device())

    assert one.keys() == other.keys()
    (one,), (other,) = one.values(), other.values()
    assert not set(re.split("[.:]", one.value)[:2]) & set(re.split("[.:]", other.value)[:2])


def test_browser_keeps_the_cookies_of_the_last_eight_names():
    names = [UserFactory().email for _ in range(10)]
    cookies = [cookie for name in names for cookie in device_cookies(known_device(name)).values()]
    sent = "; ".join(f"{cookie.key}={cookie.value}" for cookie in cookies[:9])

    answer = Client().post(
        reverse("accounts:login"), {"name": names[9], "password": PASSWORD}, HTTP_COOKIE=sent
    )

    deleted = [key for key, cookie in answer.cookies.items() if not cookie.value]
    assert deleted == [cookie.key for cookie in cookies[:2]]


def test_failed_sign_in_sets_no_cookie(admin):
    client = Client()
    sign_in(client, password="wrong")

    assert not device_cookies(client)
