"""The crowd that `manage.py demo --crowd` adds for measuring is an institute like any other, only large."""

import datetime

import pytest
from django.core.management import call_command

from attendance.models import Mark, Presence, Sheet
from attendance.percentages import MarkStatus
from coachmaster.demo import crowd

pytestmark = [pytest.mark.size, pytest.mark.django_db]


def test_the_counts_of_a_crowd_are_those_of_its_marks(monkeypatch, capsys):
    monkeypatch.setattr(crowd, "STUDENTS_A_BATCH", 5)
    monkeypatch.setattr(crowd, "SHEETS_A_BATCH", 20)

    crowd.add(3, today=datetime.date(2026, 11, 24))

    assert (Sheet.objects.count(), Mark.objects.count(), Presence.objects.count()) == (60, 300, 15)
    assert set(Mark.objects.values_list("status", flat=True)) == set(MarkStatus.values)
    call_command("verify")
    assert "The books are right." in capsys.readouterr().out
