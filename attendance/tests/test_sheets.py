import datetime
import html
import re
import threading

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from academics.models import ClassTime, Enrollment, Institute
from academics.tests.factories import (
    BatchFactory,
    ClassChangeFactory,
    DailyBatchFactory,
    EnrollmentFactory,
    HolidayFactory,
)
from accounts.tests.factories import PASSWORD, UserFactory
from accounts.tests.second_factors import app_of, code_of
from attendance.models import Mark, MarkChange, Sheet
from attendance.percentages import MarkStatus

from .factories import save_marks, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_afternoon")]
DAY = datetime.date(2026, 6, 15)
ONE = datetime.timedelta(days=1)


def address(batch, day=DAY):
    return reverse("attendance:sheet", args=[batch.pk, day])


def history(batch, day=DAY):
    return reverse("attendance:sheet-history", args=[batch.pk, day])


def marks_of(batch, **statuses):
    """Return form fields with everybody present, except `s<student id>="absent"`."""
    fields = {f"mark-{row.student_id}": "present" for row in batch.enrollments.all()}
    return fields | {f"mark-{key[1:]}": status for key, status in statuses.items()}


def messages_of(row):
    return [message.text for message in row.messages]


def sentence(response):
    """The one error above the form."""
    (error,) = response.context["form"].non_field_errors()
    return error


# Saving and correcting


def test_new_sheet_has_all_present_by_name(client_of, instructor, batch):
    for name in ("Zoya", "Asha"):
        EnrollmentFactory(batch=batch, student__user__full_name=name)

    response = client_of(instructor).get(address(batch))

    assert [(row.enrollment.name, row.status) for row in response.context["rows"]] == [
        ("Asha", "present"),
        ("Zoya", "present"),
    ]
    assert "Not marked yet" in response.content.decode()


def test_post_saves_all_marks_and_topic(client_of, instructor, batch):
    one, two, three = EnrollmentFactory.create_batch(3, batch=batch)
    fields = marks_of(batch, **{f"s{two.student_id}": "absent", f"s{three.student_id}": "late"})

    response = client_of(instructor).post(
        address(batch), {**fields, "version": "0", "topic": "  Optics "}, follow=True
    )

    sheet = Sheet.objects.get()
    assert (sheet.held_on, sheet.taken_by, sheet.topic) == (DAY, instructor, "Optics")
    assert dict(sheet.marks.values_list("student", "status")) == {
        one.student_id: "present",
        two.student_id: "absent",
        three.student_id: "late",
    }
    (message,) = response.context["messages"]
    assert (
        str(message) == "Attendance of Morning on 15 Jun 2026 saved: 1 present · 1 absent · 1 late."
    )
    assert "Marked by Imran Khan, 15 Jun 18:40" in text_of(response)


def test_second_save_corrects_and_history_shows_earlier_mark(client_of, instructor, admin, batch):
    one = EnrollmentFactory(batch=batch)
    EnrollmentFactory(batch=batch)
    save_marks(batch, DAY, by=admin, **{f"s{one.student_id}": "absent"})

    response = client_of(instructor).post(
        address(batch), {**marks_of(batch), "version": "1"}, follow=True
    )

    change = MarkChange.objects.get()
    assert (change.mark.student_id, change.before, change.after) == (
        one.student_id,
        "absent",
        "present",
    )
    assert Sheet.objects.get().version == 2
    assert history(batch) in response.content.decode()
    page = text_of(client_of(instructor).get(history(batch)))
    assert "<del>Absent</del> → Present" in page
    assert "last saved by Imran Khan, 15 Jun 2026, 18:40" in page


def test_history_lists_every_save_with_topic(client_of, instructor, admin, batch):
    one = EnrollmentFactory(batch=batch)
    save_marks(batch, DAY, by=admin)
    sheet = Sheet.objects.get()
    sheet.topic = "Mirrors"
    sheet.save()

    client_of(instructor).post(
        address(batch), {**marks_of(batch), "version": "1", "topic": "Lenses"}
    )
    absent = {
        **marks_of(batch, **{f"s{one.student_id}": "absent"}),
        "version": "2",
        "topic": "Lenses",
    }
    client_of(admin).post(address(batch), absent)

    page = client_of(instructor).get(history(batch))
    assert [(save.by, save.topic, save.topic_before) for save in page.context["saves"]] == [
        (str(admin), "Lenses", "Lenses"),
        (str(instructor), "Lenses", "Mirrors"),
        (str(admin), "Mirrors", None),
    ]
    assertContains(page, "<del>Mirrors</del> → Lenses", count=1)


def test_unchanged_save_adds_no_history(client_of, instructor, batch):
    EnrollmentFactory(batch=batch)
    save_marks(batch, DAY, by=instructor)

    client_of(instructor).post(address(batch), {**marks_of(batch), "version": "1", "topic": ""})

    assert Sheet.objects.get().earlier_saves == []
    assert client_of(instructor).get(history(batch)).context["saves"] == []


