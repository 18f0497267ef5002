import csv
import datetime
import io

import pytest
import time_machine
from django.urls import reverse

from academics.models import Institute
from academics.tests.factories import (
    BatchFactory,
    CourseFactory,
    DailyBatchFactory,
    EnrollmentFactory,
)
from accounts.roles import INSTRUCTOR
from accounts.tests.factories import StudentFactory, UserFactory
from attendance.models import Presence
from attendance.percentages import Tally
from attendance.queries.shortage import enrollment_shortages
from attendance.shortage import AttendanceRequirement

pytestmark = pytest.mark.django_db
SHORTAGE = reverse("attendance:shortage")


def enrolled_with(present=0, absent=0, late=0, excused=0, in_a_row=0, **of):
    """An active enrollment with these cached counts."""
    enrollment = EnrollmentFactory(**of)
    Presence.objects.create(
        enrollment=enrollment,
        present=present,
        absent=absent,
        late=late,
        excused=excused,
        absences_in_a_row=in_a_row,
    )
    return enrollment


def names(response):
    return [row.student.user.full_name for row in response.context["rows"]]


@pytest.fixture(autouse=True)
def _a_monday():
    with time_machine.travel(
        datetime.datetime(2026, 6, 15, 12, 0, tzinfo=datetime.UTC), tick=False
    ):
        yield


@pytest.mark.parametrize(
    ("present", "late", "absent", "excused", "percent", "short", "edge", "classes_needed"),
    [
        (3, 0, 1, 0, 75, False, True, 0),  # 3 of 4 is 75 % exactly; 3 of 5 is 60 %
        (2, 1, 1, 0, 75, False, True, 0),  # late is attended
        (2, 0, 1, 9, 75, True, False, 1),  # 2 of 3 is 66⅔ %, excused or not; 3 of 4 is enough
        (7, 0, 3, 0, 75, True, False, 2),  # 7 of 10; 9 of 12 is 75 % exactly
        (
            29,
            0,
            11,
            0,
            75,
            True,
            False,
            4,
        ),  # 29 of 40 is 72.5 %; 33 of 44 is 75 % exactly, 32 of 43 is 74.42 %
        (299, 0, 100, 0, 75, True, False, 1),  # 299 of 399 is 74.94 %, shown as 74.9 %
        (300, 0, 100, 0, 75, False, True, 0),
        (33, 0, 10, 0, 75, False, False, 0),  # 33 of 44 would still be 75 % exactly
        (0, 0, 5, 0, 75, True, False, 15),  # 15 of 20
        (5, 0, 0, 0, 100, False, True, 0),
        (9, 0, 1, 0, 100, True, False, None),  # a class that was missed stays missed
        (0, 0, 3, 0, 1, True, False, 1),  # 1 of 4 is 25 %
        (2, 0, 0, 0, 75, False, True, 0),  # too few to be judged; 2 of 3 would be judged, and low
        (1, 0, 1, 0, 75, False, True, 0),  # low, but too few to be judged
        (1, 0, 0, 0, 75, False, False, 0),
        (0, 0, 0, 4, 75, False, False, 0),
    ],
)
def test_shortage_rule_is_exact_in_python_and_sql(
    present, late, absent, excused, percent, short, edge, classes_needed
):
    institute = Institute(low_attendance_percent=percent, low_attendance_classes=3)
    tally = Tally(present=present, late=late, absent=absent, excused=excused)
    expected = AttendanceRequirement(percent, minimum_classes=3)
    assert (expected.is_short(tally), expected.is_borderline(tally)) == (short, edge)

    assert not short or expected.classes_needed(tally) == classes_needed

    enrolled_with(present=present, late=late, absent=absent, excused=excused)
    found = enrollment_shortages(Presence.objects.needing_attention(institute), institute)
    assert [(row.is_short, row.is_borderline) for row in found] == [(short, edge)] * (short or edge)


def test_list_is_sorted_by_percentage_with_classes_needed(client_of, admin):
    batch = BatchFactory(name="JEE M1")
    for name, counts in {
        "Fine": {"present": 40},
        "Edge": {
            "present": 3,
            "absent": 1,
            "late": 3,
            "in_a_row": 1,
        },  # 6 of 7; 6 of 8 is 75 % exactly
        "Low": {"present": 7, "absent": 3},
        "Lower": {"present": 1, "absent": 4, "in_a_row": 4},
        "Close": {"present": 15, "absent": 5},
        "Away": {"present": 60, "absent": 3, "in_a_row": 3},
        "New": {"absent": 2, "in_a_row": 2},
    }.items():
        enrolled_with(batch=batch, student__user__full_name=name, **counts)

    response = client_of(admin).get(SHORTAGE)

    assert [
        (str(row.student), str(row.tally), row.status, row.classes_needed)
        for row in response.context["rows"]
    ] == [
        ("Lower", "1 of 5 · 20 %", "Short", 11),
        ("Low", "7 of 10 · 70 %", "Short", 2),
        ("Close", "15 of 20 · 75 %", "Short after the next absence", 0),
        ("Away", "60 of 63 · 95.2 %", "", 0),
    ]
    totals = response.context["totals"]
    assert (totals.listed, totals.short, totals.borderline, totals.repeatedly_absent) == (
        4,
        2,
        1,
        2,
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Asha", "Bela", "Chand"]),
        ({"show": "short"}, ["Asha", "Bela"]),
        ({"show": "edge"}, ["Chand"]),
        ({"show": "away"}, ["Asha"]),
        ({"show": "nonsense"}, ["Asha", "Bela", "Chand"]),
        ({"q": "bel"}, ["Bela"]),
        ({"sort": "-name"}, ["Chand", "Bela", "Asha"]),
        ({"sort": "-away"}, ["Asha", "Chand", "Bela"]),
        ({"sort": "-back"}, ["Asha", "Bela", "Chand"]),
    ],
)
def test_list_is_filtered_and_sorted(client_of, admin, query, found):
    batch = DailyBatchFactory()
    enrolled_with(absent=5, in_a_row=5, batch=batch, student__user__full_name="Asha")
    enrolled_with(present=3, absent=2, batch=batch, student__user__full_name="Bela")
    enrolled_with(present=15, absent=5, batch=batch, student__user__full_name="Chand")

    assert names(client_of(admin).get(SHORTAGE, query)) == found


