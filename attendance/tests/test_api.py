import datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from academics.tests.factories import (
    BatchFactory,
    DailyBatchFactory,
    EnrollmentFactory,
    HolidayFactory,
)
from accounts.models import StudentProfile
from accounts.tests.factories import StudentFactory
from attendance.models import Mark, MarkChange, Sheet
from coachmaster.tests.api import Caller

from .factories import save_marks

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


def wrong(**errors):
    return 400, {
        "message": f"Check {', '.join(errors)}.",
        "errors": {name: [text] for name, text in errors.items()},
    }


@pytest.fixture
def today():
    return timezone.localdate()


@pytest.fixture
def batch(instructor):
    return DailyBatchFactory(instructor=instructor, name="JEE")


@pytest.fixture
def pupils(batch):
    return [
        EnrollmentFactory(batch=batch, student__user__full_name=name).student_id
        for name in ("A", "B", "C")
    ]


def body(batch, day, *marks):
    records = [{"student_id": pk, "status": status} for pk, status in marks]
    return {"batch_id": batch.pk, "date": day.isoformat(), "records": records}


def words(day):
    return f"{day:%-d %b %Y}"


def marks_json(*marks):
    return [
        {
            "id": mark.pk,
            "batch_id": mark.sheet.batch_id,
            "student_id": mark.student_id,
            "date": mark.sheet.held_on.isoformat(),
            "status": mark.status,
            "marked_by": mark.sheet.taken_by_id,
            "created_at": timezone.localtime(mark.sheet.taken_at).isoformat(),
        }
        for mark in marks
    ]


def test_instructor_marks_a_class(batch, pupils, instructor, today):
    a, b, c = pupils

    got = Caller(instructor)(
        "POST", "/attendance", body(batch, today, (a, "present"), (b, "absent"), (c, "late"))
    )

    assert got == (201, {"message": f"Attendance of JEE on {words(today)} saved.", "count": 3})
    assert dict(Mark.objects.values_list("student", "status")) == {
        a: "present",
        b: "absent",
        c: "late",
    }
    assert Sheet.objects.get().taken_by == instructor


def test_students_not_sent_do_not_change(batch, pupils, instructor, today):
    a, b, _ = pupils
    caller = Caller(instructor)

    caller("POST", "/attendance", body(batch, today, (a, "present")))
    assert dict(Mark.objects.values_list("student", "status")) == {a: "present"}
    caller("POST", "/attendance", body(batch, today, (b, "absent")))
    assert dict(Mark.objects.values_list("student", "status")) == {a: "present", b: "absent"}


def test_second_call_corrects_and_records_previous_marks(batch, pupils, instructor, today):
    a, *_ = pupils
    caller = Caller(instructor)
    caller("POST", "/attendance", body(batch, today, (a, "absent")))

    assert caller("POST", "/attendance", body(batch, today, (a, "absent")))[0] == 201
    assert not MarkChange.objects.exists()
    caller("POST", "/attendance", body(batch, today, (a, "excused")))

    change = MarkChange.objects.get()
    assert (change.before, change.after, change.changed_by) == ("absent", "excused", instructor)


def test_late_correction_requires_a_reason(batch, pupils, admin, today):
    day = today - 60 * DAY
    a, b, _ = pupils
    caller = Caller(admin)
    assert caller("POST", "/attendance", body(batch, day, (a, "absent")))[0] == 201
    correction = body(batch, day, (a, "present"), (b, "present"))

    assert caller("POST", "/attendance", correction) == wrong(
        reason="Enter a reason for correcting this old sheet."
    )
    assert not MarkChange.objects.exists()
    status, _ = caller(
        "POST", "/attendance", {**correction, "reason": "  The register on paper says so "}
    )
    assert status == 201
    assert MarkChange.objects.get().reason == "The register on paper says so"
    sent = {**body(batch, day, (a, "late")), "reason": "x" * 201}
    assert list(caller("POST", "/attendance", sent)[1]["errors"]) == ["reason"]


