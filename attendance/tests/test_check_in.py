import datetime
import re

import pytest
import time_machine
from django.core import signing
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from academics.models import Holiday, Institute
from academics.tests.factories import DailyBatchFactory, EnrollmentFactory
from accounts.roles import INSTRUCTOR
from accounts.tests.factories import PASSWORD, StudentFactory, UserFactory
from accounts.tests.second_factors import app_of, code_of
from attendance import checks
from attendance.models import CheckIn, Mark, Presence, Sheet
from attendance.percentages import Tally
from attendance.queries.days import classes_on
from attendance.queries.missing_registers import missing_registers
from attendance.queries.sheets import sheet_saves
from attendance.services import check_in
from attendance.services.sheets import SheetContent, save_sheet
from finance.tests.test_races import at_once

from .factories import save_marks

pytestmark = pytest.mark.django_db
CHECK_IN = reverse("attendance:check-in")


def at(hour, minute=0, second=0):
    """Set the clock to a time of 15 June 2026, with a class from 17:00 to 18:30."""
    return timezone.make_aware(datetime.datetime(2026, 6, 15, hour, minute, second))


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(at(17, 2), tick=False) as moved:
        yield moved


@pytest.fixture(autouse=True)
def _switched_on(db):
    Institute.objects.update(check_in_by_code=True)


@pytest.fixture
def batch(instructor):
    return DailyBatchFactory(name="Physics", instructor=instructor)


@pytest.fixture
def asha(batch, student):
    return EnrollmentFactory(batch=batch, student=student).student


def screen(batch, of, name="check-in-screen"):
    client = Client()
    client.force_login(of)
    return client.get(reverse(f"attendance:{name}", args=[batch.pk]))


def code(batch, instructor):
    """Return the URL in the current code."""
    return reverse(
        "attendance:check-in-scan",
        args=[check_in.make_code(batch, timezone.localdate(), instructor)],
    )


def phone_of(student):
    client = Client()
    client.force_login(student.user)
    return client


def scan_and_confirm(client, batch, instructor):
    client.get(code(batch, instructor), follow=True)
    return client.post(CHECK_IN, follow=True)


def refusal(response):
    return response.context["refusal"]


def the_mark():
    return list(Mark.objects.values_list("student__user__full_name", "status"))


# Check-in


def test_student_checks_in_by_scanned_code(asha, batch, instructor):
    phone = phone_of(asha)

    asked = phone.get(code(batch, instructor), follow=True)
    assert asked.redirect_chain == [(CHECK_IN, 302)] and "Physics" in asked.content.decode()
    assert the_mark() == []  # a link alone marks nobody

    done = phone.post(CHECK_IN, follow=True)
    assert "Checked in to Physics at 17:02: present." in done.content.decode()
    assert the_mark() == [("Asha Verma", "present")]
    sheet = Sheet.objects.get()
    assert (sheet.taken_by, sheet.is_open, sheet.tally) == (instructor, True, Tally(present=1))
    assert CheckIn.objects.get().student == asha
    assert Presence.objects.get().tally == Tally(present=1)
    assert [problem for check in checks.CHECKS for problem in check()] == []


@pytest.mark.parametrize(
    ("when", "status"),
    [
        (at(16, 45), "present"),
        (at(17, 10), "present"),
        (at(17, 10, 1), "late"),
        (at(18, 29, 59), "late"),
    ],
)
def test_status_depends_on_time_of_check_in(asha, batch, instructor, clock, when, status):
    clock.move_to(when)
    scan_and_confirm(phone_of(asha), batch, instructor)

    assert the_mark() == [("Asha Verma", status)]


def test_late_minutes_are_set_by_institute(asha, batch, instructor, clock):
    Institute.objects.update(late_after_minutes=0)
    clock.move_to(at(17, 0, 1))
    scan_and_confirm(phone_of(asha), batch, instructor)

    assert the_mark() == [("Asha Verma", "late")]


def test_scanned_code_survives_the_second_factor(asha, batch, instructor):
    app, _ = app_of(asha.user)
    phone = Client()
    page = phone.get(code(batch, instructor), follow=True).redirect_chain[-1][0]
    phone.post(page, {"name": asha.user.email, "password": PASSWORD})
    phone.post(reverse("accounts:second-step"), {"code": code_of(app)}, follow=True)

    phone.post(CHECK_IN)

    assert the_mark() == [("Asha Verma", "present")]


