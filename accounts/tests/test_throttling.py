import contextlib
import datetime
import threading

import pytest
import time_machine
from django.db import connection

from accounts import throttling
from accounts.models import Attempts
from accounts.throttling import Limit, TooManyTries, client_address, count_tries

pytestmark = pytest.mark.django_db

THREE_AN_HOUR = Limit("test", 3, datetime.timedelta(hours=1))
NOON = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)


def tries_let_through(limit, subject, asked):
    passed = 0
    for _ in range(asked):
        try:
            count_tries((limit, subject))
            passed += 1
        except TooManyTries:
            pass
    return passed


def test_limit_permits_its_number_of_tries():
    assert tries_let_through(THREE_AN_HOUR, "asha", 5) == 3


def test_each_subject_has_its_own_count():
    tries_let_through(THREE_AN_HOUR, "asha", 5)

    assert tries_let_through(THREE_AN_HOUR, "ravi", 5) == 3


def test_tries_are_permitted_again_after_the_period():
    with time_machine.travel(NOON, tick=False) as clock:
        tries_let_through(THREE_AN_HOUR, "asha", 3)
        clock.shift(datetime.timedelta(minutes=50))
        with pytest.raises(TooManyTries) as refused:
            count_tries((THREE_AN_HOUR, "asha"))
        assert refused.value.seconds == 600
        assert refused.value.message == "Too many tries. Wait 10 minutes, then try again."
        clock.shift(datetime.timedelta(minutes=10))
        assert tries_let_through(THREE_AN_HOUR, "asha", 5) == 3


def test_refused_try_is_not_counted_by_other_limits():
    other = Limit("other", 5, datetime.timedelta(hours=1))
    for _ in range(10):
        with contextlib.suppress(TooManyTries):
            count_tries((THREE_AN_HOUR, "asha"), (other, "desk"))

    assert tries_let_through(other, "desk", 10) == 2


def test_slowed_limit_permits_one_try_a_minute():
    slowed = Limit(
        "slow",
        2,
        datetime.timedelta(days=1),
        next=Limit("slower", 1, datetime.timedelta(minutes=1)),
    )
    with time_machine.travel(NOON, tick=False) as clock:
        assert tries_let_through(slowed, "asha", 5) == 3
        clock.shift(datetime.timedelta(seconds=61))
        assert tries_let_through(slowed, "asha", 5) == 1


def test_rows_do_not_contain_the_subject():
    count_tries((THREE_AN_HOUR, "asha@example.com"))

    row = Attempts.objects.get()
    assert (row.limit, row.count, len(row.key)) == ("test", 1, 64)
    assert "asha" not in row.key


def test_rows_expired_a_day_ago_are_deleted():
    with time_machine.travel(NOON, tick=False) as clock:
        count_tries((THREE_AN_HOUR, "asha"))
        clock.shift(datetime.timedelta(hours=26))
        count_tries((THREE_AN_HOUR, "ravi"))
        throttling.delete_expired()

    assert [row.key for row in Attempts.objects.all()] == [THREE_AN_HOUR.key("ravi")]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "6.6.6.6", "10.0.0.9"),
        (1, "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        (2, "6.6.6.6, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        (2, "203.0.113.7", "10.0.0.9"),
        (1, "", "10.0.0.9"),
        (1, "unknown", "10.0.0.9"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_forwarded_address_is_trusted_only_from_own_proxies(
    rf, settings, proxies, forwarded, address
):
    settings.TRUSTED_PROXIES = proxies

    request = rf.get("/", REMOTE_ADDR="10.0.0.9", HTTP_X_FORWARDED_FOR=forwarded)

    assert client_address(request) == address


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_concurrent_tries_cannot_exceed_the_limit():
    passed = []
    start = threading.Barrier(8)

    def guess():
        start.wait()
        try:
            passed.append(tries_let_through(throttling.PAIR, "asha\n10.0.0.9", 5))
        finally:
            connection.close()

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(passed), sum(passed)) == (8, 10)
