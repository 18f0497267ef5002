import sqlite3

import pytest
from django.db import OperationalError, connection
from django.urls import reverse

from finance.models import Payment
from finance.services import payments
from finance.tests.factories import enrolled
from finance.tests.test_payments import post

pytestmark = pytest.mark.django_db


@pytest.fixture
def failing(monkeypatch):
    """`failing(n)`: the next n payments end in a deadlock."""

    def fail(times):
        lock, left = payments.lock_entry, [times]

        def lock_entry(*args, **kwargs):
            if left[0]:
                left[0] -= 1
                raise OperationalError("deadlock detected")
            return lock(*args, **kwargs)

        monkeypatch.setattr(payments, "lock_entry", lock_entry)

    return fail


@pytest.fixture
def owing(student):
    enrolled(student=student, fee="12000.00")
    return student


def test_payment_after_deadlock_is_recorded_once(client_of, admin, owing, failing):
    client = client_of(admin)
    failing(1)

    response = post(client, owing)

    payment = Payment.objects.get()
    assert response.url == payment.get_absolute_url()
    assert payment.number == 1


def test_second_failure_shows_busy_page(client_of, admin, owing, failing):
    client = client_of(admin)
    failing(2)

    response = post(client, owing)

    assert response.status_code == 503
    assert "Nothing was saved." in response.content.decode()
    assert not Payment.objects.exists()


def test_failed_form_can_be_sent_again(client_of, admin, owing, failing):
    client = client_of(admin)
    failing(2)

    first, second, third = (post(client, owing, token="one-and-the-same-token") for _ in range(3))

    assert first.status_code == 503
    assert second.url == third.url
    assert Payment.objects.get().amount == 5000


def test_missing_table_is_a_server_error(client_of, admin, monkeypatch, caplog):
    def ask_it(*args):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM forgotten")

    client = client_of(admin)
    client.raise_request_exception = False
    monkeypatch.setattr("academics.views.courses.CourseFilter", ask_it)

    response = client.get(reverse("academics:course-list"))

    assert response.status_code == 500
    assert "Something went wrong on our side" in response.content.decode()
    assert "run `manage.py migrate`" in caplog.text


def test_locked_sqlite_file_shows_busy_page(client_of, admin, monkeypatch):
    def locked(*args):
        cause = sqlite3.OperationalError("database is locked")
        cause.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise OperationalError(*cause.args) from cause

    client = client_of(admin)
    monkeypatch.setattr("academics.views.courses.CourseFilter", locked)

    response = client.get(reverse("academics:course-list"))

    assert response.status_code == 503
    assert "Nothing was saved." in response.content.decode()
