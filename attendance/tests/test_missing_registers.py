import datetime
import io

import pytest
import time_machine
from django.core import mail
from django.core.management import CommandError, call_command
from django.urls import reverse

from academics.models import ClassTime, Institute
from academics.tests.factories import (
    BatchFactory,
    ClassChangeFactory,
    DailyBatchFactory,
    EnrollmentFactory,
    HolidayFactory,
)
from accounts.tests.factories import UserFactory, user_with
from attendance.models import RegisterReminder
from attendance.queries import missing_registers
from attendance.queries.missing_registers import days_back

from .factories import save_marks, text_of

pytestmark = pytest.mark.django_db
PAGE = reverse("attendance:missing")
ONE = datetime.timedelta(days=1)
MONDAY = datetime.date(2026, 6, 15)
TUESDAY, WEDNESDAY = MONDAY + ONE, MONDAY + 2 * ONE


def moment(day, hour, minute=0):
    """A moment in India."""
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    return datetime.datetime.combine(day, datetime.time(hour, minute), zone)


@pytest.fixture(autouse=True)
def _wednesday():
    """Wednesday, 17 June 2026, 12:00 in India."""
    with time_machine.travel(moment(WEDNESDAY, 12), tick=False):
        yield


def batch_on(*weekdays, **fields):
    """A batch with a class at 17:00 on each weekday, and one student."""
    batch = BatchFactory(**fields)
    for weekday in weekdays:
        ClassTime.objects.create(
            batch=batch, weekday=weekday, starts_at=datetime.time(17), ends_at=datetime.time(18)
        )
    EnrollmentFactory(batch=batch)
    return batch


def found(now=None, days=2):
    """Return ``(batch name, day of June)`` of missing registers."""
    return [
        (row.batch, row.day.day)
        for row in missing_registers.missing_registers(now or moment(WEDNESDAY, 12), days=days)
    ]


# Missing registers


def test_added_class_after_end_of_batch_is_not_missing():
    batch = batch_on(0, starts_on=MONDAY - 60 * ONE, ends_on=MONDAY - 30 * ONE)
    ClassChangeFactory(batch=batch, held=(TUESDAY, "17:00-18:00"))

    assert found() == []


def test_class_without_sheet_is_missing(admin):
    save_marks(batch_on(0, 1, 2, name="A"), TUESDAY, by=admin)
    batch_on(0, name="B")

    assert found() == [("A", 15), ("B", 15)]
    assert found(days=1) == []


def test_todays_class_is_missing_after_its_end():
    batch_on(2, name="A")

    assert found(moment(WEDNESDAY, 17, 59)) == []
    assert found(moment(WEDNESDAY, 18)) == [("A", 17)]


def test_cancelled_class_is_not_missing_and_moved_class_is_on_new_day():
    cancelled, moved, extra = batch_on(0, name="A"), batch_on(0, name="B"), batch_on(name="C")
    ClassChangeFactory(batch=cancelled, class_of=(MONDAY, "17:00-18:00"))
    ClassChangeFactory(
        batch=moved, class_of=(MONDAY, "17:00-18:00"), held=(WEDNESDAY, "09:00-10:00")
    )
    ClassChangeFactory(batch=extra, held=(WEDNESDAY, "11:30-12:30"))

    assert found() == [("B", 17)]
    assert found(moment(WEDNESDAY, 13)) == [("B", 17), ("C", 17)]


def test_holidays_and_days_outside_batch_are_not_missing():
    batch_on(0, 1, 2, name="A", starts_on=TUESDAY, ends_on=TUESDAY)
    assert found() == [("A", 16)]
    HolidayFactory(day=TUESDAY)
    assert found() == []


def test_days_without_students_are_not_missing():
    empty = DailyBatchFactory(name="E")
    EnrollmentFactory(batch=empty, enrolled_on=MONDAY, status="dropped", ended_on=TUESDAY)
    assert found() == [("E", 15)]


def test_class_on_new_holiday_is_no_longer_missing():
    batch_on(0, name="A")
    HolidayFactory(day=MONDAY)

    assert found() == []


def test_missing_registers_have_constant_queries(queries_of):
    batch_on(0, 1, 2)
    few = queries_of(lambda: found(days=1))
    for _ in range(4):
        batch_on(0, 1, 2)

    assert queries_of(lambda: found(days=31)) == few
    assert len(found(days=31)) == 5 * 8  # since 1 June


def test_day_between_enrollments_is_not_missing():
    batch = batch_on(0, 1, 2, name="A")
    batch.enrollments.update(status="dropped", ended_on=TUESDAY)
    EnrollmentFactory(batch=batch, enrolled_on=WEDNESDAY)

    assert found(moment(WEDNESDAY, 18)) == [("A", 17), ("A", 15)]


def test_list_covers_correction_period_and_at_most_a_month():
    for edit_days, days in ((0, 0), (7, 7), (365, 31)):
        institute = Institute.objects.current()
        institute.attendance_edit_days = edit_days
        institute.save()
        assert days_back() == days
    assert len(found(days=31)) == 0


# List and figures


def listed(response):
    return [(row.batch, row.day.day) for row in response.context["missing"]]


