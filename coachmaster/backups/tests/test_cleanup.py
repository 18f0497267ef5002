import datetime
import io

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts import tokens
from accounts.models import ApiToken, Attempts, Device
from accounts.roles import ADMIN
from accounts.tests.factories import UserFactory
from accounts.throttling import REGISTER, count_tries
from coachmaster.imports import services
from coachmaster.imports.models import Import

pytestmark = pytest.mark.django_db


def use_the_site(person):
    """Leave a row of each kind."""
    Client().force_login(person)
    tokens.issue(person)
    count_tries((REGISTER, timezone.now().isoformat()))
    file = SimpleUploadedFile("students.csv", b"name\nAsha\n")
    services.receive(kind=services.KINDS["students"], file=file, encoding="", by=person)


def test_cleanup_deletes_what_has_expired_and_nothing_else(admin):
    with time_machine.travel(timezone.now() - datetime.timedelta(days=2)):
        use_the_site(UserFactory(role=ADMIN))
    expired = Import.objects.get()
    use_the_site(admin)  # deletes expired uploads too
    expired.save(force_insert=True)
    out = io.StringIO()

    call_command("cleanup", stdout=out)

    assert out.getvalue().splitlines() == [
        "sessions: 1 deleted",
        "API tokens: 1 deleted",
        "counts of tries: 1 deleted",
        "uploaded files: 1 deleted",
    ]
    assert [model.objects.count() for model in (Session, ApiToken, Attempts, Import)] == [1] * 4
    assert {device.user for device in Device.objects.all()} == {admin}
    assert Device.objects.count() == 2
