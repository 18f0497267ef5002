import pytest
from django.utils import timezone


@pytest.fixture
def password_entered():
    """`password_entered(client, minutes=11)`: as if the password was last typed that long ago."""

    def enter(client, *, minutes=0):
        session = client.session
        session["password_entered_at"] = timezone.now().timestamp() - minutes * 60
        session.save()

    return enter


@pytest.fixture
def desk(client_of, admin, password_entered):
    """The owner's client, with the password just typed."""
    client = client_of(admin)
    password_entered(client)
    return client