def test_save_by_script_returns_url_of_sheet(client_of, instructor, batch):
    EnrollmentFactory(batch=batch)
    client = client_of(instructor)

    response = client.post(
        address(batch), {**marks_of(batch), "version": "0"}, headers={"X-Requested-With": "fetch"}
    )

    assert response.json() == {"saved": address(batch)}
    assert (
        "Attendance of Morning on 15 Jun 2026 saved: 1 present."
        in client.get(address(batch)).content.decode()
    )


def test_unchanged_rows_need_not_be_sent(client_of, instructor, batch):
    one, two = EnrollmentFactory.create_batch(2, batch=batch)
    client = client_of(instructor)
    seen = " ".join(f"{row.student_id}p" for row in (one, two))

    client.post(address(batch), {"version": "0", "seen": seen, f"mark-{two.student_id}": "late"})
    assert dict(Mark.objects.values_list("student", "status")) == {
        one.student_id: "present",
        two.student_id: "late",
    }

    noted = {f"note-{two.student_id}": "Bus", f"was-{two.student_id}": ""}
    client.post(
        address(batch),
        {"version": "1", "seen": seen.replace(f"{two.student_id}p", f"{two.student_id}l"), **noted},
    )
    assert dict(Mark.objects.values_list("student", "note")) == {
        one.student_id: "",
        two.student_id: "Bus",
    }
    assert MarkChange.objects.count() == 1


def test_unsent_row_keeps_mark_saved_by_others(client_of, instructor, admin, batch):
    one, two = EnrollmentFactory.create_batch(2, batch=batch)
    save_marks(batch, DAY, by=admin)
    seen = f"{one.student_id}p {two.student_id}p"
    save_marks(batch, DAY, by=admin, **{f"s{one.student_id}": "absent"})

    page = client_of(instructor).post(
        address(batch), {"version": "1", "seen": seen, f"mark-{two.student_id}": "late"}
    )

    assert {row.enrollment.pk: row.status for row in page.context["rows"]} == {
        one.pk: "absent",
        two.pk: "late",
    }


def test_unchanged_save_writes_nothing(client_of, instructor, batch):
    EnrollmentFactory(batch=batch)
    sheet = save_marks(batch, DAY, by=instructor)

    response = client_of(instructor).post(address(batch), {**marks_of(batch), "version": "0"})

    assert response.status_code == 302
    assert Sheet.objects.get().version == sheet.version
    assert not MarkChange.objects.exists()


def test_student_enrolled_later_can_be_added_to_sheet(client_of, instructor, batch):
    EnrollmentFactory(batch=batch)
    save_marks(batch, DAY, by=instructor)
    late = EnrollmentFactory(batch=batch)
    client = client_of(instructor)
    assert "Not on the saved sheet yet" in client.get(address(batch)).content.decode()

    client.post(
        address(batch), {**marks_of(batch, **{f"s{late.student_id}": "excused"}), "version": "1"}
    )

    assert Mark.objects.get(student=late.student).status == "excused"
    assert not MarkChange.objects.exists()


def test_student_returned_on_same_day_is_on_sheet_once(client_of, instructor, batch):
    left = EnrollmentFactory(batch=batch)
    save_marks(batch, DAY, by=instructor)
    Enrollment.objects.filter(pk=left.pk).update(status="dropped", ended_on=DAY)
    EnrollmentFactory(batch=batch, student=left.student, enrolled_on=DAY)

    response = client_of(instructor).get(address(batch))

    assert [row.enrollment.pk for row in response.context["rows"]] == [left.pk]


def test_note_and_its_correction_are_saved(client_of, instructor, batch):
    student = EnrollmentFactory(batch=batch).student
    client = client_of(instructor)
    note = f"note-{student.pk}"

    client.post(address(batch), {**marks_of(batch), note: "  Left at 18:00 ", "version": "0"})
    assert Mark.objects.get().note == "Left at 18:00"
    assert not MarkChange.objects.exists()

    client.post(address(batch), {**marks_of(batch), note: "Left at 17:30", "version": "1"})
    assert Mark.objects.get().note == "Left at 17:30"
    change = MarkChange.objects.get()
    assert (change.before, change.after) == ("present", "present")
    assert (change.note_before, change.note_after) == ("Left at 18:00", "Left at 17:30")
    assert "<del>Left at 18:00</del> → Left at 17:30" in text_of(client.get(history(batch)))


def test_missing_note_stays_and_empty_note_is_removed(client_of, instructor, batch):
    student = EnrollmentFactory(batch=batch).student
    client = client_of(instructor)
    client.post(address(batch), {**marks_of(batch), f"note-{student.pk}": "Fever", "version": "0"})

    client.post(
        address(batch), {**marks_of(batch, **{f"s{student.pk}": "excused"}), "version": "1"}
    )
    assert Mark.objects.get().note == "Fever"
    client.post(
        address(batch),
        {
            **marks_of(batch, **{f"s{student.pk}": "excused"}),
            f"note-{student.pk}": "",
            "version": "2",
        },
    )
    assert Mark.objects.get().note == ""


