import datetime

import pytest
from django.core.management import call_command

from attendance.models import Mark, Presence, Sheet
from attendance.percentages import MarkStatus
from coachmaster.demo.crowd import CrowdSize, add_crowd

pytestmark = [pytest.mark.size, pytest.mark.django_db]


def test_statistics_of_crowd_equal_its_marks(capsys):
    add_crowd(3, today=datetime.date(2026, 11, 24), size=CrowdSize(students=5, sheets=20))

    assert (Sheet.objects.count(), Mark.objects.count(), Presence.objects.count()) == (60, 300, 15)
    assert set(Mark.objects.values_list("status", flat=True)) == set(MarkStatus.values)
    call_command("verify")
    assert "No problems found." in capsys.readouterr().out
