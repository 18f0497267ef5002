import datetime
import re

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from academics.models import Institute
from academics.services import class_changes
from accounts.models import CalendarLink
from accounts.services import calendar_links

from .factories import (
    BatchFactory,
    ClassChangeFactory,
    EnrollmentFactory,
    HolidayFactory,
    batch_with,
    june,
)

pytestmark = pytest.mark.django_db
TODAY = datetime.date(2026, 6, 10)


@pytest.fixture(autouse=True)
def _wednesday():
    """Wednesday, 10 June 2026, 12:00 in India."""
    with time_machine.travel(
        datetime.datetime(2026, 6, 10, 6, 30, tzinfo=datetime.UTC), tick=False
    ):
        yield


def batch_of_june(class_times, **fields):
    return batch_with(class_times, **{"ends_on": june(30), **fields})


def address(user):
    link = calendar_links.renew_link(user)
    return reverse("academics:calendar-feed", args=[user.pk, calendar_links.link_token(link)])


def events(text):
    """Parse the events: `[{"SUMMARY": …, "DTSTART": …}]`."""
    lines = text.replace("\r\n ", "").split("\r\n")
    found, event = [], None
    for line in lines:
        if line == "BEGIN:VEVENT":
            event = {}
        elif line == "END:VEVENT":
            found.append(event)
            event = None
        elif event is not None:
            name, _, value = line.partition(":")
            event[name.partition(";")[0]] = re.sub(
                r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), value
            )
    return found


def read(client, user):
    return events(client.get(address(user)).content.decode())


def test_feed_contains_own_classes(client, instructor):
    batch = batch_of_june(
        "Wed 17:00-18:30", name="Evening", instructor=instructor, room="Room 2", ends_on=june(10)
    )
    batch_of_june("Wed 17:00-18:30", name="Other")

    first, second = read(client, instructor)

    assert first == {
        "UID": f"class-{batch.pk}-20260603-1700@localhost:8000",
        "DTSTAMP": "20260610T000000Z",
        "DTSTART": "20260603T170000",
        "DTEND": "20260603T183000",
        "SUMMARY": "Evening",
        "LOCATION": "Room 2, My institute",
        "DESCRIPTION": f"{batch.course}\nImran Khan",
        "URL": f"http://localhost:8000{batch.get_absolute_url()}",
        "STATUS": "CONFIRMED",
    }
    assert second["DTSTART"] == "20260610T170000"


def test_feed_contains_no_classes_of_a_batch_once_the_role_cannot_teach(client, instructor):
    batch_of_june("Wed 17:00-18:30", instructor=instructor)
    assert len(read(client, instructor)) == 4

    instructor.groups.get().permissions.remove(Permission.objects.get(codename="teach_batch"))

    assert read(client, instructor) == []


def test_student_feed_contains_classes_while_enrolled(client):
    batch = batch_of_june("Mon, Wed 17:00-18:30")
    enrollment = EnrollmentFactory(batch=batch, enrolled_on=june(24))

    assert [event["DTSTART"][:8] for event in read(client, enrollment.student.user)] == [
        "20260624",
        "20260629",
    ]