@pytest.mark.parametrize("note", ["x" * 201, "a\0b"])
def test_invalid_note_is_refused_beside_student(client_of, instructor, batch, note):
    one, two = EnrollmentFactory.create_batch(2, batch=batch)
    fields = marks_of(batch, **{f"s{two.student_id}": "late"})

    response = client_of(instructor).post(
        address(batch), {**fields, f"note-{one.student_id}": note, "version": "0"}
    )

    rows = {row.enrollment.student_id: row for row in response.context["rows"]}
    assert rows[one.student_id].note_error
    assert (rows[one.student_id].note, rows[two.student_id].status) == (note, "late")
    assert not Sheet.objects.exists()


# Marking


def test_rows_show_last_five_marks_and_tally(client_of, instructor, batch):
    student = EnrollmentFactory(batch=batch).student
    for number, status in enumerate(["absent", "present", "late", "excused", "present", "absent"]):
        save_marks(batch, DAY - (6 - number) * ONE, **{f"s{student.pk}": status})
    newcomer = EnrollmentFactory(batch=batch, enrolled_on=DAY).student

    response = client_of(instructor).get(address(batch))

    rows = {row.enrollment.student_id: row for row in response.context["rows"]}
    assert rows[student.pk].recent == ["present", "late", "excused", "present", "absent"]
    assert (str(rows[student.pk].enrollment.tally), rows[student.pk].is_short) == (
        "3 of 5 · 60 %",
        True,
    )
    assert (rows[newcomer.pk].recent, rows[newcomer.pk].is_short) == ([], False)
    page = response.content.decode()
    assert "Last classes: present, late, excused, present, absent." in page
    assert page.count("Short</span>") == 1


def test_last_marks_exclude_other_batches(client_of, instructor, batch):
    before = EnrollmentFactory()
    save_marks(before.batch, DAY - 5 * ONE, **{f"s{before.student_id}": "absent"})
    Enrollment.objects.filter(pk=before.pk).update(status="dropped", ended_on=DAY - 2 * ONE)
    EnrollmentFactory(batch=batch, student=before.student, enrolled_on=DAY - 2 * ONE)

    (row,) = client_of(instructor).get(address(batch)).context["rows"]

    assert (row.recent, row.enrollment.tally.total) == ([], 0)


def test_fill_marks_all_without_saving(client_of, instructor, batch):
    one, two = (
        EnrollmentFactory(batch=batch, student__user__full_name=name) for name in ("Asha", "Bela")
    )
    save_marks(batch, DAY - 2 * ONE, **{f"s{one.student_id}": "absent"})
    save_marks(batch, DAY - ONE, **{f"s{two.student_id}": "late"})
    EnrollmentFactory(batch=batch, enrolled_on=DAY, student__user__full_name="Charu")
    client = client_of(instructor)

    def filled(fill):
        return [row.status for row in client.get(f"{address(batch)}?fill={fill}").context["rows"]]

    assert filled("absent") == ["absent", "absent", "absent"]
    assert filled("last") == ["present", "late", "present"]
    assert filled("x") == filled("present") == ["present", "present", "present"]
    assert Sheet.objects.count() == 2


def test_same_as_last_class_requires_earlier_sheet(client_of, instructor, batch):
    EnrollmentFactory(batch=batch)
    client = client_of(instructor)

    assert "Same as last class" not in client.get(address(batch)).content.decode()
    save_marks(batch, DAY - ONE)
    assert "Same as last class" in client.get(address(batch)).content.decode()


# Concurrent saves


def test_stale_page_keeps_choices_and_can_be_saved_again(client_of, instructor, admin, batch):
    mine, theirs = EnrollmentFactory.create_batch(2, batch=batch)
    save_marks(batch, DAY, by=admin, **{f"s{theirs.student_id}": "absent"})
    client = client_of(instructor)
    fields = marks_of(batch, **{f"s{mine.student_id}": "late"}) | {f"note-{mine.student_id}": "Bus"}
    seen = f"{mine.student_id}p {theirs.student_id}p"

    response = client.post(
        address(batch), {**fields, "seen": seen, "version": "0", "topic": "Waves"}
    )

    assert sentence(response).startswith(
        "Anita Rao saved this sheet at 18:40, after you opened it."
    )
    rows = {row.enrollment.student_id: row for row in response.context["rows"]}
    assert (rows[mine.student_id].status, rows[mine.student_id].note) == ("late", "Bus")
    assert messages_of(rows[mine.student_id]) == ["Saved as Present. Save again to make it Late."]
    assert (rows[theirs.student_id].status, messages_of(rows[theirs.student_id])) == (
        "absent",
        ["Changed to Absent by that save."],
    )
    assert (response.context["version"], response.context["topic"]) == (1, "Waves")
    assert not MarkChange.objects.exists()

    again = {f"mark-{row.enrollment.student_id}": row.status for row in rows.values()} | {
        f"note-{mine.student_id}": "Bus"
    }
    client.post(
        address(batch),
        {**again, "seen": response.context["seen"], "version": "1", "topic": "Waves"},
    )
    assert dict(Mark.objects.values_list("student", "status")) == {
        mine.student_id: "late",
        theirs.student_id: "absent",
    }


