import contextlib
import datetime
import logging
import sqlite3

import psycopg
import pytest
import time_machine
from django.contrib.auth import authenticate
from django.core import mail
from django.db import InterfaceError, InternalError, OperationalError, connection
from django.urls import reverse
from django.utils import timezone

from accounts.services import emails
from coachmaster.tests.api import Caller
from finance.models import Payment
from finance.services import payments
from finance.tests.factories import enrolled
from finance.tests.test_payments import post

pytestmark = pytest.mark.django_db

UNKNOWN = "it is not known whether your change was saved"


def raised(error, cause):
    error.__cause__ = cause
    return error


def deadlock():
    return raised(OperationalError("deadlock detected"), psycopg.errors.DeadlockDetected())


def connection_lost():
    return raised(OperationalError("server closed the connection"), psycopg.OperationalError())


def sqlite_error(code, message):
    cause = sqlite3.OperationalError(message)
    cause.sqlite_errorcode = code
    return raised(OperationalError(message), cause)


OUTAGES = [
    deadlock(),
    connection_lost(),
    raised(OperationalError("could not extend file"), psycopg.errors.DiskFull()),
    raised(InternalError("read-only transaction"), psycopg.errors.ReadOnlySqlTransaction()),
    raised(OperationalError("canceling statement"), psycopg.errors.QueryCanceled()),
    raised(InterfaceError("connection already closed"), psycopg.InterfaceError()),
    sqlite_error(sqlite3.SQLITE_BUSY, "database is locked"),
    sqlite_error(sqlite3.SQLITE_FULL, "database or disk is full"),
    sqlite_error(sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
    sqlite_error(sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
    sqlite_error(sqlite3.SQLITE_IOERR, "disk I/O error"),
]


@pytest.fixture
def failing(monkeypatch):
    """`failing(n, error)`: the next n payments raise the error; return the errors left."""

    def fail(times, error=None):
        lock, left = payments.lock_entry, [error or deadlock()] * times

        def lock_entry(*args, **kwargs):
            if left:
                raise left.pop()
            return lock(*args, **kwargs)

        monkeypatch.setattr(payments, "lock_entry", lock_entry)
        return left

    return fail


@pytest.fixture
def owing(student):
    enrolled(student=student, fee="12000.00")
    return student


def pay(client, student):
    """Send the form without opening it."""
    url = f"{reverse('finance:payment-create')}?student={student.pk}"
    sent = {"token": "one-token", "amount": "5000", "mode": "cash"}
    return client.post(url, {**sent, "paid_on": timezone.localdate().isoformat()})


def test_payment_after_deadlock_is_recorded_once(client_of, admin, owing, failing):
    client = client_of(admin)
    failing(1)

    response = post(client, owing)

    payment = Payment.objects.get()
    assert response.url == payment.get_absolute_url()
    assert payment.number == 1


@pytest.mark.django_db(transaction=True)
def test_written_use_of_the_session_does_not_prevent_the_repeat(client_of, admin, owing, failing):
    client = client_of(admin)
    failing(1)

    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=5)):
        response = pay(client, owing)

    assert response.url == Payment.objects.get().get_absolute_url()


def test_second_deadlock_is_answered_by_503(client_of, admin, owing, failing):
    client = client_of(admin)
    failing(2)

    response = post(client, owing)

    assert response.status_code == 503
    assert UNKNOWN in response.content.decode()
    assert not Payment.objects.exists()


def test_failed_form_can_be_sent_again(client_of, admin, owing, failing):
    client = client_of(admin)
    failing(2)

    first, second, third = (post(client, owing, token="one-and-the-same-token") for _ in range(3))

    assert first.status_code == 503
    assert second.url == third.url
    assert Payment.objects.get().amount == 5000


def test_form_is_not_repeated_after_a_lost_connection(client_of, admin, owing, failing):
    client = client_of(admin)
    left = failing(2, connection_lost())

    response = post(client, owing)

    assert response.status_code == 503
    assert len(left) == 1


