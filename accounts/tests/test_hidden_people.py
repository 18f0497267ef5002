"""Whether somebody has a name shows neither in an answer nor in the work for it."""

import json
import re

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.roles import ADMIN

from .factories import PASSWORD, StudentFactory, UserFactory

pytestmark = pytest.mark.django_db

LIMIT = 10
CASES = [
    ("nobody@example.com", "wrong"),
    ("99-00001", "wrong"),
    ("imran@example.com", "wrong"),
    ("inactive@example.com", "wrong"),
    ("inactive@example.com", PASSWORD),
    ("invited@example.com", "wrong"),
    ("invited@example.com", ""),
    ("26-00077", "wrong"),
    ("owner@example.com", "wrong"),
]


class CountingHasher(MD5PasswordHasher):
    algorithm = "counting"
    computed = []

    def encode(self, password, salt):
        self.computed.append(password)
        return super().encode(password, salt)


@pytest.fixture(autouse=True)
def _people(db, settings):
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    UserFactory(email="imran@example.com")
    UserFactory(email="inactive@example.com", is_active=False)
    UserFactory(email="invited@example.com", password=None)
    UserFactory(email="owner@example.com", role=ADMIN, is_superuser=True)
    StudentFactory(user__email="", admission_number="26-00077")
    Client().get(reverse("accounts:login"))  # the institute's name is cached for a minute


def page(name, password, **more):
    data = {"name": name, "password": password or " "}
    return Client().post(reverse("accounts:login"), data, **more)


def api(name, password, **more):
    body = json.dumps({"email": name, "password": password or "\u200b"})
    return Client().post("/api/v1/auth/login", body, "application/json", **more)


def seen(answer, name):
    """Return what a visitor sees, without the name that they typed."""
    text = re.sub(r'(csrfmiddlewaretoken" value=)"\w+"', r"\1", answer.content.decode())
    changing = {"Content-Length", "Expires", "X-Request-ID"}
    headers = {key: value for key, value in answer.headers.items() if key not in changing}
    return answer.status_code, headers, sorted(answer.cookies), text.replace(name, "NAME")


def work(call):
    del CountingHasher.computed[:]
    call()
    return len(CountingHasher.computed)


@pytest.mark.parametrize("send", [page, api])
@pytest.mark.parametrize(("name", "password"), CASES)
def test_refusal_is_the_same_for_every_name(send, name, password):
    reference = seen(send("somebody@else.example", "wrong"), "somebody@else.example")

    assert seen(send(name, password), name) == reference


@pytest.mark.parametrize("send", [page, api])
@pytest.mark.parametrize(("name", "password"), CASES)
def test_refusal_computes_one_password_hash_for_every_name(send, name, password, queries_of):
    reference = queries_of(lambda: send("somebody@else.example", "wrong", REMOTE_ADDR="10.0.0.1"))

    assert work(lambda: send(name, password)) == 1
    assert queries_of(lambda: send(name, password)) == reference


@pytest.mark.parametrize("send", [page, api])
@pytest.mark.parametrize(("name", "password"), CASES)
def test_limit_is_the_same_for_every_name_and_computes_nothing(send, name, password, queries_of):
    other = "somebody@else.example"
    for _ in range(LIMIT):
        assert send(name, password).status_code in (200, 401)
        send(other, "wrong", REMOTE_ADDR="10.0.0.1")
    reference = send(other, "wrong", REMOTE_ADDR="10.0.0.1")
    answer = send(name, password)

    assert reference.status_code == answer.status_code == 429
    answer["Retry-After"] = reference["Retry-After"]  # one second may pass
    assert seen(answer, name) == seen(reference, other)
    assert work(lambda: send(name, password)) == 0
    assert queries_of(lambda: send(name, password)) == queries_of(
        lambda: send(other, "wrong", REMOTE_ADDR="10.0.0.1")
    )


@pytest.mark.parametrize("send", [page, api])
@pytest.mark.parametrize(("name", "password"), CASES)
def test_device_of_somebody_else_learns_nothing(send, name, password, queries_of):
    client = Client()
    colleague = UserFactory(email="colleague@example.com")
    client.post(reverse("accounts:login"), {"name": colleague.email, "password": PASSWORD})
    cookies = "; ".join(
        f"{key}={cookie.value}"
        for key, cookie in client.cookies.items()
        if key.startswith("device-")
    )

    def queries(name, password, address):
        more = {"HTTP_COOKIE": cookies, "REMOTE_ADDR": address}
        return queries_of(lambda: send(name, password, **more))

    assert queries(name, password, "10.0.0.1") == queries("x@else.example", "wrong", "10.0.0.2")


@pytest.mark.parametrize(
    "email", ["imran@example.com", "inactive@example.com", "owner@example.com"]
)
def test_request_for_a_new_password_does_no_more_for_a_known_name(settings, rf, email, queries_of):
    from django.contrib.auth.models import AnonymousUser

    from accounts.views.passwords import password_reset

    settings.SENDS_MAIL = True

    def answer(email):
        request = rf.post(reverse("accounts:password-reset"), {"email": email})
        request.user = AnonymousUser()
        return password_reset(request)

    assert queries_of(lambda: answer(email)) == queries_of(lambda: answer("no@else.example"))
    assert User.objects.filter(email=email).exists()
