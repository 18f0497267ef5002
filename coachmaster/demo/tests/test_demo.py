import datetime
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Count, F
from django.utils import timezone

from academics.models import Batch, Enrollment, EnrollmentStatus
from academics.tests.factories import held_classes
from accounts.models import StudentProfile, User
from attendance.models import Mark, Presence, Sheet
from attendance.shortage import AttendanceRequirement
from coachmaster.demo import institute
from finance.balances import refresh_day_totals
from finance.due_amounts import PaymentStatus
from finance.ledger import fee_status
from finance.models import Account, DayTotal, Mode, Payment, Reversal

pytestmark = [pytest.mark.size, pytest.mark.django_db]
TUESDAY, SUNDAY = datetime.date(2026, 11, 24), datetime.date(2027, 2, 28)


@pytest.fixture(params=[TUESDAY, SUNDAY], ids=["a Tuesday", "a Sunday"])
def today(request, time_machine):
    time_machine.move_to(datetime.datetime.combine(request.param, datetime.time(14), datetime.UTC))
    return request.param


def test_money_and_marks_of_demo_obey_all_rules(today):
    institute.create_demo(today=today)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # PostgreSQL's planner may still take the new tables for empty

    call_command("verify")
    numbers = Payment.objects.order_by("series", "number").values_list(
        "series", "number", "paid_on", "recorded_at"
    )
    for before, after in pairwise(numbers):
        if before[0] == after[0]:
            assert (after[1], after[2:] >= before[2:]) == (before[1] + 1, True)
        else:
            assert after[1] == 1
    for account in Account.objects.select_related("student"):
        assert account.balance == fee_status(account.student, today).balance
    cached = DayTotal.objects.order_by("paid_on", "mode").values_list(
        "paid_on", "mode", "amount", "receipts"
    )
    refresh_day_totals(Payment.objects.values_list("paid_on", flat=True).distinct())
    assert list(cached.all()) == list(cached)
    wrong = Mark.objects.exclude(
        enrollment__enrolled_on__lte=F("sheet__held_on")
    ) | Mark.objects.filter(enrollment__ended_on__lte=F("sheet__held_on"))
    assert not wrong.exists()
    assert Account.objects.count() == StudentProfile.objects.count() == 240
    assert Enrollment.history.count() == 246 + Enrollment.objects.exclude(ended_on=None).count()


def test_demo_has_every_status(today):
    academy = institute.create_demo(today=today)

    statuses = {fee_status(student, today).status for student in StudentProfile.objects.all()}
    assert statuses == set(PaymentStatus)
    assert set(Payment.objects.values_list("mode", flat=True)) == set(Mode)
    assert Reversal.objects.exists()
    assert set(Enrollment.objects.values_list("status", flat=True)) == set(EnrollmentStatus)
    assert Batch.objects.over(today).exists() and Batch.objects.upcoming(today).exists()
    assert Batch.objects.with_class_times().with_strength().filter(strength=F("capacity")).exists()
    assert any(
        AttendanceRequirement(75, minimum_classes=1).is_short(tally)
        for tally in Presence.objects.tallies_by("enrollment__student").values()
    )
    classes = [
        one.batch
        for one in held_classes(Batch.objects.taught_by(academy.instructors[0].pk), today, today)
    ]
    assert len(classes) == 2
    assert Sheet.objects.filter(held_on=today, batch__in=classes).count() == 1


def test_demo_is_the_same_every_time():
    made = []
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), institute.transaction.atomic():
            institute.create_demo(today=TUESDAY)
            made.append(
                [
                    list(User.objects.order_by("pk").values_list("full_name", "email", "phone")),
                    list(
                        Payment.objects.order_by("pk").values_list(
                            "receipt_number", "amount", "reference"
                        )
                    ),
                    list(
                        Mark.objects.values_list("status").annotate(Count("pk")).order_by("status")
                    ),
                ]
            )
            1 / 0  # noqa: B018

    assert made[0] == made[1]


def test_demo_requires_empty_database(admin, settings):
    settings.DEBUG = True
    with pytest.raises(CommandError, match="There is data in this database"):
        call_command("demo")

    assert User.objects.get() == admin


def test_demo_requires_debug_or_force():
    with pytest.raises(CommandError, match="DEBUG is off"):
        call_command("demo")
    assert not User.objects.exists()


def test_command_prints_logins_that_work(settings, capsys):
    settings.DEBUG = True
    call_command("demo", "--if-empty")
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [list(pair) for pair in institute.LOGINS.items()]

    owner = User.objects.get(email="admin@coachmaster.example")
    owner.set_password("their own choice 5")
    owner.save()
    call_command("demo", "--if-empty")
    assert "admin@" not in capsys.readouterr().out
    assert owner.is_superuser
    assert timezone.localdate() >= owner.created_at.date()
