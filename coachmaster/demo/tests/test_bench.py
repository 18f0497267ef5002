import datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from academics.tests.factories import DailyBatchFactory, EnrollmentFactory
from accounts.models import ApiToken
from attendance.models import Sheet
from finance.models import Payment
from finance.tests.factories import enrolled, paid


@pytest.fixture
def institute(admin, instructor):
    """A batch of 30 students with 100 days of classes, and one payment."""
    batch = DailyBatchFactory(
        instructor=instructor, starts_on=timezone.localdate() - datetime.timedelta(100)
    )
    paid(student=enrolled(batch=batch, enrolled_on=batch.starts_on).student, amount="10.00")
    EnrollmentFactory.create_batch(29, batch=batch, enrolled_on=batch.starts_on)


def rows(text):
    """Return the cells of each row of the table."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.size
@pytest.mark.django_db
def test_pages_and_calls_are_measured_in_process(institute, capsys):
    call_command("bench", "--rounds", "1", "--in-process")

    measured = rows(capsys.readouterr().out)
    assert len(measured) > 30
    assert [row[0] for row in measured[-3:]] == [
        "API: fee status",
        "API: own fee status",
        "API: a thousand people",
    ]
    assert all(float(row[2]) > 0 and row[6] == "" for row in measured)
    assert Payment.objects.count() == 1 and not ApiToken.objects.exists()


@pytest.mark.size
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    "connection.vendor != 'sqlite'", reason="gunicorn opens the test's own SQLite file"
)
def test_pages_and_eight_clients_are_measured_through_gunicorn(institute, capsys, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{connection.settings_dict['NAME']}")

    call_command("bench", "--rounds", "1", "--only", "sign in", "--write", "--seconds", "1")

    page, _, _, payments, sheets = rows(capsys.readouterr().out)
    assert page[0] == "sign in" and page[-1] == "1"
    assert all(float(cell) > 0 for cell in page[2:-1])
    assert payments[0] == "payments" and int(payments[1]) > 0 and payments[3] == "40"
    assert sheets[0] == "sheets"


@pytest.mark.django_db
def test_saving_is_measured_on_request(institute, capsys):
    for name in ("record payment", "save sheet"):
        call_command("bench", "--rounds", "1", "--in-process", "--write", "--only", name)

    assert [
        row[0] for row in rows(capsys.readouterr().out) if row[0].startswith(("record", "save"))
    ] == [
        "record payment",
        "save sheet",
    ]
    assert Payment.objects.count() == Sheet.objects.count() + 1 > 2


@pytest.mark.django_db
def test_empty_database_cannot_be_measured(admin):
    with pytest.raises(CommandError, match="nothing to measure"):
        call_command("bench")