def test_student_of_another_batch_is_named_and_nothing_written(batch, pupils, instructor, today):
    gone = EnrollmentFactory(batch=batch, status="dropped", ended_on=today - DAY).student_id
    stranger = StudentFactory().pk
    sent = body(
        batch,
        today,
        (pupils[0], "present"),
        (stranger, "present"),
        (gone, "absent"),
        (2**62, "late"),
    )

    ids = ", ".join(str(pk) for pk in sorted([gone, stranger, 2**62]))
    assert Caller(instructor)("POST", "/attendance", sent) == wrong(
        records=f"Not in JEE on {words(today)}: student_id {ids}. Nothing was written."
    )
    assert not Sheet.objects.exists()


def test_student_sent_twice_is_refused(batch, pupils, instructor, today):
    sent = body(batch, today, (pupils[0], "present"), (pupils[0], "absent"))

    assert Caller(instructor)("POST", "/attendance", sent) == wrong(
        records="A student is sent twice. Send each student once."
    )


def test_days_without_a_sheet_are_refused(batch, pupils, instructor, today):
    HolidayFactory(day=today - DAY, name="Diwali")
    caller = Caller(instructor)

    def mark(day):
        return caller("POST", "/attendance", body(batch, day, (pupils[0], "present")))

    ahead, before = today + DAY, datetime.date(2026, 5, 31)
    assert mark(ahead) == wrong(
        date=f"{words(ahead)} is in the future. Mark attendance on the day of the class."
    )
    assert mark(before) == wrong(date="JEE starts on 1 Jun 2026.")
    assert mark(today - DAY) == wrong(date=f"{words(today - DAY)} is a holiday: Diwali.")
    assert mark(today - 8 * DAY) == wrong(
        date="Attendance can be marked and corrected for 7 days. "
        "Ask the office to correct this sheet."
    )


def test_day_without_planned_class_is_accepted(instructor, today):
    batch = BatchFactory(instructor=instructor)
    student = EnrollmentFactory(batch=batch).student_id

    assert (
        Caller(instructor)("POST", "/attendance", body(batch, today, (student, "present")))[0]
        == 201
    )


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"date": "2026-02-30"}, {"date": "Enter a valid date, like 2026-11-24."}),
        ({"date": "0001-01-01"}, {"date": "Enter a date between 1900 and 2100."}),
        ({"records": []}, {"records": "At least 1."}),
        ({"records": {}}, {"records": "Send a list."}),
        (
            {"records": [{"student_id": 1, "status": "here"}]},
            {"records": "In row 1, status: choose 'present', 'absent', 'late' or 'excused'."},
        ),
        (
            {"records": [{"status": "late"}]},
            {"records": "In row 1, student_id: this field is required."},
        ),
        ({"batch_id": "x"}, {"batch_id": "Send a whole number."}),
    ],
)
def test_invalid_request_is_refused_by_field(batch, pupils, admin, today, change, errors):
    sent = {**body(batch, today, (pupils[0], "present")), **change}

    assert Caller(admin)("POST", "/attendance", sent) == wrong(**errors)
    assert not Sheet.objects.exists()


def test_query_count_of_marking_is_constant(instructor, today, queries_of):
    caller = Caller(instructor)
    caller.get("/auth/me")

    def costs(students):
        batch = DailyBatchFactory(instructor=instructor)
        marks = [(EnrollmentFactory(batch=batch).student_id, "present") for _ in range(students)]
        return queries_of(lambda: caller("POST", "/attendance", body(batch, today, *marks)))

    assert costs(2) == costs(40)
    assert Mark.objects.count() == 42


