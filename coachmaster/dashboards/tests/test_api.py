import datetime
from functools import partial

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from academics.models import Enrollment
from academics.tests.factories import BatchFactory, DailyBatchFactory
from attendance.tests.factories import save_marks
from coachmaster.tests.api import Caller
from finance.tests.factories import enrolled, paid

pytestmark = pytest.mark.django_db


def test_admin_dashboard_has_figures_of_institute(admin, student):
    batch = DailyBatchFactory()
    enrollment = enrolled(student=student, batch=batch)
    late = enrolled(fee="5000.00", due_on=timezone.localdate() + datetime.timedelta(days=9))
    paid(student=student, amount="2000.50")
    save_marks(batch, timezone.localdate())

    def recent(enrollment):
        return {
            "id": enrollment.pk,
            "student_id": enrollment.student_id,
            "batch_id": enrollment.batch_id,
            "enrollment_date": enrollment.enrolled_on.isoformat(),
            "status": "active",
            "student_name": str(enrollment.student),
            "batch_name": enrollment.batch.name,
            "created_at": timezone.localtime(enrollment.created_at).isoformat(),
        }

    assert Caller(admin).get("/dashboard/admin") == {
        "collected_today": 2000.5,
        "collected_this_month": 2000.5,
        "owed": 14999.5,
        "students_who_owe": 2,
        "overdue": 9999.5,
        "due_today": 0,
        "uncleared": 0,
        "students_overdue": 1,
        "active_students": 2,
        "running_batches": 2,
        "classes_today": 1,
        "classes_taken": 1,
        "absences_today": 0,
        "registers_not_taken": 7,  # of the days that may still be corrected
        "recent_enrollments": [recent(late), recent(enrollment)],
    }


def test_admin_dashboard_of_empty_institute_is_all_zero(admin):
    data = Caller(admin).get("/dashboard/admin")

    assert data.pop("recent_enrollments") == []
    assert set(data.values()) == {0}


def test_admin_dashboard_equals_the_page(client_of, admin):
    batch = DailyBatchFactory(instructor=admin)
    paid(student=enrolled(batch=batch).student, amount="2000.50")

    page = client_of(admin).get(reverse("dashboards:admin-dashboard")).context
    answer = Caller(admin).get("/dashboard/admin")

    figures = page["figures"]
    assert answer["collected_today"] == float(figures.collections.today)
    assert answer["owed"] == float(figures.dues.amount)
    assert answer["overdue"] == float(figures.dues.overdue)
    assert answer["active_students"] == figures.active_students
    assert answer["running_batches"] == figures.running_batches
    assert answer["classes_taken"] == figures.classes.marked
    assert answer["classes_today"] == figures.classes.total == 1


@time_machine.travel("2026-11-24 12:00+05:30")
def test_absences_and_missing_registers_equal_the_page(client_of, admin):
    batch = DailyBatchFactory()
    student = enrolled(batch=batch, enrolled_on=datetime.date(2026, 11, 22)).student
    save_marks(batch, datetime.date(2026, 11, 24), **{f"s{student.pk}": "absent"})

    page = client_of(admin).get(reverse("dashboards:admin-dashboard")).context
    answer = Caller(admin).get("/dashboard/admin")

    assert answer["absences_today"] == page["figures"].classes.absences == 1
    assert answer["registers_not_taken"] == page["missing_count"] == 2


def test_instructor_dashboard_has_batches_and_classes(instructor):
    batch = DailyBatchFactory(instructor=instructor, name="JEE")
    enrolled(batch=batch)
    BatchFactory(instructor=instructor, ends_on=datetime.date(2026, 7, 1))
    BatchFactory()
    caller = Caller(instructor)
    own = next(one for one in caller.get("/batches")["batches"] if one["id"] == batch.pk)
    today = f"{timezone.localdate():%a} 17:00-18:30"

    assert caller.get("/dashboard/instructor") == {
        "batches": [{**own, "student_count": 1}],
        "classes_today": [
            {"batch_id": batch.pk, "batch_name": "JEE", "schedule_time": today, "taken": False}
        ],
    }


def test_admin_who_teaches_has_instructor_dashboard(admin):
    BatchFactory(instructor=admin)

    assert len(Caller(admin).get("/dashboard/instructor")["batches"]) == 1


def test_student_dashboard_has_enrollment_attendance_and_fees(student, instructor):
    batch = DailyBatchFactory(instructor=instructor)
    enrolled(student=student, batch=batch)
    save_marks(batch, timezone.localdate())
    caller = Caller(student)

    attendance = caller.get(f"/students/{student.pk}/attendance")
    del attendance["attendance"]
    assert caller.get("/dashboard/student") == {
        "enrollment": caller.get(f"/students/{student.pk}/enrollment"),
        "attendance": attendance,
        "fee_status": caller.get(f"/students/{student.pk}/fee-status"),
    }


def test_student_dashboard_equals_the_page(client_of, student, instructor):
    left = DailyBatchFactory(instructor=instructor)
    enrolled(student=student, batch=left)
    Enrollment.objects.update(status="completed", ended_on=timezone.localdate())
    batch = DailyBatchFactory(instructor=instructor)
    enrollment = enrolled(student=student, batch=batch)
    save_marks(batch, timezone.localdate(), **{f"s{student.pk}": "late"})
    paid(student=student, amount="3333.33")

    page = client_of(student.user).get(reverse("dashboards:student-dashboard")).context
    answer = Caller(student).get("/dashboard/student")

    assert answer["enrollment"]["id"] == page["enrollments"][0].pk == enrollment.pk
    assert [one["id"] for one in answer["enrollment"]["history"]] == [
        one.pk for one in page["earlier"]
    ]
    for name in ("total", "present", "absent", "late", "excused"):
        assert answer["attendance"][name] == getattr(page["tally"], name)
    assert answer["attendance"]["percentage"] == float(page["tally"].percentage) == 100
    fees = page["fees"]
    for name in ("total_fee", "total_paid", "balance", "overdue"):
        assert answer["fee_status"][name] == float(getattr(fees, name)), name
    assert answer["fee_status"]["status"] == fees.status


def test_instructor_dashboard_equals_the_page(client_of, instructor):
    batch = DailyBatchFactory(instructor=instructor)
    enrolled(batch=batch)
    save_marks(batch, timezone.localdate())

    page = client_of(instructor).get(reverse("dashboards:instructor-dashboard")).context
    answer = Caller(instructor).get("/dashboard/instructor")

    assert [(one["id"], one["student_count"]) for one in answer["batches"]] == [
        (batch.pk, batch.strength) for batch, _ in page["batches"]
    ]
    assert [(one["batch_id"], one["taken"]) for one in answer["classes_today"]] == [
        (one.batch.pk, one.is_marked) for one in page["classes"]
    ]


def test_student_without_enrollment_has_dashboard(student):
    assert Caller(student).get("/dashboard/student")["enrollment"] is None


def test_query_count_of_dashboards_is_constant(admin, instructor, student, queries_of):
    users = {"admin": admin, "instructor": instructor, "student": student}
    calls = [partial(Caller(user).get, f"/dashboard/{name}") for name, user in users.items()]
    enrolled(student=student, batch=DailyBatchFactory(instructor=instructor))

    def add(rows):
        for _ in range(rows):
            enrolled(batch=DailyBatchFactory(instructor=instructor))
            paid(student=student, amount="1.00")
        return [queries_of(call) for call in calls]

    add(1)
    assert add(1) == add(3)
