"""A database that stays locked, and two acts in each other's way."""

import pytest
from django.db import OperationalError

from finance import services
from finance.models import Payment
from finance.tests.factories import enrolled
from finance.tests.test_payments import post

pytestmark = pytest.mark.django_db


@pytest.fixture
def failing(monkeypatch):
    """`failing(n)`: the next n payments meet a deadlock at their locks, in the middle of the act."""

    def fail(times):
        lock, left = services.lock_entry, [times]

        def lock_entry(*args, **kwargs):
            if left[0]:
                left[0] -= 1
                raise OperationalError("deadlock detected")
            return lock(*args, **kwargs)

        monkeypatch.setattr(services, "lock_entry", lock_entry)

    return fail


@pytest.fixture
def owing(student):
    enrolled(student=student, fee="12000.00")
    return student


def test_a_payment_that_met_a_deadlock_is_tried_again_and_recorded_once(client_of, admin, owing, failing):
    client = client_of(admin)
    failing(1)

    response = post(client, owing)

    payment = Payment.objects.get()
    assert response.url == payment.get_absolute_url()
    assert payment.number == 1


def test_after_the_second_failure_a_page_says_that_nothing_was_saved(client_of, admin, owing, failing):
    client = client_of(admin)
    failing(2)

    response = post(client, owing)

    assert response.status_code == 503
    assert "Nothing was saved." in response.content.decode()
    assert not Payment.objects.exists()


def test_a_page_that_failed_can_be_sent_again_as_it_was(client_of, admin, owing, failing):
    client = client_of(admin)
    failing(2)

    first, second, third = (post(client, owing, token="one-and-the-same-token") for _ in range(3))

    assert first.status_code == 503
    assert second.url == third.url
    assert Payment.objects.get().amount == 5000
