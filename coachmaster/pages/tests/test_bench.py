"""manage.py bench."""

import pytest
from django.core.management import call_command

from academics.tests.factories import DailyBatchFactory
from accounts.models import ApiToken
from finance.tests.factories import enrolled, paid

pytestmark = pytest.mark.django_db


def test_pages_and_calls_can_be_measured(admin, instructor, capsys):
    paid(student=enrolled(batch=DailyBatchFactory(instructor=instructor)).student, amount="10.00")

    call_command("bench", "--rounds", "1")

    _, _, *lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 20
    assert [line.split("  ")[0] for line in lines[-3:]] == [
        "API: fee status",
        "API: fee status, one's own",
        "API: a thousand people",
    ]
    assert not ApiToken.objects.exists()


def test_some_lines_alone_can_be_measured(admin, instructor, capsys):
    paid(student=enrolled(batch=DailyBatchFactory(instructor=instructor)).student, amount="10.00")

    call_command("bench", "--rounds", "1", "--only", "API")

    _, _, *lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