def test_signed_out_student_signs_in_and_continues(asha, batch, instructor, clock):
    phone = Client()
    answer = phone.get(code(batch, instructor), follow=True)
    assert answer.redirect_chain[-1][0] == f"{reverse('accounts:login')}?next={CHECK_IN}"

    clock.shift(120)  # typing a password takes longer than a code is shown
    signed_in = phone.post(
        answer.redirect_chain[-1][0], {"name": asha.user.email, "password": PASSWORD}, follow=True
    )
    assert signed_in.redirect_chain[-1][0] == CHECK_IN and "Check in" in signed_in.content.decode()
    phone.post(CHECK_IN)
    assert the_mark() == [("Asha Verma", "present")]


def test_instructor_page_shows_code_and_check_ins(asha, batch, instructor):
    EnrollmentFactory(batch=batch)
    before = screen(batch, instructor)
    assert "0 of 2 checked in" in before.content.decode() and "<svg" in before.content.decode()

    scan_and_confirm(phone_of(asha), batch, instructor)

    after = screen(batch, instructor, "check-in-now").content.decode()
    assert "1 of 2 checked in" in after and "Asha Verma" in after and "<html" not in after


def test_code_changes_every_twenty_seconds(batch, instructor, clock):
    shown = {}
    for second in range(0, 60, 5):
        clock.move_to(at(17, 5, second))
        shown.setdefault(check_in.make_code(batch, timezone.localdate(), instructor), []).append(
            second
        )

    assert list(shown.values()) == [[0, 5, 10, 15], [20, 25, 30, 35], [40, 45, 50, 55]]


def test_instructor_corrects_and_saves_check_ins(asha, batch, instructor, client_of):
    other = EnrollmentFactory(batch=batch).student
    scan_and_confirm(phone_of(asha), batch, instructor)
    client, today = client_of(instructor), timezone.localdate()
    address = reverse("attendance:sheet", args=[batch.pk, today])

    page = client.get(address)
    assert {row.enrollment.student_id: row.status for row in page.context["rows"]} == {
        asha.pk: "present",
        other.pk: "absent",
    }
    assert "1 of 2 have checked in" in page.content.decode()
    (day,) = classes_on(today)
    assert not day.is_marked
    evening = at(20)
    assert [(row.batch, row.day) for row in missing_registers(evening, days=0)] == [
        ("Physics", today)
    ]

    form = {f"mark-{asha.pk}": "excused", f"mark-{other.pk}": "absent", "version": "1"}
    assert client.post(address, form).status_code == 302
    assert dict(Mark.objects.values_list("student", "status")) == {
        asha.pk: "excused",
        other.pk: "absent",
    }
    assert not Sheet.objects.get().is_open
    assert missing_registers(evening, days=0) == []
    assert Mark.objects.get(student=asha).changes.get().before == "present"


def test_saving_unchanged_check_ins_closes_sheet(asha, batch, instructor):
    scan_and_confirm(phone_of(asha), batch, instructor)

    save_marks(batch, timezone.localdate(), by=instructor)
    assert (Sheet.objects.get().is_open, Sheet.objects.get().version) == (False, 2)
    save_marks(batch, timezone.localdate(), by=instructor)
    assert Sheet.objects.get().version == 2


def test_check_ins_are_not_in_sheet_history(asha, batch, instructor):
    scan_and_confirm(phone_of(asha), batch, instructor)
    scan_and_confirm(phone_of(EnrollmentFactory(batch=batch).student), batch, instructor)

    save_marks(batch, timezone.localdate(), by=instructor)

    (save,) = sheet_saves(Sheet.objects.get())
    assert save.by == "Imran Khan"


# Refusals


@pytest.mark.parametrize(
    ("seconds", "counts"), [(0, True), (19, True), (39, True), (40, False), (3600, False)]
)
def test_code_is_valid_for_two_periods(asha, batch, instructor, clock, seconds, counts):
    clock.move_to(at(17, 5))
    address = code(batch, instructor)
    clock.shift(seconds)
    phone = phone_of(asha)

    answer = phone.get(address, follow=True)
    assert answer.status_code == (200 if counts else 410)
    phone.post(CHECK_IN)
    assert Mark.objects.exists() == counts
    assert counts or "This code has expired" in answer.content.decode()


