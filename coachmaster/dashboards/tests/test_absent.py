import csv
import datetime
import io
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from academics.models import Institute
from academics.tests.factories import DailyBatchFactory, EnrollmentFactory
from accounts.tests.factories import StudentFactory
from attendance.models import AttendanceReminder, Presence
from attendance.tests.factories import save_marks
from finance.tests.factories import enrolled

pytestmark = pytest.mark.django_db
ABSENT = reverse("dashboards:absent")
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def _a_monday():
    with time_machine.travel(
        datetime.datetime(2026, 6, 15, 12, 0, tzinfo=datetime.UTC), tick=False
    ):
        yield


@pytest.fixture
def today():
    return timezone.localdate()


def absent_in(batch, day, *students):
    return save_marks(batch, day, **{f"s{student.pk}": "absent" for student in students})


def rows_of(response):
    return {row.student.user.full_name: row for row in response.context["rows"]}


def test_student_absent_from_two_classes_is_listed_once_with_all_reasons(
    client_of, admin, student, today
):
    Institute.objects.update(several_batches_at_once=True)
    student.guardian_phone, student.guardian_name = "9876500001", "Anil Verma"
    student.save()
    physics, maths = (
        DailyBatchFactory(name="Physics", course__total_fee=1000),
        DailyBatchFactory(name="Maths"),
    )
    enrollment = enrolled(
        student=student,
        batch=physics,
        installments=[(today - DAY, Decimal("750.00")), (today, Decimal("250.00"))],
    )
    type(enrollment).objects.update(is_exclusive=False)
    EnrollmentFactory(student=student, batch=maths, is_exclusive=False)
    for number in range(6):
        absent_in(physics, today - number * DAY, student)
    absent_in(maths, today, student)

    response = client_of(admin).get(ABSENT)

    (row,) = response.context["rows"]
    assert (row.missed_label, row.overdue) == ("Maths, Physics", Decimal("750.00"))
    assert row.shortage_label == "Physics: 0 of 6 · 0 %, short, absent 6 times in a row"
    page = response.content.decode()
    assert 'href="tel:+919876500001"' in page and "Anil Verma" in page and "₹750.00" in page


def test_only_students_absent_on_the_day_are_listed(client_of, admin, today):
    batch = DailyBatchFactory()
    one, two, late, excused = (EnrollmentFactory(batch=batch).student for _ in range(4))
    absent_in(batch, today - DAY, two)
    save_marks(
        batch, today, **{f"s{one.pk}": "absent", f"s{late.pk}": "late", f"s{excused.pk}": "excused"}
    )
    client = client_of(admin)

    assert [row.student for row in client.get(ABSENT).context["rows"]] == [one]
    assert [row.student for row in client.get(ABSENT, {"on": today - DAY}).context["rows"]] == [two]
    assert [row.student for row in client.get(ABSENT, {"on": today + DAY}).context["rows"]] == [one]


def test_list_can_be_filtered_by_shortage_and_overdue_fees(client_of, admin, today):
    batch = DailyBatchFactory(course__total_fee=10)
    with_dues = enrolled(
        batch=batch,
        student=StudentFactory(user__full_name="Dues"),
        installments=[(today - DAY, Decimal("10.00"))],
    )
    away = EnrollmentFactory(
        batch=batch, student__user__full_name="Away", student__user__email="away@example.com"
    )
    absent_in(batch, today, with_dues.student, away.student)
    Presence.objects.filter(pk=away.pk).update(absent=9, absences_in_a_row=9)
    client = client_of(admin)

    assert list(rows_of(client.get(ABSENT))) == ["Away", "Dues"]
    assert list(rows_of(client.get(ABSENT, {"also": "overdue"}))) == ["Dues"]
    assert list(rows_of(client.get(ABSENT, {"also": "shortage"}))) == ["Away"]
    assert list(rows_of(client.get(ABSENT, {"q": "awa"}))) == ["Away"]
    assert list(rows_of(client.get(ABSENT, {"also": "nonsense", "on": "31/02/2026"}))) == [
        "Away",
        "Dues",
    ]


def test_instructor_sees_own_batches_without_fees(client_of, instructor, today):
    own, other = DailyBatchFactory(instructor=instructor, course__total_fee=10), DailyBatchFactory()
    mine = enrolled(
        batch=own,
        student=StudentFactory(user__full_name="Mine"),
        installments=[(today - DAY, Decimal("10.00"))],
    ).student
    theirs = EnrollmentFactory(batch=other, student__user__full_name="Theirs").student
    absent_in(own, today, mine)
    absent_in(other, today, theirs)
    client = client_of(instructor)

    response = client.get(ABSENT)
    assert list(rows_of(response)) == ["Mine"]
    assert "Fees overdue" not in response.content.decode() and "₹" not in response.content.decode()
    assert list(rows_of(client.get(ABSENT, {"also": "overdue"}))) == ["Mine"]
    assert b"Fees" not in b"".join(client.get(ABSENT, {"as": "csv"}))