@pytest.mark.django_db(transaction=True)
def test_view_that_has_committed_is_not_repeated(client, student, monkeypatch):
    calls = []

    def authenticate_once(*args, **kwargs):
        calls.append(args)
        if len(calls) == 1:
            raise deadlock()
        return authenticate(*args, **kwargs)

    monkeypatch.setattr("accounts.services.sign_in.authenticate", authenticate_once)

    response = client.post(
        reverse("accounts:login"), {"name": "asha@example.com", "password": "wrong"}
    )

    assert response.status_code == 503
    assert len(calls) == 1


def test_view_that_has_sent_an_email_is_not_repeated(
    client_of, admin, instructor, monkeypatch, settings
):
    settings.SENDS_MAIL = True
    client = client_of(admin)
    send = emails.send_invitation

    def send_and_fail(*args):
        send(*args)
        raise deadlock()

    monkeypatch.setattr(emails, "send_invitation", send_and_fail)

    response = client.post(reverse("accounts:person-invite", args=[instructor.pk]))

    assert response.status_code == 503
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("error", OUTAGES, ids=str)
def test_page_during_an_outage_is_answered_by_503(client_of, admin, monkeypatch, error):
    def fail(*args):
        raise error

    client = client_of(admin)
    monkeypatch.setattr("academics.views.courses.CourseFilter", fail)

    response = client.get(reverse("academics:course-list"))

    assert response.status_code == 503
    assert response["Retry-After"] == "30"
    assert "open the page again" in response.content.decode()
    assert UNKNOWN not in response.content.decode()


@pytest.mark.parametrize(
    "error",
    [
        sqlite_error(sqlite3.SQLITE_ERROR, "near SELEC: syntax error"),
        raised(InternalError("cache lookup failed"), psycopg.errors.InternalError_()),
        ZeroDivisionError("division by zero"),
    ],
    ids=str,
)
def test_fault_of_the_program_is_answered_by_500(client_of, admin, monkeypatch, error):
    def fail(*args):
        raise error

    client = client_of(admin)
    client.raise_request_exception = False
    monkeypatch.setattr("academics.views.courses.CourseFilter", fail)

    response = client.get(reverse("academics:course-list"))

    assert response.status_code == 500


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


@pytest.mark.parametrize(("error", "status"), [(ValueError, 500), (InterfaceError, 503)])
def test_error_pages_do_not_need_collected_static_files(
    client_of, admin, settings, tmp_path, monkeypatch, error, status
):
    def fail(*args):
        raise error

    client = client_of(admin)
    client.raise_request_exception = False
    monkeypatch.setattr("academics.views.courses.CourseFilter", fail)
    settings.STATIC_ROOT = tmp_path
    storage = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": storage}

    response = client.get(reverse("academics:course-list"))

    assert response.status_code == status
    assert 'href="/static/css/coachmaster.css"' in response.content.decode()


# Outages between the statements of a request ---------------------------------------------------


@pytest.fixture
def interrupt():
    """`interrupt(call)`: repeat a request, the database failing after 0, 1, 2 … statements.

    Return the statuses of the answers; the last is of a call that needed fewer statements.
    """

    def interrupt(call, statuses=()):
        statuses = list(statuses)
        for number in range(200):
            outage = Outage(after=number)
            with connection.execute_wrapper(outage):
                statuses.append(call().status_code)
            outage.end()
            if not outage.happened:
                return statuses
        raise AssertionError("The request needs more than 200 statements.")

    return interrupt


def other_connection():
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return sqlite3.connect(database["NAME"], timeout=0)
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST"}
    names = {key: database[name] for key, name in names.items()}
    return psycopg.connect(port=database["PORT"], **names)


class Outage:
    """Ends the connection on PostgreSQL; on SQLite, another connection locks the database."""

    def __init__(self, after):
        self.left, self.happened, self.other = after, False, None

    def __call__(self, execute, sql, params, many, context):
        if not self.left and not self.happened:
            self.happened = self.start()
            result = execute(sql, params, many, context)
        else:
            result = execute(sql, params, many, context)
            self.left -= 1
        return result

    def start(self):
        if connection.vendor == "postgresql":
            with other_connection() as other:
                backend = connection.connection.info.backend_pid
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
            return True
        if connection.in_atomic_block:
            return False  # The lock is already held.
        connection.connection.execute("PRAGMA busy_timeout = 0")
        self.other = other_connection()
        self.other.execute("BEGIN EXCLUSIVE")
        return True

    def end(self):
        if self.other:
            self.other.close()
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_payment_is_recorded_once_whenever_the_database_fails(
    client_of, admin, owing, interrupt, settings
):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    client = client_of(admin)
    client.raise_request_exception = False

    statuses = interrupt(lambda: pay(client, owing))

    assert set(statuses[:-1]) == {503}
    assert len(statuses) > 5
    assert statuses[-1] == 302
    assert Payment.objects.get().amount == 5000


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "url", ["/dashboard/admin/", "/courses/", "/unknown/", "/accounts/login/", "/admin/"]
)
def test_page_is_answered_by_503_whenever_the_database_fails(client_of, admin, interrupt, url):
    client = client_of(admin)
    client.raise_request_exception = False

    statuses = interrupt(lambda: client.get(url))

    assert set(statuses[:-1]) == {503}
    assert statuses[-1] in (200, 302, 404)


