"""Run the examples of `docs/api.md`."""

import datetime
import json
import os
import re
import shutil
import subprocess
from decimal import Decimal

import pytest
from django.conf import settings

from academics.tests.factories import DailyBatchFactory
from accounts.roles import ADMIN
from accounts.tests.factories import StudentFactory, UserFactory
from finance.tests.factories import enrolled

GUIDE = (settings.BASE_DIR / "docs" / "api.md").read_text()
#: What differs from site to site.
OWN = {"id", "student_id", "created_at"}
MARK = "----"


def steps():
    """Return pairs of a command and its expected response, or None."""
    blocks = re.findall(
        r"^```sh\n(.*?)^```\n(?:```json\n(.*?)^```)?", GUIDE, re.MULTILINE | re.DOTALL
    )
    return [(line, json.loads(answer) if answer else None) for line, answer in blocks]


@pytest.fixture
def site(live_server, time_machine):
    """Return a function that replaces the example site, people and ids in a text."""
    time_machine.move_to(datetime.datetime(2026, 11, 24, 11, 32, tzinfo=datetime.UTC))
    desk = UserFactory(
        full_name="Anita Rao",
        email="desk@coachmaster.example",
        phone="9876543210",
        role=ADMIN,
        password="x",
    )
    desk.set_password("seven green parrots")
    desk.save()
    student = StudentFactory()
    batch = DailyBatchFactory(name="JEE morning", course__total_fee=Decimal("12000.00"))
    enrolled(student=student, batch=batch, by=desk)
    own = {
        "https://coachmaster.example": live_server.url,
        "STUDENT=42": f"STUDENT={student.pk}",
        "BATCH=12": f"BATCH={batch.pk}",
    }

    def told(text):
        for theirs, ours in own.items():
            text = text.replace(theirs, ours)
        return text

    return told


def alike(shown, got):
    """Return ``got`` with ids and times as in ``shown``."""
    if isinstance(shown, dict) and isinstance(got, dict):
        return {
            name: shown[name] if name in OWN & set(shown) else alike(shown.get(name), got[name])
            for name in got
        }
    return got


@pytest.mark.django_db(transaction=True)
def test_examples_of_the_guide_work(site):
    if not (shutil.which("curl") and shutil.which("jq") and shutil.which("bash")):
        (pytest.fail if os.environ.get("REQUIRE_ALL") else pytest.skip)(
            "curl or jq is not on this machine"
        )
    script = f"\necho '{MARK}'\n".join(line for line, _ in steps())

    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", site(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, "")
    answers = [text.strip() for text in run.stdout.split(MARK)]
    for (line, shown), answer in zip(steps(), answers, strict=True):
        expected = json.loads(site(json.dumps(shown, ensure_ascii=False)))
        assert alike(expected, json.loads(answer) if answer else None) == expected, line


def test_guide_shows_the_important_operations():
    lines = "\n".join(line for line, _ in steps())

    for call in (
        "/auth/login",
        "/payments",
        "Idempotency-Key",
        "/attendance",
        "/fee-status",
        "/auth/logout",
    ):
        assert call in lines