def test_attendance_of_a_batch_is_listed_by_day(batch, pupils, instructor, today):
    for days in range(3):
        save_marks(batch, today - days * DAY, by=instructor)
    marks = list(Mark.objects.select_related("sheet").order_by("sheet__held_on", "pk"))
    caller = Caller(instructor)
    path = f"/batches/{batch.pk}/attendance"

    assert caller.get(path) == {"attendance": marks_json(*marks), "total": 9}
    assert caller.get(f"{path}?from={today}") == {"attendance": marks_json(*marks[6:]), "total": 3}
    assert caller.get(f"{path}?to={today - DAY}") == {
        "attendance": marks_json(*marks[:6]),
        "total": 6,
    }
    assert caller.get(f"{path}?from={today - DAY}&to={today - DAY}")["total"] == 3
    assert caller("GET", f"{path}?from=2026-02-30") == wrong(
        **{"from": "Enter a valid date, like 2026-11-24."}
    )
    assert caller("GET", f"{path}?from={today}&to={today - DAY}") == wrong(
        to=f"Choose {words(today)} or a later day."
    )


def test_attendance_of_a_student_has_counts_and_marks(batch, pupils, today):
    a, *_ = pupils
    for days, status in enumerate(["late", "present", "absent", "excused"]):
        save_marks(batch, today - days * DAY, **{f"s{a}": status})
    marks = Mark.objects.filter(student=a).select_related("sheet").order_by("-sheet__held_on")
    caller = Caller(StudentProfile.objects.get(pk=a))

    sums = {"total": 4, "present": 1, "absent": 1, "late": 1, "excused": 1, "percentage": 66.7}
    assert caller.get(f"/students/{a}/attendance") == {"attendance": marks_json(*marks), **sums}
    second = caller.get(f"/students/{a}/attendance?per_page=3&page=2")
    assert second == {"attendance": marks_json(marks[3]), **sums}


def test_percentage_is_null_before_the_first_class(student):
    assert Caller(student).get(f"/students/{student.pk}/attendance") == {
        "attendance": [],
        **dict.fromkeys(["total", "present", "absent", "late", "excused"], 0),
        "percentage": None,
    }


def test_instructor_sees_only_marks_in_own_batches(batch, pupils, instructor, admin, today):
    a, *_ = pupils
    save_marks(batch, today)
    other = DailyBatchFactory()
    EnrollmentFactory(
        batch=other, student=StudentProfile.objects.get(pk=a), status="completed", ended_on=today
    )
    save_marks(other, today - DAY)

    assert Caller(instructor).get(f"/students/{a}/attendance")["total"] == 1
    assert Caller(admin).get(f"/students/{a}/attendance")["total"] == 2


def test_page_and_api_agree_about_a_student(client_of, admin, batch, pupils):
    a, *_ = pupils
    day = datetime.date(2026, 6, 15)  # the page shows one month, and these days lie in one
    for days, status in enumerate(["late", "present", "absent"]):
        save_marks(batch, day - days * DAY, **{f"s{a}": status})

    page = (
        client_of(admin)
        .get(reverse("attendance:student-attendance", args=[a]), {"month": "2026-06"})
        .context
    )
    told = Caller(admin).get(f"/students/{a}/attendance")

    tally = page["tally"]
    assert (told["total"], told["percentage"]) == (tally.total, float(tally.percentage))
    assert [mark["id"] for mark in told["attendance"]] == [mark.pk for mark in page["marks"]]


def test_query_count_of_marks_is_constant(batch, pupils, admin, today, queries_of):
    caller = Caller(admin)
    caller.get("/auth/me")
    pages = (
        f"/batches/{batch.pk}/attendance?per_page=1",
        f"/students/{pupils[0]}/attendance?per_page=1",
    )
    save_marks(batch, today)
    for page in pages:
        caller.get(page)
    few = [queries_of(lambda page=page: caller.get(page)) for page in pages]
    for days in range(1, 4):
        save_marks(batch, today - days * DAY)

    assert [queries_of(lambda page=page: caller.get(page)) for page in pages] == few