def test_stale_page_without_seen_marks_keeps_all_choices(client_of, instructor, admin, batch):
    theirs = EnrollmentFactory(batch=batch)
    save_marks(batch, DAY, by=admin, **{f"s{theirs.student_id}": "absent"})

    (row,) = (
        client_of(instructor)
        .post(address(batch), {**marks_of(batch), "version": "0"})
        .context["rows"]
    )

    assert (row.status, messages_of(row)) == (
        "present",
        ["Saved as Absent. Save again to make it Present."],
    )


@pytest.mark.parametrize("seen", ["x", "1z", "p", "१p", "1p,2p", "1p 2"])
def test_malformed_seen_marks_are_refused(client_of, instructor, batch, seen):
    EnrollmentFactory(batch=batch)

    response = client_of(instructor).post(
        address(batch), {**marks_of(batch), "seen": seen, "version": "0"}
    )

    assert (
        sentence(response)
        == "Choose Present, Absent, Late or Excused for each student, and save again."
    )
    assert not Sheet.objects.exists()


def test_student_added_since_page_was_opened_is_named(client_of, instructor, batch):
    one = EnrollmentFactory(batch=batch)
    fields = marks_of(batch, **{f"s{one.student_id}": "late"})
    EnrollmentFactory(batch=batch, student__user__full_name="Ravi")

    response = client_of(instructor).post(address(batch), {**fields, "version": "0"})

    assert (
        sentence(response)
        == "Added to Morning since you opened this page: Ravi. Check the list and save."
    )
    assert {row.enrollment.name: row.status for row in response.context["rows"]} == {
        str(one.student): "late",
        "Ravi": "present",
    }
    assert not Sheet.objects.exists()


def test_student_removed_since_page_was_opened_is_named(client_of, instructor, batch):
    EnrollmentFactory(batch=batch)
    gone = EnrollmentFactory(batch=batch, student__user__full_name="Ravi")
    fields = marks_of(batch)
    Enrollment.objects.filter(pk=gone.pk).update(status="dropped", ended_on=DAY)

    response = client_of(instructor).post(address(batch), {**fields, "version": "0"})

    assert sentence(response).startswith("Not in Morning on 15 Jun 2026: Ravi. ")
    assert len(response.context["rows"]) == 1
    assert not Sheet.objects.exists()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_concurrent_saves_of_new_sheet_create_one(instructor, admin, batch):
    one, two = EnrollmentFactory.create_batch(2, batch=batch)
    bodies = [
        {**marks_of(batch, **{f"s{one.student_id}": "absent"}), "version": "0"},
        {**marks_of(batch, **{f"s{two.student_id}": "late"}), "version": "0"},
    ]
    clients = [Client(), Client()]
    for client, user in zip(clients, (instructor, admin), strict=True):
        client.force_login(user)
    gate, answers = threading.Barrier(2), []

    def save(client, body):
        try:
            gate.wait()
            answers.append(client.post(address(batch), body))
        finally:
            connection.close()

    threads = [
        threading.Thread(target=save, args=pair) for pair in zip(clients, bodies, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [200, 302]
    (refused,) = [answer for answer in answers if answer.status_code == 200]
    assert "saved this sheet at 18:40, after you opened it." in refused.content.decode()
    assert (Sheet.objects.count(), Mark.objects.count(), MarkChange.objects.count()) == (1, 2, 0)


# Days


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (datetime.date(2026, 5, 31), "Morning starts on 1 Jun 2026."),
        (datetime.date(2026, 6, 12), "Morning ended on 11 Jun 2026."),
        (
            datetime.date(2026, 6, 16),
            "16 Jun 2026 is in the future. Mark attendance on the day of the class.",
        ),
        (datetime.date(2026, 6, 10), "10 Jun 2026 is a holiday: Diwali."),
    ],
)
def test_closed_day_gives_reason_and_refuses_post(client_of, admin, batch, day, words):
    EnrollmentFactory(batch=batch)
    batch.ends_on = datetime.date(2026, 6, 11)
    batch.save()
    HolidayFactory(day=datetime.date(2026, 6, 10))
    client = client_of(admin)

    for response in (
        client.get(address(batch, day)),
        client.post(address(batch, day), {**marks_of(batch), "version": "0"}),
    ):
        assert response.context["reason"] == words
        assert '<form method="post" class="sheet"' not in response.content.decode()
        assert datetime.date(2026, 6, 11) in response.context["other_days"]
    assert not Sheet.objects.exists()


