import os
import signal
import subprocess
import sys
import time

import pytest
from django.conf import settings
from django.db import connection

from academics.tests.factories import BatchFactory
from accounts.models import User
from accounts.tests.factories import StudentFactory
from attendance.models import Mark, Sheet
from coachmaster.backups.other_databases import database_url, environment
from coachmaster.core.tests.imports import run_import
from finance.models import Charge
from finance.tests.factories import enrolled

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

#: Tells when rows are being written, and waits there to be stopped.
HALTING = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # some shells ignore it
import django
django.setup()
from django.core.management import call_command
from django.db.models import QuerySet
write, calls = QuerySet.bulk_create, []
def halting(*arguments, **options):
    made = write(*arguments, **options)
    calls.append(1)
    if len(calls) == int(sys.argv[1]):
        print("writing", flush=True)
        time.sleep(60)
    return made
QuerySet.bulk_create = halting
call_command(*sys.argv[2:])
"""


def stop(command, path, *, after_writes, by):
    """Stop an import in its own process after some writes, and return its exit code."""
    process = subprocess.Popen(
        [sys.executable, "-c", HALTING, str(after_writes), command, str(path)],
        env={
            **environment(database_url(connection.settings_dict)),
            "DJANGO_SETTINGS_MODULE": "coachmaster.settings",
        },
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout.readline() == "writing\n"
        os.kill(process.pid, by)
        return process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()


def eventually(ask, wanted):
    """Wait until PostgreSQL notices that the connection is closed."""
    for _ in range(100):
        if ask() == wanted:
            break
        time.sleep(0.1)
    return ask()


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_import_of_students_changes_nothing(file, by):
    StudentFactory(user__full_name="Was here")
    history = User.history.count()
    path = file("Name,Phone\n" + "".join(f"Student {n},98765{n:05}\n" for n in range(2500)))

    assert stop("import_students", path, after_writes=12, by=by) != 0

    assert eventually(User.objects.count, 1) == 1
    assert User.history.count() == history
    assert run_import("import_students", path).summary.startswith("2,500 students created")


def test_interrupted_import_of_attendance_changes_nothing(file):
    batch = BatchFactory(code="M1")
    students = [enrolled(batch=batch, fee="100").student for _ in range(3)]
    path = file(
        "Date,Batch,Student,Status\n"
        + "".join(
            f"{day:02}/06/2026,M1,{s.admission_number},P\n"
            for day in range(1, 11)
            for s in students
        )
    )

    assert stop("import_attendance", path, after_writes=2, by=signal.SIGKILL) == -signal.SIGKILL

    assert eventually(Sheet.objects.count, 0) == 0
    assert not Mark.objects.exists()
    assert Charge.objects.count() == 3
    assert run_import("import_attendance", path).summary.startswith("30 marks created")
