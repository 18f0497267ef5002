import datetime
from contextlib import contextmanager

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models.signals import post_save
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import tokens
from accounts.models import User
from accounts.services.passwords import set_password
from accounts.services.people import activate, deactivate
from accounts.services.sign_in import authenticate_person, open_session

from .factories import PASSWORD, UserFactory
from .second_factors import app_of, code_of

pytestmark = pytest.mark.django_db

SECOND = datetime.timedelta(seconds=1)
MINUTE = datetime.timedelta(minutes=1)
HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def clock(db):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


def sign_in(person):
    client = Client()
    data = {"name": person.email, "password": PASSWORD}
    assert client.post(reverse("accounts:login"), data).status_code == 302
    return client


def is_signed_in(client):
    return client.get(reverse("accounts:me")).status_code == 200


@pytest.mark.parametrize("person", ["admin", "instructor"])
def test_employees_are_signed_out_after_eight_hours_without_use(person, request, clock):
    client = sign_in(request.getfixturevalue(person))

    clock.shift(8 * HOUR - MINUTE)
    assert is_signed_in(client)

    client = sign_in(request.getfixturevalue(person))
    clock.shift(8 * HOUR + MINUTE)
    assert not is_signed_in(client)


def test_employees_are_signed_out_after_twelve_hours_in_any_case(admin, clock):
    client = sign_in(admin)

    for _ in range(11):
        clock.shift(HOUR)
        assert is_signed_in(client)
    clock.shift(59 * MINUTE)
    assert is_signed_in(client)
    clock.shift(2 * MINUTE)
    assert not is_signed_in(client)


def test_superuser_with_the_role_of_students_is_an_employee(student, clock):
    User.objects.filter(pk=student.pk).update(is_superuser=True)
    client = sign_in(student.user)

    clock.shift(8 * HOUR + MINUTE)

    assert not is_signed_in(client)


def test_students_stay_signed_in_for_thirty_days_from_the_last_use(student, clock):
    client = sign_in(student.user)

    for _ in range(3):
        clock.shift(29 * DAY)
        assert is_signed_in(client)
    clock.shift(30 * DAY + MINUTE)
    assert not is_signed_in(client)


def test_old_cookie_is_refused_by_the_server(admin, clock):
    client = sign_in(admin)
    cookie = client.cookies["sessionid"].value

    clock.shift(8 * HOUR + MINUTE)
    other = Client()
    other.cookies["sessionid"] = cookie  # without the age at which a browser forgets it

    assert not is_signed_in(other)


def test_cookie_is_renewed_with_the_session(student, clock):
    client = sign_in(student.user)
    assert client.cookies["sessionid"]["max-age"] == 30 * 24 * 3600

    clock.shift(10 * DAY)
    client.cookies["sessionid"]["max-age"] = ""
    client.get(reverse("accounts:me"))

    assert client.cookies["sessionid"]["max-age"] == 30 * 24 * 3600


def test_last_use_is_written_once_a_minute(student, clock):
    client = sign_in(student.user)

    def ends_at():
        assert is_signed_in(client)
        return Session.objects.get().expire_date

    first = ends_at()
    clock.shift(59 * SECOND)
    assert ends_at() == first
    clock.shift(SECOND)
    assert ends_at() == first + MINUTE


def test_request_within_the_minute_writes_nothing(student, clock):
    client = sign_in(student.user)

    clock.shift(59 * SECOND)
    with CaptureQueriesContext(connection) as captured:
        assert is_signed_in(client)

    assert {query["sql"].split()[0] for query in captured} == {"SELECT"}


def test_session_ended_during_a_request_leads_to_the_sign_in_page(student, clock):
    def end_session(**kwargs):
        Session.objects.all().delete()

    client = sign_in(student.user)
    clock.shift(2 * MINUTE)
    post_save.connect(end_session, sender=User)
    try:
        response = client.post(reverse("accounts:me"), {"full_name": "Asha Rao"})
    finally:
        post_save.disconnect(end_session, sender=User)

    assert response.url == f"{reverse('accounts:login')}?next={reverse('accounts:me')}"
    assert not is_signed_in(client)


# Changes while somebody signs in -----------------------------------------------------------------


@contextmanager
def during_sign_in(change):
    """Call ``change`` once, after the password was checked."""

    def before_query(execute, sql, params, many, context):
        if calls and "otp_totp" in sql:
            calls.pop()()
        return execute(sql, params, many, context)

    calls = [change]
    with connection.execute_wrapper(before_query):
        yield
    assert calls == []


def changes_of(person):
    return {
        "deactivation": lambda: deactivate(person, by=UserFactory()),
        "password": lambda: set_password(User.objects.get(pk=person.pk), "seven green parrots"),
        "factor": lambda: app_of(person),
    }


@pytest.mark.parametrize("change", ["deactivation", "password"])
def test_change_during_the_sign_in_leaves_no_session(client, instructor, change):
    sent = {"name": instructor.email, "password": PASSWORD}
    with during_sign_in(changes_of(instructor)[change]):
        page = client.post(reverse("accounts:login"), sent)

    assert "Enter your name and password first." in page.content.decode()
    activate(instructor)
    assert client.get(reverse("accounts:me")).status_code == 302
    assert not instructor.devices.exists()


@pytest.mark.parametrize("change", ["deactivation", "password", "factor"])
def test_change_after_the_check_of_the_password_refuses_the_session(client, instructor, change):
    request = client.get(reverse("accounts:login")).wsgi_request
    person = authenticate_person(request, instructor.email, PASSWORD)

    changes_of(instructor)[change]()

    assert not open_session(request, person)
    assert tokens.issue(person) is None
    assert not request.user.is_authenticated


def test_deactivation_during_the_second_step_leaves_no_session(client, instructor):
    app, _ = app_of(instructor)
    client.post(reverse("accounts:login"), {"name": instructor.email, "password": PASSWORD})
    with during_sign_in(changes_of(instructor)["deactivation"]):
        client.post(reverse("accounts:second-step"), {"code": code_of(app)})

    activate(instructor)
    assert client.get(reverse("accounts:me")).status_code == 302