def test_cancelled_class_has_no_sheet_and_gives_reason(client_of, instructor, batch):
    EnrollmentFactory(batch=batch)
    ClassChangeFactory(batch=batch, class_of=(DAY, "17:00-18:30"), reason="Fever")
    ClassChangeFactory(
        batch=batch,
        class_of=(DAY - ONE, "17:00-18:30"),
        held=(DAY + ONE, "09:00-10:00"),
        reason="Hall is taken",
    )
    client = client_of(instructor)

    cancelled = client.post(address(batch), {**marks_of(batch), "version": "0"})
    moved = client.get(address(batch, DAY - ONE))

    assert cancelled.context["reason"] == "The class of 15 Jun 2026 is cancelled: Fever."
    assert (
        moved.context["reason"]
        == "The class of 14 Jun 2026 is moved to 16 Jun 2026: Hall is taken."
    )
    assert not Sheet.objects.exists()


def test_moved_or_added_class_needs_no_confirmation(client_of, instructor):
    batch = BatchFactory(instructor=instructor)
    EnrollmentFactory(batch=batch)
    ClassChangeFactory(batch=batch, class_of=(DAY - ONE, "17:00-18:30"), held=(DAY, "09:00-10:00"))
    client = client_of(instructor)

    assert client.get(address(batch)).context["asks_confirmation"] is False
    assert client.get(address(batch, DAY - 2 * ONE)).context["asks_confirmation"] is True


def test_cancelling_class_keeps_saved_sheet(client_of, admin, batch):
    EnrollmentFactory(batch=batch)
    save_marks(batch, DAY, by=admin)
    ClassChangeFactory(batch=batch, class_of=(DAY, "17:00-18:30"), reason="Fever")

    response = client_of(admin).get(address(batch))

    assert response.context["reason"] == "The class of 15 Jun 2026 is cancelled: Fever."
    assertContains(response, "The saved sheet is unchanged: ")


def test_adding_holiday_keeps_saved_sheet(client_of, admin, batch):
    EnrollmentFactory(batch=batch)
    save_marks(batch, DAY, by=admin)
    HolidayFactory(day=DAY)

    response = client_of(admin).get(address(batch))

    assert response.context["reason"] == "15 Jun 2026 is a holiday: Diwali."
    assert "The saved sheet is unchanged: 1 present." in response.content.decode()


def test_unplanned_class_needs_confirmation(client_of, instructor):
    batch = BatchFactory(instructor=instructor, name="Weekend")
    ClassTime.objects.create(
        batch=batch, weekday=5, starts_at=datetime.time(9), ends_at=datetime.time(11)
    )
    student = EnrollmentFactory(batch=batch).student
    client = client_of(instructor)
    fields = {f"mark-{student.pk}": "late", "version": "0", "topic": "Extra"}

    response = client.post(address(batch), fields)
    assert (
        sentence(response)
        == "Weekend has no class planned on a Monday. Tick the box if there was one."
    )
    assert [row.status for row in response.context["rows"]] == ["late"]
    assert response.context["topic"] == "Extra"
    assert not Sheet.objects.exists()

    assert client.post(address(batch), {**fields, "confirmed": "on"}).status_code == 302
    assert client.get(address(batch)).context["asks_confirmation"] is False


def test_correction_period_limits_instructor_but_not_admin(client_of, instructor, admin, batch):
    EnrollmentFactory(batch=batch)
    Institute.objects.update(attendance_edit_days=3)
    client = client_of(instructor)

    assert "form" in client.get(address(batch, DAY - 3 * ONE)).context
    response = client.post(address(batch, DAY - 4 * ONE), {**marks_of(batch), "version": "0"})
    assert response.context["reason"] == (
        "Attendance can be marked and corrected for 3 days. Ask the office to correct this sheet."
    )
    assert not Sheet.objects.exists()

    client_of(admin).post(address(batch, DAY - 4 * ONE), {**marks_of(batch), "version": "0"})
    assert Sheet.objects.get().held_on == DAY - 4 * ONE


def test_late_correction_requires_reason(client_of, admin, batch):
    student = EnrollmentFactory(batch=batch).student
    Institute.objects.update(attendance_edit_days=3)
    client = client_of(admin)
    fields = marks_of(batch, **{f"s{student.pk}": "excused"}) | {"version": "1"}
    for day in (DAY - 4 * ONE, DAY - 3 * ONE):
        save_marks(batch, day, by=admin)
    assert "Reason for correcting" in client.get(address(batch, DAY - 4 * ONE)).content.decode()
    assert "Reason for correcting" not in client.get(address(batch, DAY - 3 * ONE)).content.decode()

    response = client.post(address(batch, DAY - 4 * ONE), {**fields, "topic": "Waves"})
    assert response.context["form"].errors["reason"] == [
        "Enter a reason for correcting this old sheet."
    ]
    assert (
        '<a href="#id_reason">Reason for the correction</a>: Enter a reason'
        in response.content.decode()
    )
    assert ([row.status for row in response.context["rows"]], response.context["topic"]) == (
        ["excused"],
        "Waves",
    )
    assert not MarkChange.objects.exists()

    client.post(address(batch, DAY - 4 * ONE), {**fields, "reason": "Medical certificate"})
    assert MarkChange.objects.get().reason == "Medical certificate"
    assert "Medical certificate" in client.get(history(batch, DAY - 4 * ONE)).content.decode()
    assert client.post(address(batch, DAY - 3 * ONE), fields).status_code == 302