def test_moved_class_keeps_its_uid_and_cancelled_class_its_event(client, instructor):
    batch = batch_of_june(
        "Mon, Tue, Wed 17:00-18:30", name="Evening", instructor=instructor, ends_on=june(4)
    )
    before = {event["DTSTART"]: event["UID"] for event in read(client, instructor)}
    ClassChangeFactory(batch=batch, class_of=(june(1), "17:00-18:30"), reason="Fever")
    ClassChangeFactory(
        batch=batch, class_of=(june(2), "17:00-18:30"), held=(june(4), "09:00-10:00"), reason="Exam"
    )
    extra = ClassChangeFactory(batch=batch, held=(june(4), "12:00-13:00"), reason="Revision")
    HolidayFactory(day=june(3), name="Diwali")

    found = {event["UID"]: event for event in read(client, instructor)}

    cancelled, moved, off = (found[before[f"2026060{day}T170000"]] for day in (1, 2, 3))
    assert len(found) == 5
    assert (cancelled["STATUS"], cancelled["SUMMARY"]) == ("CANCELLED", "Cancelled: Evening")
    assert cancelled["DESCRIPTION"].endswith("\nCancelled: Fever")
    assert (moved["STATUS"], moved["DTSTART"]) == ("CONFIRMED", "20260604T090000")
    assert moved["DESCRIPTION"].endswith("\nMoved from Tue 2 Jun, 17:00: Exam")
    assert off["STATUS"] == "CANCELLED"
    assert found[f"extra-{extra.pk}@localhost:8000"]["DTSTART"] == "20260604T120000"
    assert found["holiday-20260603@localhost:8000"] == {
        "UID": "holiday-20260603@localhost:8000",
        "DTSTAMP": "20260610T000000Z",
        "DTSTART": "20260603",
        "DTEND": "20260604",
        "SUMMARY": "Holiday: Diwali",
        "TRANSP": "TRANSPARENT",
    }


def test_class_moved_again_keeps_its_uid(client, instructor):
    batch = batch_of_june("Mon 17:00-18:30", instructor=instructor, ends_on=june(6))
    (before,) = read(client, instructor)
    for day, starts_at, to_day in ((june(1), 17, june(3)), (june(3), 9, june(4))):
        class_changes.move_class(
            batch=batch,
            day=day,
            starts_at=datetime.time(starts_at),
            to=class_changes.NewTime(to_day, datetime.time(9), datetime.time(10)),
            reason="Exam",
            by=None,
        )

    (after,) = read(client, instructor)

    assert after["UID"] == before["UID"]
    assert after["DTSTART"] == "20260604T090000"


def test_feed_covers_four_weeks_back_and_twelve_ahead(client, instructor):
    BatchFactory(starts_on=datetime.date(2026, 1, 1), instructor=instructor).class_times.create(
        weekday=2, starts_at=datetime.time(9), ends_at=datetime.time(10)
    )

    days = [event["DTSTART"][:8] for event in read(client, instructor)]

    assert (len(days), days[0], days[-1]) == (17, "20260513", "20260902")


