import os

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext

from accounts.roles import ADMIN, INSTRUCTOR, STUDENT
from finance.tests.append_only import drop_triggers

# Playwright runs an event loop in the thread of the tests.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

_teardown = TransactionTestCase._fixture_teardown


def _teardown_without_triggers(self):
    """Drop the triggers, which refuse to clear the tables."""
    drop_triggers()
    _teardown(self)


TransactionTestCase._fixture_teardown = _teardown_without_triggers


@pytest.fixture(autouse=True)
def _fresh_cache():
    cache.clear()


@pytest.fixture
def admin(db):
    from accounts.tests.factories import UserFactory

    return UserFactory(full_name="Anita Rao", email="anita@example.com", role=ADMIN)


@pytest.fixture
def instructor(db):
    from accounts.tests.factories import UserFactory

    return UserFactory(full_name="Imran Khan", email="imran@example.com", role=INSTRUCTOR)


@pytest.fixture
def student(db):
    from accounts.tests.factories import StudentFactory

    return StudentFactory(user__full_name="Asha Verma", user__email="asha@example.com")


@pytest.fixture
def file(tmp_path):
    """`file(text)`: path of a file with that text."""

    def write(text, name="rows.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def client_of(client):
    """`client_of(user)`: the test client, signed in as that user."""

    def sign_in(user):
        client.force_login(getattr(user, "user", user))
        return client

    return sign_in


__all__ = ["ADMIN", "INSTRUCTOR", "STUDENT"]


@pytest.fixture
def queries_of():
    """`queries_of(lambda: client.get(page))`: number of queries without savepoints."""

    from accounts.models import SignInRules

    def count(call):
        SignInRules.objects.cached_requirement()  # once a minute
        with CaptureQueriesContext(connection) as captured:
            call()
        return len([query for query in captured if "SAVEPOINT" not in query["sql"][:20]])

    return count