@pytest.mark.django_db(transaction=True)
def test_api_answers_503_in_json_whenever_the_database_fails(admin, owing, interrupt):
    caller = Caller(admin)
    caller.client.raise_request_exception = False
    answers = []

    def call():
        body = {"student_id": owing.pk, "amount": 5000, "payment_mode": "cash"}
        response = caller.send("POST", "/payments", body, {"Idempotency-Key": "one-key"})
        answers.append(response.json())
        assert (response.status_code == 503) == ("Retry-After" in response)
        return response

    statuses = interrupt(call)

    assert set(statuses[:-1]) == {503}
    assert statuses[-1] in (200, 201)
    assert "not known whether the change was saved" in answers[0]["message"]
    assert Payment.objects.get().amount == 5000


@pytest.mark.django_db(transaction=True)
def test_failed_query_of_the_validation_is_not_taken_for_a_duplicate(admin, interrupt):
    caller, codes = Caller(admin), iter(range(1000))
    caller.client.raise_request_exception = False

    def call():
        body = {"name": "JEE", "code": f"J{next(codes)}", "total_fee": 1}
        return caller.send("POST", "/courses", body)

    statuses = interrupt(call)

    assert set(statuses[:-1]) == {503}
    assert statuses[-1] == 201


@pytest.fixture
def desk(client_of, admin):
    return client_of(admin)


@pytest.fixture
def lock(desk, owing):
    """Another connection that holds a lock which payments need; nobody waits for long."""
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 50" if is_sqlite else "SET lock_timeout = 50")
    with contextlib.closing(other_connection()) as other:
        other.execute(
            "BEGIN IMMEDIATE" if is_sqlite else "LOCK TABLE finance_account IN EXCLUSIVE MODE"
        )
        yield other
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_payment_that_meets_a_lock_is_answered_by_503(desk, owing, lock, caplog):
    assert pay(desk, owing).status_code == 503

    assert caplog.messages.count("database busy, trying again") == 1
    assert not Payment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_payment_that_meets_a_short_lock_is_recorded(desk, owing, lock):
    class Release(logging.Handler):
        def emit(self, record):
            lock.rollback()

    handler = Release()
    logging.getLogger("coachmaster.core.outages").addHandler(handler)

    response = pay(desk, owing)

    logging.getLogger("coachmaster.core.outages").removeHandler(handler)
    assert response.url == Payment.objects.get().get_absolute_url()


sqlite_only = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="about SQLite's file")


@sqlite_only
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pragma", ["max_page_count = 1", "query_only = on"], ids=["full", "read"])
def test_file_that_is_full_or_read_only_is_answered_by_503(client_of, admin, owing, pragma):
    client = client_of(admin)
    connection.ensure_connection()
    connection.connection.execute("VACUUM")  # pages that earlier tests left free have room
    connection.connection.execute(f"PRAGMA {pragma}")

    statuses = {post(client, owing, amount=str(amount)).status_code for amount in range(10, 99)}
    connection.close()

    assert statuses - {302} == {503}
    count = Payment.objects.count()
    assert post(client, owing).status_code == 302
    assert Payment.objects.count() == count + 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="about PostgreSQL's settings")
def test_read_only_server_is_answered_by_503(client_of, admin, owing):
    client = client_of(admin)
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")

    assert client.get("/dashboard/admin/").status_code == 200
    assert post(client, owing).status_code == 503

    connection.close()
    assert post(client, owing).status_code == 302
