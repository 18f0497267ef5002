import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.models import User

from .factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def create_owner(monkeypatch):
    """Run the command without a terminal and return its output."""

    def run(*options, typed=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        out = io.StringIO()
        call_command(
            "create_owner",
            "--email",
            "Owner@example.com",
            "--name",
            "Anita Rao",
            *options,
            stdout=out,
        )
        return out.getvalue()

    return run


def test_owner_is_admin_and_superuser_with_the_password(create_owner):
    create_owner("--password-stdin", typed="seven green parrots\n")

    owner = User.objects.get()
    assert (owner.full_name, owner.email, owner.role) == ("Anita Rao", "owner@example.com", "Admin")
    assert (owner.is_superuser, owner.is_staff) == (True, True)
    assert owner.check_password("seven green parrots")


def test_password_can_come_from_the_environment(create_owner, monkeypatch):
    monkeypatch.setenv("OWNER_PASSWORD", "seven green parrots")

    create_owner()

    assert User.objects.get().check_password("seven green parrots")


def test_link_is_printed_without_a_password(create_owner, client):
    printed = create_owner("--link")

    path = re.search(r"https?://[^/]+(/\S+)", printed)[1]
    assert not User.objects.get().has_usable_password()
    assert client.get(path).status_code == 200
    answer = client.post(
        path, {"password": "seven green parrots", "password_again": "seven green parrots"}
    )
    assert answer.url == reverse("dashboards:dashboard")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("short\n", "too short"), ("anita rao\n", "Your name"), ("\n", "too short")],
)
def test_weak_password_is_refused_and_nobody_added(create_owner, typed, sentence):
    with pytest.raises(CommandError, match=sentence):
        create_owner("--password-stdin", typed=typed)
    assert not User.objects.exists()


def test_used_email_is_refused(create_owner):
    UserFactory(email="owner@example.com")

    with pytest.raises(CommandError, match="Somebody has this email address already"):
        create_owner("--link")