def test_exported_file_equals_the_list(client_of, admin, today):
    batch = DailyBatchFactory(name="Physics", course__total_fee=10)
    student = StudentFactory(
        user__full_name="Asha",
        guardian_name="Anil",
        guardian_phone="9876500001",
        admission_number="26-7",
    )
    enrolled(batch=batch, student=student, installments=[(today - DAY, Decimal("10.00"))])
    absent_in(batch, today, student)

    (row,) = csv.DictReader(
        io.StringIO(b"".join(client_of(admin).get(ABSENT, {"as": "csv"})).decode("utf-8-sig"))
    )
    assert row == {
        "Student": "Asha",
        "Admission number": "26-7",
        "Guardian": "Anil",
        "Phone": "9876500001",
        "Absent from": "Physics",
        "Attendance": "",
        "Fees overdue": "10.00",
    }


@pytest.fixture
def missed(student, today):
    """Asha, whose father has a mobile number, was absent from Physics today."""
    student.guardian_phone = "9876500001"
    student.save()
    enrollment = EnrollmentFactory(student=student, batch=DailyBatchFactory(name="Physics"))
    absent_in(enrollment.batch, today, student)
    return enrollment


def remind(client, student, day, **sent):
    return client.post(reverse("dashboards:tell-of-absence", args=[student.pk, day]), sent)


def test_reminder_opens_whatsapp_and_is_recorded(client_of, admin, student, missed, today):
    Institute.objects.update(
        absence_message="{name} missed {batch} on {day}. {institute}", name="Sunrise & Co"
    )
    client = client_of(admin)
    assert (
        "Send a WhatsApp reminder to the family of Asha Verma"
        in client.get(ABSENT).content.decode()
    )

    link = urlsplit(remind(client, student, today)["Location"])

    assert (link.netloc, link.path) == ("wa.me", "/919876500001")
    assert parse_qs(link.query)["text"] == [
        "Asha Verma missed Physics on 15 Jun 2026. Sunrise & Co"
    ]
    reminder = AttendanceReminder.objects.get()
    assert (reminder.enrollment, reminder.sent_by, reminder.attended, reminder.counted) == (
        missed,
        admin,
        0,
        1,
    )
    assert rows_of(client.get(ABSENT))["Asha Verma"].reminded_at == reminder.sent_at


def test_second_reminder_within_a_few_days_asks_first(client_of, admin, student, missed, today):
    client = client_of(admin)
    remind(client, student, today)

    asked = remind(client, student, today).content.decode()

    assert "Remind again?" in asked and "absent from Physics on 15 Jun 2026" in asked
    assert AttendanceReminder.objects.count() == 1
    assert remind(client, student, today, again="on")["Location"].startswith("https://wa.me/")


def test_no_reminder_without_absence_or_mobile_number(client_of, admin, student, missed, today):
    client = client_of(admin)
    remind(client, student, today - DAY)
    student.guardian_phone = "02012345678"
    student.save()
    remind(client, student, today)

    assert not AttendanceReminder.objects.exists()
    assert "WhatsApp reminder" not in client.get(ABSENT).content.decode()


def test_instructor_cannot_send_reminders(client_of, instructor, student, missed, today):
    type(missed.batch).objects.update(instructor=instructor)
    client = client_of(instructor)

    assert "WhatsApp reminder" not in client.get(ABSENT).content.decode()
    assert remind(client, student, today).status_code == 403


def test_query_count_of_list_is_constant(client_of, admin, today, queries_of):
    client = client_of(admin)

    def absent(rows):
        batch = DailyBatchFactory()
        absent_in(batch, today, *[enrolled(batch=batch).student for _ in range(rows)])
        client.get(ABSENT)
        return queries_of(lambda: client.get(ABSENT))

    assert absent(1) == absent(34)
    assert len(client.get(ABSENT).context["rows"]) == 30


def test_dashboard_links_to_absent_students(client_of, admin, today):
    batch = DailyBatchFactory()
    enrolled(batch=batch)
    absent_in(batch, today, *[enrolled(batch=batch).student for _ in range(2)])

    page = client_of(admin).get(reverse("dashboards:admin-dashboard")).content.decode()
    assert "Absent today: 2" in page and f'href="{ABSENT}"' in page


def test_empty_list_says_nobody_is_marked_absent(client_of, admin):
    assert "Nobody is marked absent" in client_of(admin).get(ABSENT).content.decode()
