from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from django.urls import reverse

from academics.models import Institute
from academics.tests.factories import BatchFactory, EnrollmentFactory
from attendance.models import AttendanceReminder, Presence
from attendance.services.reminders import record_reminders
from coachmaster.core.reminders import Channel, RecentlyReminded
from finance.tests.test_races import meeting, refused

pytestmark = pytest.mark.django_db
SHORTAGE = reverse("attendance:shortage")
MAIL = reverse("attendance:remind-by-mail")


@pytest.fixture
def absentee(student):
    """Asha attended 6 of 10 classes of JEE M1 and missed the last two."""
    student.guardian_phone, student.guardian_email = "9876500001", "father@example.com"
    student.save()
    enrollment = EnrollmentFactory(student=student, batch=BatchFactory(name="JEE {M1}"))
    Presence.objects.create(enrollment=enrollment, present=5, late=1, absent=4, absences_in_a_row=2)
    return enrollment


def other_absentee(**of):
    enrollment = EnrollmentFactory(**of)
    Presence.objects.create(enrollment=enrollment, absent=8, absences_in_a_row=8)
    return enrollment


def remind(client, enrollment, **sent):
    return client.post(reverse("attendance:remind", args=[enrollment.pk]), sent)


def test_reminder_opens_whatsapp_with_text_of_institute(client_of, admin, absentee):
    institute = Institute.objects.current()
    institute.name, institute.phone = "Sunrise & Co", "9000000000"
    institute.attendance_reminder = (
        "{name} ({admission_number}), {batch}: {attended}/{counted}, {percent} of {expected} %, "
        "{absences} in a row. {institute} {phone}"
    )
    institute.save()

    link = urlsplit(remind(client_of(admin), absentee)["Location"])

    assert (link.scheme, link.netloc, link.path) == ("https", "wa.me", "/919876500001")
    assert parse_qs(link.query)["text"] == [
        f"Asha Verma ({absentee.student.admission_number}), JEE {{M1}}: "
        "6/10, 60 of 75 %, 2 in a row. "
        "Sunrise & Co 9000000000"
    ]
    reminder = AttendanceReminder.objects.get()
    assert (reminder.enrollment, reminder.channel, reminder.sent_by) == (
        absentee,
        "whatsapp",
        admin,
    )
    assert (reminder.attended, reminder.counted) == (6, 10)


def test_second_reminder_within_days_asks_first(client_of, admin, absentee):
    client = client_of(admin)
    remind(client, absentee)

    again = remind(client, absentee)
    assert "Remind again?" in again.content.decode() and "6 of 10 · 60 %" in again.content.decode()
    assert AttendanceReminder.objects.count() == 1

    assert remind(client, absentee, again="on")["Location"].startswith("https://wa.me/")
    assert AttendanceReminder.objects.count() == 2


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_family_is_reminded_once_by_two_requests(admin, absentee):
    remind_once = partial(record_reminders, [absentee.pk], channel=Channel.WHATSAPP, by=admin)

    results = meeting(remind_once, remind_once)

    assert [type(refusal) for refusal in refused(results)] == [RecentlyReminded]
    assert AttendanceReminder.objects.count() == 1


def test_list_shows_last_reminder(client_of, admin, absentee):
    client = client_of(admin)
    remind(client, absentee)

    (row,) = client.get(SHORTAGE).context["rows"]
    assert row.reminded_at == AttendanceReminder.objects.get().sent_at


def test_student_without_shortage_is_not_reminded(client_of, admin, absentee):
    Presence.objects.update(present=40, absences_in_a_row=0)
    client = client_of(admin)

    assert (
        reverse("attendance:remind", args=[absentee.pk])
        not in client.get(SHORTAGE).content.decode()
    )
    answer = client.post(reverse("attendance:remind", args=[absentee.pk]), follow=True)
    assert "Asha Verma has no attendance shortage" in answer.content.decode()
    assert not AttendanceReminder.objects.exists()