def test_list_is_filtered_by_course_batch_and_instructor(client_of, admin, instructor):
    one = enrolled_with(absent=9, batch=DailyBatchFactory(instructor=instructor))
    two = enrolled_with(absent=9, batch=DailyBatchFactory())
    client = client_of(admin)

    for name, value in (
        ("course", two.batch.course_id),
        ("batch", two.batch_id),
        ("instructor", two.batch.instructor_id),
    ):
        (row,) = client.get(SHORTAGE, {name: value}).context["rows"]
        assert row.enrollment == two
    assert {row.enrollment for row in client.get(SHORTAGE, {"batch": "x"}).context["rows"]} == {
        one,
        two,
    }


def test_course_can_require_more_than_institute(client_of, admin):
    strict = BatchFactory(course=CourseFactory(low_attendance_percent=90))
    enrolled_with(present=8, absent=2, student__user__full_name="Lax")
    enrolled_with(present=8, absent=2, batch=strict, student__user__full_name="Strict")

    (row,) = client_of(admin).get(SHORTAGE, {"show": "short"}).context["rows"]
    assert (str(row.student), row.requirement.percent, row.classes_needed) == ("Strict", 90, 10)


def test_former_students_are_not_listed(client_of, admin):
    enrolled_with(absent=9, status="dropped", ended_on=datetime.date(2026, 6, 10))

    assert names(client_of(admin).get(SHORTAGE)) == []


def test_instructors_see_own_batches_only(client_of, instructor):
    enrolled_with(
        absent=9, batch=BatchFactory(instructor=instructor), student__user__full_name="Own"
    )
    other = enrolled_with(absent=9, student__user__full_name="Other")
    client = client_of(instructor)

    assert names(client.get(SHORTAGE)) == ["Own"]
    assert names(client.get(SHORTAGE, {"batch": other.batch_id})) == [
        "Own"
    ]  # no batch of theirs: no filter
    page = client.get(SHORTAGE).content.decode()
    assert other.batch.name not in page
    assert "Other" not in b"".join(client.get(SHORTAGE, {"as": "csv"})).decode()


def test_export_equals_list(client_of, admin):
    batch = BatchFactory(name="JEE M1", course__name="JEE")
    student = StudentFactory(
        user__full_name="=Asha",
        guardian_name="Anil",
        guardian_phone="9876500001",
        admission_number="26-7",
    )
    enrolled_with(present=6, late=1, absent=3, excused=2, in_a_row=2, batch=batch, student=student)
    enrolled_with(present=90, batch=batch)
    client = client_of(admin)

    (row,) = csv.DictReader(
        io.StringIO(b"".join(client.get(SHORTAGE, {"as": "csv"})).decode("utf-8-sig"))
    )
    assert row == {
        "Student": "'=Asha",
        "Admission number": "26-7",
        "Batch": "JEE M1",
        "Course": "JEE",
        "Guardian": "Anil",
        "Phone": "9876500001",
        "Attended": "7",
        "Classes": "10",
        "Percentage": "70.0",
        "Required percentage": "75",
        "Status": "Short",
        "Classes needed": "2",
        "Absences in a row": "2",
        "Last reminder": "",
    }
    assert b"".join(client.get(SHORTAGE, {"as": "xlsx"}))[:2] == b"PK"


@pytest.mark.parametrize("role", ["admin", "instructor"])
def test_list_has_constant_queries(client_of, admin, role, queries_of):
    teacher = UserFactory(role=INSTRUCTOR)
    enrolled_with(absent=9, batch=BatchFactory(instructor=teacher))
    client = client_of(admin if role == "admin" else teacher)
    client.get(SHORTAGE)
    few = queries_of(lambda: client.get(SHORTAGE))
    for _ in range(44):
        enrolled_with(absent=9, batch=BatchFactory(instructor=teacher))

    assert queries_of(lambda: client.get(SHORTAGE)) == few
    response = client.get(SHORTAGE)
    assert (len(response.context["rows"]), response.context["page"].total) == (30, 45)


def test_empty_list_has_empty_state(client_of, admin):
    assert "No attendance shortage" in client_of(admin).get(SHORTAGE).content.decode()