def test_new_old_sheet_and_unchanged_save_need_no_reason(client_of, admin, batch):
    EnrollmentFactory(batch=batch)
    Institute.objects.update(attendance_edit_days=0)
    client = client_of(admin)

    for version in ("0", "1"):
        assert (
            client.post(
                address(batch, DAY - ONE), {**marks_of(batch), "version": version}
            ).status_code
            == 302
        )


def test_sheet_without_students_has_empty_state(client_of, instructor, batch):
    client = client_of(instructor)

    assert "No student was enrolled on this day" in client.get(address(batch)).content.decode()
    response = client.post(address(batch), {"version": "0"})
    assert sentence(response).startswith("No student was enrolled in Morning on 15 Jun 2026")
    assert not Sheet.objects.exists()


@pytest.mark.parametrize(
    ("query", "day"),
    [
        ("on=2026-06-15&step=previous", datetime.date(2026, 6, 12)),
        ("on=2026-06-01&step=next", datetime.date(2026, 6, 2)),
        ("on=2026-06-15&step=next", datetime.date(2026, 6, 15)),
        ("on=2026-06-04", datetime.date(2026, 6, 4)),
    ],
)
def test_links_skip_holidays_to_adjacent_class_days(client_of, instructor, batch, query, day):
    HolidayFactory(day=datetime.date(2026, 6, 13))
    HolidayFactory(day=datetime.date(2026, 6, 14))

    response = client_of(instructor).get(
        f"{reverse('attendance:sheet-go', args=[batch.pk])}?{query}"
    )

    assert response.url == address(batch, day)


@pytest.mark.parametrize(
    "query", ["", "on=2026-02-30", "on=x", "on=0001-01-01", "on=2026-06-15&step=sideways"]
)
def test_invalid_day_redirects_to_register(client_of, instructor, batch, query):
    response = client_of(instructor).get(
        f"{reverse('attendance:sheet-go', args=[batch.pk])}?{query}"
    )

    assert response.url == reverse("attendance:batch-attendance", args=[batch.pk])


# Permissions


def test_sheet_is_for_admin_and_own_instructor(client_of, instructor, admin, batch):
    student = EnrollmentFactory(batch=batch).student
    other = UserFactory()

    statuses = {}
    for name, user in (
        ("admin", admin),
        ("own", instructor),
        ("other", other),
        ("student", student),
    ):
        client = client_of(user)
        statuses[name] = (
            client.get(address(batch)).status_code,
            client.post(address(batch), {**marks_of(batch), "version": "0"}).status_code,
        )

    assert statuses == {
        "admin": (200, 302),
        "own": (200, 302),
        "other": (404, 404),
        "student": (403, 403),
    }


def test_history_is_for_users_who_see_sheet(client_of, instructor, admin, batch):
    student = EnrollmentFactory(batch=batch).student
    save_marks(batch, DAY, by=admin)

    def status(user):
        return client_of(user).get(history(batch)).status_code

    assert (status(admin), status(instructor), status(UserFactory()), status(student)) == (
        200,
        200,
        404,
        403,
    )
    assert client_of(admin).get(history(batch, DAY - ONE)).status_code == 404


# An expired session, without scripts


def hidden(response, name):
    """Return the value of a hidden field of the page."""
    return html.unescape(re.search(f'name="{name}" value="([^"]*)"', response.content.decode())[1])


def sign_in_with(client, response, person, *, follow=True, **changes):
    """Submit the sign-in form of the page for ``person``."""
    carried = {name: hidden(response, name) for name in ("next", "typed")}
    typed = {"name": person.email, "password": PASSWORD, **carried, **changes}
    return client.post(reverse("accounts:login"), typed, follow=follow)


@pytest.fixture
def typed(batch):
    """Unsaved input of a sheet with two students, the first absent with a note."""
    one, _ = EnrollmentFactory.create_batch(2, batch=batch)
    marks = marks_of(batch, **{f"s{one.student_id}": "absent"})
    return {**marks, f"note-{one.student_id}": "Fever & “cough”", "topic": "Optics", "version": "0"}


def test_unsaved_input_is_restored_after_sign_in(client, instructor, batch, typed):
    asked = client.post(address(batch), typed)

    assertContains(asked, "Sign in, and your entries are shown again.")
    wrong = sign_in_with(client, asked, instructor, password="wrong")
    page = sign_in_with(client, wrong, instructor)

    assert page.redirect_chain[-1][0] == address(batch)
    assertContains(page, "Not saved yet: the marks from before you signed in are restored below.")
    assert [(row.status, row.note) for row in page.context["rows"]] == [
        ("absent", "Fever & “cough”"),
        ("present", ""),
    ]
    assert page.context["topic"] == "Optics"
    assert not Sheet.objects.exists()
    assertNotContains(client.get(address(batch)), "restored below")