def test_future_or_forged_code_is_refused(asha, batch, instructor, clock):
    clock.move_to(at(17, 5))
    address = code(batch, instructor)
    forged = signing.Signer(key="another", salt="attendance.check-in", sep=".").sign(
        f"{batch.pk}-20260615-1-89"
    )
    clock.shift(-60)
    phone = phone_of(asha)

    assert "This code has expired" in refusal(phone.get(address))
    for token in (forged, "x", f"{batch.pk}-20260615-1-89", "a.b.c"):
        answer = phone.get(reverse("attendance:check-in-scan", args=[token]))
        assert answer.status_code == 410 and "This code is invalid" in refusal(answer)
    assert "Scan the code" in refusal(phone.post(CHECK_IN))
    assert the_mark() == []


def test_code_for_another_day_is_refused(asha, batch, instructor):
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    address = reverse(
        "attendance:check-in-scan", args=[check_in.make_code(batch, yesterday, instructor)]
    )
    phone = phone_of(asha)

    assert "This code is for another day" in refusal(phone.get(address, follow=True))
    assert "This code is for another day" in refusal(phone.post(CHECK_IN))
    assert the_mark() == []


def test_cookie_of_the_device_is_for_https_only_and_not_for_scripts(
    asha, batch, instructor, settings
):
    settings.HTTPS = True
    phone = phone_of(asha)

    phone.get(code(batch, instructor), follow=True)

    cookie = phone.cookies["check-in"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")


def test_ticket_is_valid_once_and_for_minutes(asha, batch, instructor, clock):
    phone = phone_of(asha)
    phone.get(code(batch, instructor), follow=True)
    clock.shift(301)
    assert "You scanned the code too long ago" in refusal(phone.post(CHECK_IN))

    scan_and_confirm(phone, batch, instructor)
    assert "Scan the code" in refusal(phone.post(CHECK_IN))  # the same form sent again
    assert "You are already marked present." in refusal(scan_and_confirm(phone, batch, instructor))
    assert len(the_mark()) == CheckIn.objects.count() == 1


def test_student_of_another_batch_cannot_check_in(asha, batch, instructor):
    stranger = EnrollmentFactory(batch=DailyBatchFactory()).student
    left = EnrollmentFactory(batch=batch, status="dropped", ended_on=timezone.localdate()).student

    for student in (stranger, left, StudentFactory()):
        assert "You are not in Physics on 15 Jun 2026" in refusal(
            scan_and_confirm(phone_of(student), batch, instructor)
        )
    assert the_mark() == []


def test_device_cannot_check_in_second_student(asha, batch, instructor):
    friend = EnrollmentFactory(batch=batch).student
    phone = phone_of(asha)
    scan_and_confirm(phone, batch, instructor)

    phone.force_login(friend.user)
    assert "This device has already checked in another student" in refusal(
        scan_and_confirm(phone, batch, instructor)
    )
    assert the_mark() == [("Asha Verma", "present")]


def test_device_can_check_in_another_student_to_another_class(asha, batch, instructor):
    other = DailyBatchFactory(instructor=instructor)
    sibling = EnrollmentFactory(batch=other).student
    phone = phone_of(asha)
    scan_and_confirm(phone, batch, instructor)
    phone.force_login(sibling.user)
    scan_and_confirm(phone, other, instructor)

    assert len(the_mark()) == 2


def test_unsigned_device_cookie_is_ignored(asha, batch, instructor):
    phone = phone_of(asha)
    phone.get(code(batch, instructor), follow=True)
    phone.cookies["check-in"] = "made-up"

    assert "does not accept cookies" in refusal(phone.post(CHECK_IN))
    assert the_mark() == []


@pytest.mark.parametrize("when", [at(16, 44, 59), at(18, 30), at(23, 59)])
def test_check_in_is_closed_outside_class(asha, batch, instructor, clock, when):
    clock.move_to(when)

    assert "Physics has no class now" in refusal(
        scan_and_confirm(phone_of(asha), batch, instructor)
    )
    page = screen(batch, instructor).content.decode()
    assert "QR code" not in page and ("Check-in opens at 16:45" in page) == (when < at(17))
    assert "The code is shown from 15 minutes before" in page
    assert the_mark() == []


def test_check_in_is_closed_on_holiday(asha, batch, instructor):
    Holiday.objects.create(day=timezone.localdate(), name="Rain")

    assert "is a holiday: Rain" in refusal(scan_and_confirm(phone_of(asha), batch, instructor))
    assert "is a holiday: Rain" in screen(batch, instructor).content.decode()


def test_saved_sheet_refuses_check_ins(asha, batch, instructor):
    late = EnrollmentFactory(batch=batch, enrolled_on=timezone.localdate())
    Sheet.objects.create(batch=batch, held_on=timezone.localdate(), taken_by=instructor)

    assert "is already saved" in refusal(
        scan_and_confirm(phone_of(late.student), batch, instructor)
    )
    assert "The sheet is already saved" in screen(batch, instructor).content.decode()
    assert the_mark() == []


def test_check_in_is_off_by_default(asha, batch, instructor):
    ticket_of = phone_of(asha)
    ticket_of.get(code(batch, instructor), follow=True)
    institute = Institute.objects.current()
    institute.check_in_by_code = False
    institute.save()

    assert Institute._meta.get_field("check_in_by_code").default is False
    assert screen(batch, instructor).status_code == 404
    assert ticket_of.get(code(batch, instructor)).status_code == 404
    assert ticket_of.post(CHECK_IN).status_code == 404
    with pytest.raises(ValidationError, match="switched off"):
        check_in.check_in(check_in.Ticket(batch.pk, timezone.localdate(), 1, 0), asha, "device")


def test_check_in_pages_require_student_or_instructor(batch, instructor, admin, asha):
    for person in (instructor, admin):
        client = Client()
        client.force_login(person)
        assert client.get(code(batch, instructor), follow=True).status_code == 403
    assert screen(batch, UserFactory(role=INSTRUCTOR)).status_code == 404
    assert screen(batch, asha.user).status_code == 403
    assert screen(batch, admin).status_code == 200


def test_check_in_requires_csrf_token(asha, batch, instructor):
    phone = Client(enforce_csrf_checks=True)
    phone.force_login(asha.user)
    phone.get(code(batch, instructor), follow=True)

    assert phone.post(CHECK_IN).status_code == 403
    assert the_mark() == []


# Queries and concurrency


def test_instructor_page_has_constant_queries(batch, instructor, queries_of):
    client, now = Client(), reverse("attendance:check-in-now", args=[batch.pk])
    client.force_login(instructor)

    def arrive(students):
        for enrollment in EnrollmentFactory.create_batch(students, batch=batch):
            scan_and_confirm(phone_of(enrollment.student), batch, instructor)

    arrive(1)
    client.get(now)
    few = queries_of(lambda: client.get(now))
    arrive(29)

    assert queries_of(lambda: client.get(now)) == few
    assert len(re.findall("<strong>", client.get(now).content.decode())) == 30


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_concurrent_check_ins_on_one_device_mark_one_student(instructor):
    Institute.objects.update(check_in_by_code=True)
    batch = DailyBatchFactory(instructor=instructor)
    students = [row.student for row in EnrollmentFactory.create_batch(4, batch=batch)]
    ticket = check_in.read_code(check_in.make_code(batch, timezone.localdate(), instructor))

    results = at_once(
        *(
            lambda student=student: check_in.check_in(ticket, student, "one device")
            for student in students
        )
    )

    assert sum(isinstance(result, CheckIn) for result in results) == 1
    assert all(
        "another student" in result.message for result in results if not isinstance(result, CheckIn)
    )
    assert Mark.objects.count() == CheckIn.objects.count() == 1
    assert [problem for check in checks.CHECKS for problem in check()] == []


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_whole_class_can_check_in_at_once(instructor):
    Institute.objects.update(check_in_by_code=True)
    batch = DailyBatchFactory(instructor=instructor)
    students = [row.student for row in EnrollmentFactory.create_batch(8, batch=batch)]
    ticket = check_in.read_code(check_in.make_code(batch, timezone.localdate(), instructor))

    at_once(*(lambda s=s: check_in.check_in(ticket, s, f"device {s.pk}") for s in students))

    assert Sheet.objects.get().tally == Tally(present=8)
    assert [problem for check in checks.CHECKS for problem in check()] == []


def test_check_in_to_saved_sheet_keeps_it_saved(asha, batch, instructor):
    sheet = save_marks(batch, timezone.localdate(), by=instructor)
    save_sheet(
        batch=batch,
        held_on=sheet.held_on,
        content=SheetContent({asha.pk: "late"}),
        by=None,
        keep_open=True,
    )
    assert not Sheet.objects.get().is_open


def test_partial_save_keeps_sheet_open(asha, batch, instructor):
    other = EnrollmentFactory(batch=batch).student
    third = EnrollmentFactory(batch=batch).student
    scan_and_confirm(phone_of(asha), batch, instructor)
    today = timezone.localdate()

    for student, still_open in ((other, True), (third, False)):
        save_sheet(
            batch=batch,
            held_on=today,
            content=SheetContent({student.pk: "late"}),
            by=instructor,
        )
        assert Sheet.objects.get().is_open == still_open
