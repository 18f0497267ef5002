"""Right passwords cost processor time and make rows, so they are limited too."""

import datetime

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken, Attempts, Device
from coachmaster.tests.api import Caller

from .factories import PASSWORD

pytestmark = pytest.mark.django_db

EMAIL = "asha@example.com"


@pytest.fixture
def clock(student):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


def sign_in(client, password=PASSWORD, name=EMAIL, address="10.0.0.9"):
    """Return the status: 302 signed in, 200 wrong password, 429 too many tries."""
    data = {"name": name, "password": password}
    status = client.post(reverse("accounts:login"), data, REMOTE_ADDR=address).status_code
    client.post(reverse("accounts:logout"))
    return status


def get_token(client):
    body = {"email": EMAIL, "password": PASSWORD}
    return client.post("/api/v1/auth/login", body, "application/json").status_code


@pytest.mark.parametrize("is_known", [True, False])
def test_person_signs_in_sixty_times_an_hour_and_then_once_a_minute(clock, is_known):
    device = Client()
    statuses = [sign_in(device if is_known else Client()) for _ in range(63)]
    clock.shift(datetime.timedelta(minutes=1))
    statuses += [sign_in(device), sign_in(device)]

    assert statuses == [302] * 61 + [429] * 2 + [302, 429]
    clock.shift(datetime.timedelta(hours=1))
    assert sign_in(device) == 302


def test_sign_ins_of_the_site_and_the_api_count_together(clock):
    statuses = [get_token(Client()) for _ in range(40)] + [sign_in(Client()) for _ in range(22)]

    assert statuses == [200] * 40 + [302] * 21 + [429]


def test_wrong_passwords_of_others_do_not_count_as_sign_ins(clock):
    owner = Client()
    assert sign_in(owner) == 302
    for n in range(35):
        sign_in(Client(), "wrong", address=f"10.0.1.{n}")
    for _ in range(3):
        sign_in(owner, "wrong")

    assert Attempts.objects.get(limit="sign-in: right").count == 1
    assert [sign_in(owner) for _ in range(60)] == [302] * 60


def test_wrong_passwords_of_others_do_not_use_up_the_sign_in_of_a_minute(clock):
    owner = Client()
    for _ in range(60):
        sign_in(owner)
    sign_in(Client(), "wrong", address="10.0.1.1")

    assert (sign_in(owner), sign_in(owner)) == (302, 429)


def test_own_password_is_confirmed_sixty_times_an_hour(clock, client_of, student):
    client = client_of(student)
    data = {"old_password": PASSWORD, "password": "short", "password_again": "short"}
    pages = [client.post(reverse("accounts:password-change"), data) for _ in range(61)]

    errors = [page.context["form"].errors.get("old_password") for page in pages]
    assert errors == [None] * 60 + [["Too many tries. Wait 60 minutes, then try again."]]


# Rows --------------------------------------------------------------------------------------------


def test_only_the_last_fifty_devices_of_a_person_stay_signed_in(clock, student, admin):
    other = Caller(admin)
    phone, program = Client(), Caller(student)
    phone.post(reverse("accounts:login"), {"name": EMAIL, "password": PASSWORD})
    for _ in range(48):
        clock.shift(datetime.timedelta(minutes=2))
        Client().post(reverse("accounts:login"), {"name": EMAIL, "password": PASSWORD})
        phone.get(reverse("accounts:me"))
    assert program("GET", "/auth/me")[0] == 200

    clock.shift(datetime.timedelta(minutes=2))
    get_token(Client())
    assert Device.objects.filter(user=student.user).count() == 50
    get_token(Client())

    assert Device.objects.filter(user=student.user).count() == 50
    assert (Session.objects.count(), ApiToken.objects.filter(user=student.user).count()) == (47, 3)
    assert phone.get(reverse("accounts:me")).status_code == 200
    assert other("GET", "/auth/me")[0] == 200