def test_special_characters_and_long_lines_are_valid_icalendar(client, instructor):
    Institute.objects.update(name="Sunrise; \\ Academy, " + "नमस्ते " * 10)
    name = "Ω, “A;B” \\ " + "दोपहर का बैच " * 9
    batch_of_june("Wed 17:00-18:30", name=name.strip(), instructor=instructor, ends_on=june(3))

    response = client.get(address(instructor))
    raw = response.content

    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert raw.startswith(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:")
    assert raw.endswith(b"END:VCALENDAR\r\n")
    lines = raw.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert b"\n" not in raw.replace(b"\r\n", b"")
    for line in lines:
        line.decode()  # no character is torn
    (event,) = events(raw.decode())
    assert event["SUMMARY"] == name.strip()
    assert event["LOCATION"] == Institute.objects.current().name


def timezone_lines(text):
    zone = text.partition("BEGIN:VTIMEZONE\r\n")[2].partition("END:VTIMEZONE\r\n")[0]
    return [line for line in zone.splitlines() if not line.startswith(("COMMENT", "TZNAME"))]


def test_times_are_given_in_the_institutes_time_zone(client, instructor):
    batch_of_june("Wed 17:00-18:30", instructor=instructor)

    text = client.get(address(instructor)).content.decode()

    assert "DTSTART;TZID=Asia/Kolkata:20260603T170000\r\n" in text
    assert timezone_lines(text) == [
        "TZID:Asia/Kolkata",
        "BEGIN:STANDARD",
        "DTSTART:20260513T000000",
        "TZOFFSETFROM:+0530",
        "TZOFFSETTO:+0530",
        "END:STANDARD",
    ]


def test_time_zone_includes_the_change_of_the_clocks(client, instructor, settings):
    settings.TIME_ZONE = "Europe/London"
    with time_machine.travel(datetime.datetime(2026, 9, 1, tzinfo=datetime.UTC), tick=False):
        text = client.get(address(instructor)).content.decode()

    assert timezone_lines(text) == [
        "TZID:Europe/London",
        "BEGIN:DAYLIGHT",
        "DTSTART:20260804T000000",
        "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0100",
        "END:DAYLIGHT",
        "BEGIN:STANDARD",
        "DTSTART:20261025T020000",
        "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0000",
        "END:STANDARD",
    ]


def test_feed_needs_the_token_and_no_session(client, student, instructor):
    good = address(instructor)
    other = address(student.user)

    assert client.get(good).status_code == 200
    for bad in (
        good.replace(".ics", "0.ics"),
        good.replace(f"/{instructor.pk}/", f"/{student.pk}/"),
        other.replace(f"/{student.pk}/", "/999999/"),
        reverse("academics:calendar-feed", args=[instructor.pk, "é"]),
    ):
        assert client.get(bad).status_code == 404
    assert client.post(good).status_code == 405


def test_renewed_link_ends_the_old_link(client_of, instructor):
    client = client_of(instructor)
    me = reverse("accounts:me")
    assert client.get(me).context["calendar_link"] is None
    client.post(reverse("accounts:calendar-link-renew"))
    first = client.get(me).context["calendar_token"]
    old = reverse("academics:calendar-feed", args=[instructor.pk, first])
    assert old in client.get(me).content.decode()
    assert Client().get(old).status_code == 200

    response = client.post(reverse("accounts:calendar-link-renew"), follow=True)

    assert [str(one) for one in response.context["messages"]] == [
        "New link created. The old link no longer works."
    ]
    assert Client().get(old).status_code == 404
    assert (
        Client()
        .get(
            reverse(
                "academics:calendar-feed", args=[instructor.pk, response.context["calendar_token"]]
            )
        )
        .status_code
        == 200
    )
    assert first not in CalendarLink.objects.get().seed


def test_new_secret_key_ends_links_without_fallback(client, instructor, settings):
    link, old = address(instructor), settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [old]
    assert client.get(link).status_code == 200

    settings.SECRET_KEY_FALLBACKS = []
    assert client.get(link).status_code == 404


def test_inactive_person_has_no_feed(client, instructor):
    link = address(instructor)
    instructor.is_active = False
    instructor.save(update_fields=["is_active"])

    assert client.get(link).status_code == 404


def test_person_without_the_permission_has_no_feed(client, instructor):
    link = address(instructor)
    assert client.get(link).status_code == 200
    instructor.groups.get().permissions.remove(Permission.objects.get(codename="view_batch"))

    assert client.get(link).status_code == 404


def test_unchanged_feed_answers_not_modified_and_is_private(client, instructor):
    batch = batch_of_june("Wed 17:00-18:30", instructor=instructor)
    link = address(instructor)
    first = client.get(link)

    again = client.get(link, headers={"if-none-match": first["ETag"]})
    ClassChangeFactory(batch=batch, class_of=(june(3), "17:00-18:30"))
    changed = client.get(link, headers={"if-none-match": first["ETag"]})

    assert set(first["Cache-Control"].split(", ")) == {"private", "max-age=900"}
    assert (again.status_code, changed.status_code) == (304, 200)
    assert "Set-Cookie" not in first


def test_feed_queries_do_not_grow_with_classes(client, instructor, queries_of):
    link = address(instructor)

    def add(batches):
        for _ in range(batches):
            batch = batch_of_june("Mon-Fri 17:00-18:30", instructor=instructor)
            ClassChangeFactory(batch=batch, class_of=(june(8), "17:00-18:30"))
        return len(events(client.get(link).content.decode()))

    assert add(1) == 22
    of_few = queries_of(lambda: client.get(link))
    assert add(5) == 132
    assert queries_of(lambda: client.get(link)) == of_few