def test_input_after_eight_hours_without_use_is_restored(client_of, instructor, batch, typed):
    client = client_of(instructor)
    with time_machine.travel(timezone.now() + datetime.timedelta(hours=8, minutes=1)):
        asked = client.post(address(batch), typed)
        page = sign_in_with(client, asked, instructor)

    assertContains(page, "restored below")
    assert page.context["topic"] == "Optics"


def test_unsaved_input_survives_the_second_step(client, instructor, batch, typed):
    app, _ = app_of(instructor)
    page = sign_in_with(client, client.post(address(batch), typed), instructor)
    assertContains(page, "After this step, your entries are shown again.")

    page = client.post("/accounts/login/second-step/", {"code": code_of(app)}, follow=True)

    assert page.redirect_chain[-1][0] == address(batch)
    assert page.context["topic"] == "Optics"
    assertNotContains(client.get(address(batch)), "restored below")


def test_unsaved_input_survives_a_second_step_that_took_too_long(client, instructor, batch, typed):
    app, _ = app_of(instructor)
    sign_in_with(client, client.post(address(batch), typed), instructor)
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=6)):
        asked = client.post("/accounts/login/second-step/", {"code": code_of(app)})
        sign_in_with(client, asked, instructor)
        page = client.post("/accounts/login/second-step/", {"code": code_of(app)}, follow=True)

    assert page.redirect_chain[-1][0] == address(batch)


def test_restored_input_can_be_saved(client, instructor, batch, typed):
    page = sign_in_with(client, client.post(address(batch), typed), instructor)

    client.post(address(batch), {**typed, "version": hidden(page, "version")})

    assert (Sheet.objects.get().topic, Sheet.objects.get().absent) == ("Optics", 1)


def test_restored_input_is_compared_with_later_save(client, instructor, admin, batch, typed):
    asked = client.post(address(batch), typed)
    save_marks(batch, DAY, by=admin)

    page = sign_in_with(client, asked, instructor)

    assertContains(page, "Another person saved this sheet meanwhile")
    assert messages_of(page.context["rows"][0]) == [
        "Saved as Present. Save again to make it Absent."
    ]


def test_restored_input_is_limited_to_its_sheet(client, instructor, batch, typed):
    sign_in_with(client, client.post(address(batch), typed), instructor, follow=False)

    assertNotContains(client.get(address(batch, DAY - ONE)), "restored below")
    assertContains(client.get(address(batch)), "restored below")


def test_restored_input_is_hidden_without_permission(client, batch, typed):
    page = sign_in_with(client, client.post(address(batch), typed), UserFactory())

    assert page.status_code == 404


def test_page_from_earlier_session_is_refused_and_restored(instructor, batch, typed):
    client = Client(enforce_csrf_checks=True)
    client.force_login(instructor)
    client.get(address(batch))
    old = client.cookies[settings.CSRF_COOKIE_NAME].value
    del client.cookies[settings.CSRF_COOKIE_NAME]
    client.get(address(batch))

    refused = client.post(address(batch), {**typed, "csrfmiddlewaretoken": old})

    assertContains(refused, "Nothing was saved", status_code=403)
    carried = {name: hidden(refused, name) for name in ("next", "typed", "csrfmiddlewaretoken")}
    page = client.post(reverse("accounts:login"), carried, follow=True)
    assertContains(page, "restored below")
    assert (page.context["rows"][0].status, page.context["topic"]) == ("absent", "Optics")
    assert not Sheet.objects.exists()


def test_input_without_csrf_token_is_not_stored(batch, typed):
    response = Client(enforce_csrf_checks=True).post(address(batch), typed)

    assert response.status_code == 403
    assert "Optics" not in response.content.decode()


@pytest.mark.parametrize("by", ["a script", "somebody with a hundred thousand letters"])
def test_other_requests_redirect_to_sign_in(client, batch, typed, by):
    headers = {"X-Requested-With": "fetch"} if by == "a script" else {}
    long = {} if headers else {"topic": "x" * 100_000}

    response = client.post(address(batch), {**typed, **long}, headers=headers)

    assert response.url == f"{reverse('accounts:login')}?next={address(batch)}"
    assert not client.session.keys()


# Invalid input


@pytest.mark.parametrize("status", ["x", "", "PRESENT", "\0", "present\0", "💥", "a" * 10_000])
def test_invalid_status_is_refused(client_of, instructor, batch, status):
    student = EnrollmentFactory(batch=batch).student

    response = client_of(instructor).post(
        address(batch), {f"mark-{student.pk}": status, "version": "0"}
    )

    assert (
        sentence(response)
        == "Choose Present, Absent, Late or Excused for each student, and save again."
    )
    assert not Sheet.objects.exists()