def test_family_without_mobile_number_has_no_whatsapp_button(client_of, admin, absentee):
    absentee.student.guardian_phone = "02012345678"
    absentee.student.save()
    client = client_of(admin)

    page = client.get(SHORTAGE).content.decode()
    assert 'href="tel:+912012345678"' in page
    assert reverse("attendance:remind", args=[absentee.pk]) not in page
    remind(client, absentee)
    assert not AttendanceReminder.objects.exists()


def test_ticked_families_get_one_email_each(
    client_of, admin, absentee, settings, django_capture_on_commit_callbacks
):
    settings.SENDS_MAIL = True
    other = other_absentee(student__user__email="own@example.com")
    silent = other_absentee(student__user__email="")

    with django_capture_on_commit_callbacks(execute=True):
        answer = client_of(admin).post(
            f"{MAIL}?show=short",
            {"enrollments": [absentee.pk, other.pk, silent.pk], "recent": "again"},
        )

    assert answer["Location"] == f"{SHORTAGE}?show=short"
    assert sorted(message.to[0] for message in mail.outbox) == [
        "father@example.com",
        "own@example.com",
    ]
    assert (
        "has attended 6 of 10 classes of JEE {M1}: 60 %. At least 75 % is required"
        in mail.outbox[0].body
    )
    assert set(AttendanceReminder.objects.values_list("enrollment", "channel")) == {
        (absentee.pk, "email"),
        (other.pk, "email"),
    }


@pytest.mark.parametrize(("answered", "mails"), [("leave_out", 1), ("again", 2)])
def test_email_to_recently_reminded_families_asks_first(
    client_of, admin, absentee, settings, django_capture_on_commit_callbacks, answered, mails
):
    settings.SENDS_MAIL = True
    other = other_absentee(student__user__email="own@example.com")
    client = client_of(admin)
    remind(client, absentee)
    ticked = {"enrollments": [absentee.pk, other.pk]}

    asked = client.post(MAIL, ticked)
    recent = [notice.student for notice in asked.context["notices"] if notice.is_recent]
    assert recent == [absentee.student]
    assert AttendanceReminder.objects.count() == 1
    with django_capture_on_commit_callbacks(execute=True):
        client.post(MAIL, ticked | {"recent": answered})
    assert len(mail.outbox) == mails


@pytest.mark.parametrize(
    "sent", [{}, {"enrollments": ["x"]}, {"enrollments": ["9" * 30]}, {"enrollments": ["-1"]}]
)
def test_invalid_ids_send_no_reminder(client_of, admin, absentee, settings, sent):
    settings.SENDS_MAIL = True

    assert "Nobody was reminded" in client_of(admin).post(MAIL, sent, follow=True).content.decode()
    assert not AttendanceReminder.objects.exists()


def test_no_email_without_mail_server(client_of, admin, absentee, settings):
    settings.SENDS_MAIL = False
    client = client_of(admin)

    assert MAIL not in client.get(SHORTAGE).content.decode()
    client.post(MAIL, {"enrollments": [absentee.pk]})
    assert not AttendanceReminder.objects.exists()


def test_instructors_see_shortage_but_cannot_send_reminders(client_of, instructor, absentee):
    absentee.batch.instructor = instructor
    absentee.batch.save()
    client = client_of(instructor)

    assert (
        reverse("attendance:remind", args=[absentee.pk])
        not in client.get(SHORTAGE).content.decode()
    )
    assert remind(client, absentee).status_code == 403


def test_reminders_have_constant_queries(client_of, admin, settings, queries_of):
    settings.SENDS_MAIL = True
    client = client_of(admin)

    def costs(several):
        keys = [other_absentee().pk for _ in range(several)]
        return queries_of(lambda: client.post(MAIL, {"enrollments": keys, "recent": "again"}))

    costs(1)
    assert costs(1) == costs(8)
    assert AttendanceReminder.objects.count() == 10