def test_instructor_sees_own_batches_and_admin_filters_by_instructor(client_of, admin, instructor):
    own = batch_on(0, name="Own", instructor=instructor)
    batch_on(1, name="Other", instructor=UserFactory(full_name="Maya Das"))
    batch_on(0, 1, name="Nobody", instructor=None)

    response = client_of(instructor).get(PAGE)
    assert listed(response) == [("Own", 15)]
    assert response.context["filters"] is None
    assert reverse("attendance:sheet", args=[own.pk, MONDAY]) in response.content.decode()

    client = client_of(admin)
    response = client.get(PAGE)
    assert listed(response) == [("Nobody", 16), ("Other", 16), ("Nobody", 15), ("Own", 15)]
    assert [label for _, label in response.context["filters"].fields["instructor"].choices] == [
        "All instructors",
        "No instructor (2)",
        "Imran Khan (1)",
        "Maya Das (1)",
    ]
    assert listed(client.get(PAGE, {"instructor": instructor.pk})) == [("Own", 15)]
    assert listed(client.get(PAGE, {"instructor": "none"})) == [("Nobody", 16), ("Nobody", 15)]
    assert len(listed(client.get(PAGE, {"instructor": "x'; --"}))) == 4


def test_admin_can_list_longer_period(client_of, admin, instructor):
    batch_on(0, name="Mondays", instructor=instructor)
    client = client_of(admin)
    assert listed(client.get(PAGE)) == [("Mondays", 15)]

    page = client.get(PAGE, {"back": "most"})

    assert listed(page) == [("Mondays", day) for day in (15, 8, 1)]
    assert "3 classes without attendance" in text_of(page)
    assert "or in the 31 days before." in text_of(page)
    assert listed(client_of(instructor).get(PAGE, {"back": "most"})) == [("Mondays", 15)]


def test_page_names_period_and_empty_list(client_of, admin):
    page = text_of(client_of(admin).get(PAGE))

    assert "0 classes without attendance" in page
    assert "that ended today or in the 7 days before." in page
    assert "No missing registers" in page


def test_dashboard_figures_equal_list(client_of, admin, instructor):
    for number in range(10):
        batch_on(0, 1, name=f"B{number}", instructor=instructor if number < 9 else None)

    for user, dashboard, number in (
        (admin, "dashboards:admin-dashboard", 20),
        (instructor, "dashboards:instructor-dashboard", 18),
    ):
        client = client_of(user)
        response = client.get(reverse(dashboard))
        assert response.context["missing_count"] == client.get(PAGE).context["total"] == number
        assert PAGE in response.content.decode()
        assert f"{number} registers" in response.content.decode()


def test_list_has_constant_queries(client_of, admin, queries_of):
    batch_on(0, 1, 2, name="B0")
    client = client_of(admin)
    client.get(PAGE)
    few = queries_of(lambda: client.get(PAGE))
    for number in range(1, 8):
        batch_on(0, 1, 2, name=f"B{number}")

    assert queries_of(lambda: client.get(PAGE)) == few
    # Wednesday of the week before, Monday and Tuesday
    assert client.get(PAGE).context["missing"].total == 3 * 8


# Reminders


@pytest.fixture
def mails(settings):
    settings.SENDS_MAIL = True
    return mail.outbox


def remind(*arguments):
    out = io.StringIO()
    call_command("remind_registers", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_each_instructor_gets_one_email_a_day(mails, instructor):
    own = batch_on(0, 1, name="Own", instructor=instructor, starts_on=MONDAY)
    batch_on(1, name="Other", instructor=UserFactory(full_name="Zoya", email=""), starts_on=MONDAY)
    batch_on(1, name="Left", instructor=UserFactory(is_active=False), starts_on=MONDAY)
    batch_on(1, name="Nobody", instructor=None, starts_on=MONDAY)
    front_desk = user_with("accounts.see_whole_institute")
    batch_on(1, name="Cannot teach", instructor=front_desk, starts_on=MONDAY)

    assert remind() == [
        "Imran Khan, 2 missing registers: email sent.",
        "Zoya, 1 missing register: has no email address.",
        "Sent 1 email.",
    ]
    (message,) = mails
    assert (message.to, message.subject) == ([instructor.email], "2 missing registers")
    sheet = reverse("attendance:sheet", args=[own.pk, MONDAY])
    assert f"Mon 15 Jun 2026, Own\nhttp://localhost:8000{sheet}\n" in message.body
    assert "Other" not in message.body
    kept = RegisterReminder.objects.get()
    assert (kept.instructor, kept.sent_on, kept.registers) == (instructor, WEDNESDAY, 2)

    assert remind()[0] == "Imran Khan, 2 missing registers: an email was already sent today."
    assert len(mails) == 1
    with time_machine.travel(moment(WEDNESDAY + ONE, 12), tick=False):
        remind()
    assert len(mails) == 2


def test_dry_run_sends_no_email(mails, settings, instructor):
    settings.SENDS_MAIL = False
    batch_on(0, name="Own", instructor=instructor, starts_on=MONDAY)

    assert remind("--dry-run") == [
        "Imran Khan, 1 missing register: would get an email.",
        "  2026-06-15 Own",
        "Would send 1 email.",
    ]
    assert (mails, RegisterReminder.objects.count()) == ([], 0)


def test_command_requires_email_settings(settings, instructor):
    settings.SENDS_MAIL = False
    batch_on(0, instructor=instructor)

    with pytest.raises(CommandError, match="Set EMAIL_URL"):
        remind()
    assert not RegisterReminder.objects.exists()


def test_failed_email_is_reported_and_sent_later(mails, settings, instructor, monkeypatch):
    batch_on(0, instructor=instructor, starts_on=MONDAY)
    with monkeypatch.context() as patch:
        patch.setattr(
            "django.core.mail.EmailMessage.send",
            lambda self: (_ for _ in ()).throw(OSError("refused")),
        )
        with pytest.raises(CommandError, match="Some emails were not sent"):
            remind()
    assert not RegisterReminder.objects.exists()

    assert remind()[-1] == "Sent 1 email."


def test_no_email_without_missing_registers(mails, admin, instructor):
    save_marks(batch_on(0, instructor=instructor, starts_on=MONDAY), MONDAY, by=admin)

    assert remind() == ["Sent 0 emails."]
    assert mails == []