def test_unknown_student_is_refused_without_name(client_of, instructor, batch):
    EnrollmentFactory(batch=batch)
    elsewhere = EnrollmentFactory(student__user__full_name="Secret").student
    client = client_of(instructor)

    for pk in (elsewhere.pk, 999_999_999, "9" * 18):
        response = client.post(
            address(batch), {**marks_of(batch), f"mark-{pk}": "absent", "version": "0"}
        )
        assert sentence(response).startswith(
            "Not in Morning on 15 Jun 2026: a student on this page."
        )
        assert "Secret" not in response.content.decode()
    assert not Sheet.objects.exists()


@pytest.mark.parametrize("name", ["mark-", "mark-x", "mark--1", "mark-१", "mark-" + "9" * 19])
def test_field_without_student_id_is_refused(client_of, instructor, batch, name):
    EnrollmentFactory(batch=batch)

    response = client_of(instructor).post(
        address(batch), {**marks_of(batch), name: "absent", "version": "0"}
    )

    assert (
        sentence(response)
        == "Choose Present, Absent, Late or Excused for each student, and save again."
    )


@pytest.mark.parametrize("version", ["", "x", "-1", "1e3", "१", "9" * 30, "\0", None])
def test_invalid_version_is_refused(client_of, instructor, batch, version):
    EnrollmentFactory(batch=batch)
    fields = marks_of(batch) | ({} if version is None else {"version": version})

    response = client_of(instructor).post(address(batch), fields)

    assert sentence(response) == "This page sent incomplete data. Check the list and save again."
    assert not Sheet.objects.exists()


def test_version_of_missing_sheet_is_refused(client_of, instructor, batch):
    EnrollmentFactory(batch=batch)

    response = client_of(instructor).post(address(batch), {**marks_of(batch), "version": "7"})

    assert sentence(response) == "This sheet is not saved yet. Check the list and save."


def test_too_many_fields_and_empty_post_are_refused(client_of, instructor, batch):
    EnrollmentFactory(batch=batch)
    client = client_of(instructor)

    assert (
        client.post(address(batch), {f"mark-{n}": "absent" for n in range(10_000)}).status_code
        == 400
    )
    assert client.post(address(batch), {}).status_code == 200
    assert not Sheet.objects.exists()


@pytest.mark.parametrize("topic", ["x" * 201, "a\0b"])
def test_invalid_topic_is_refused_beside_field(client_of, instructor, batch, topic):
    EnrollmentFactory(batch=batch)

    response = client_of(instructor).post(
        address(batch), {**marks_of(batch), "version": "0", "topic": topic}
    )

    assert response.context["form"].errors["topic"]
    assert not Sheet.objects.exists()


@pytest.mark.parametrize("topic", ['<b>O\'Brien</b> & "x"', "प्रकाशिकी", "🧪 lab"])
def test_topic_is_saved_as_typed(client_of, instructor, batch, topic):
    EnrollmentFactory(batch=batch)

    response = client_of(instructor).post(
        address(batch), {**marks_of(batch), "version": "0", "topic": topic}, follow=True
    )

    assert Sheet.objects.get().topic == topic
    assert "<b>O'Brien" not in response.content.decode()


@pytest.mark.parametrize("day", ["2026-02-30", "0001-01-01", "9999-12-31", "2026-6-1", "yesterday"])
def test_nonexistent_day_is_not_found(client_of, admin, batch, day):
    assert client_of(admin).get(f"/batches/{batch.pk}/attendance/{day}/").status_code == 404


# Queries


def test_sheet_has_constant_queries(client_of, instructor, queries_of):
    client = client_of(instructor)

    def costs(students):
        batch = DailyBatchFactory(instructor=instructor)
        EnrollmentFactory.create_batch(students, batch=batch)
        everybody_late = dict.fromkeys(marks_of(batch), MarkStatus.LATE.value)
        for number in range(1, 8):
            save_marks(batch, DAY - number * ONE)
        return [
            queries_of(lambda: client.get(address(batch))),
            queries_of(lambda: client.post(address(batch), {**marks_of(batch), "version": "0"})),
            queries_of(lambda: client.post(address(batch), {**everybody_late, "version": "1"})),
            queries_of(lambda: client.get(address(batch))),
        ]

    client.get(reverse("attendance:day"))
    assert costs(2) == costs(40)
    assert MarkChange.objects.count() == 42


def test_older_sheet_can_be_corrected_with_new_student(client_of, instructor, batch):
    EnrollmentFactory.create_batch(39, batch=batch)
    save_marks(batch, DAY - ONE, by=instructor)
    EnrollmentFactory(batch=batch)
    fields = dict.fromkeys(marks_of(batch), "late") | {"version": "1"}

    assert client_of(instructor).post(address(batch, DAY - ONE), fields).status_code == 302
    assert (Mark.objects.filter(status="late").count(), MarkChange.objects.count()) == (40, 39)
