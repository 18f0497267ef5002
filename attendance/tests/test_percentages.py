import csv
import datetime
import io
from fractions import Fraction

import pytest
from django.urls import reverse

from academics.models import Enrollment, Institute
from academics.tests.factories import DailyBatchFactory, EnrollmentFactory, HolidayFactory
from attendance.percentages import Tally
from attendance.queries.student_attendance import enrollments_with_tally, student_tally

from .factories import save_marks

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_afternoon")]
TODAY = datetime.date(2026, 6, 15)


def june(day):
    return datetime.date(2026, 6, day)


def peopled(**fields):
    """A batch with a class every day and a classmate who always comes."""
    batch = DailyBatchFactory(**fields)
    EnrollmentFactory(batch=batch, enrolled_on=june(1))
    return batch


def sheets(batch, student, marks):
    """Save sheets on days of June, like `{8: "absent"}`, with the student only if enrolled."""
    for day, status in marks.items():
        save_marks(batch, june(day), **({f"s{student.pk}": status} if status else {}))


def leave(enrollment, day):
    Enrollment.objects.filter(pk=enrollment.pk).update(status="dropped", ended_on=june(day))


def joined_mid_way(batch, student):
    sheets(batch, student, {1: None, 2: None})
    EnrollmentFactory(batch=batch, student=student, enrolled_on=june(3))
    sheets(batch, student, {3: "absent", 4: "present", 5: "present"})


def left(batch, student):
    enrollment = EnrollmentFactory(batch=batch, student=student, enrolled_on=june(1))
    sheets(batch, student, {1: "present", 2: "absent"})
    leave(enrollment, 3)
    sheets(batch, student, {3: None, 4: None})


def transferred(batch, student):
    """Two classes before the transfer, three from that day on."""
    enrollment = EnrollmentFactory(batch=batch, student=student, enrolled_on=june(1))
    sheets(batch, student, {1: "present", 2: "absent"})
    leave(enrollment, 3)
    sheets(batch, student, {3: None})
    other = peopled(name="Evening")
    EnrollmentFactory(batch=other, student=student, enrolled_on=june(3))
    sheets(other, student, {3: "present", 4: "late", 5: "absent"})


def late_only(batch, student):
    EnrollmentFactory(batch=batch, student=student, enrolled_on=june(1))
    sheets(batch, student, {1: "late", 2: "late"})


def all_excused(batch, student):
    EnrollmentFactory(batch=batch, student=student, enrolled_on=june(1))
    sheets(batch, student, {1: "excused", 2: "excused"})


def none_held(batch, student):
    EnrollmentFactory(batch=batch, student=student, enrolled_on=june(1))


def some_excused(batch, student):
    EnrollmentFactory(batch=batch, student=student, enrolled_on=june(1))
    sheets(batch, student, {1: "excused", 2: "present", 3: "absent", 4: "late"})


def holiday_instead_of_a_class(batch, student):
    EnrollmentFactory(batch=batch, student=student, enrolled_on=june(1))
    HolidayFactory(day=june(2))
    sheets(batch, student, {1: "present", 3: "absent"})


def holiday_added_afterwards(batch, student):
    """The class was held: its sheet counts."""
    EnrollmentFactory(batch=batch, student=student, enrolled_on=june(1))
    sheets(batch, student, {1: "present", 2: "absent", 3: "present"})
    HolidayFactory(day=june(2))


def class_moved(batch, student):
    """Not held on the 2nd but on the 7th: no sheet there, one here."""
    EnrollmentFactory(batch=batch, student=student, enrolled_on=june(1))
    sheets(batch, student, {1: "present", 7: "present", 8: "absent"})


def corrected(batch, student):
    EnrollmentFactory(batch=batch, student=student, enrolled_on=june(1))
    sheets(batch, student, {1: "present", 2: "absent"})
    sheets(batch, student, {2: "excused"})


CASES = [
    (joined_mid_way, (2, 3), "2 of 3 · 66.7 %"),
    (left, (1, 2), "1 of 2 · 50 %"),
    (transferred, (3, 5), "3 of 5 · 60 %"),
    (late_only, (2, 2), "2 of 2 · 100 %"),
    (all_excused, None, "no classes yet"),
    (none_held, None, "no classes yet"),
    (some_excused, (2, 3), "2 of 3 · 66.7 %"),
    (holiday_instead_of_a_class, (1, 2), "1 of 2 · 50 %"),
    (holiday_added_afterwards, (2, 3), "2 of 3 · 66.7 %"),
    (class_moved, (2, 3), "2 of 3 · 66.7 %"),
    (corrected, (1, 1), "1 of 1 · 100 %"),
]


@pytest.mark.parametrize(
    ("case", "fraction", "words"), CASES, ids=[case.__name__ for case, *_ in CASES]
)
def test_percentage_of_worked_cases(student, case, fraction, words):
    case(peopled(), student)

    tally = student_tally(student)

    assert str(tally) == words
    assert (tally.attended, tally.counted) == (fraction or (0, 0))
    if fraction:
        assert abs(Fraction(tally.percentage) / 100 - Fraction(*fraction)) <= Fraction(1, 2000)
    by_enrollment = enrollments_with_tally(student, student.user)
    assert sum((enrollment.tally for enrollment in by_enrollment), Tally()) == tally


def test_transfer_splits_marks_by_date(student):
    transferred(peopled(name="Morning"), student)

    enrollments = enrollments_with_tally(student, student.user)

    assert [(str(one.batch), str(one.tally)) for one in enrollments] == [
        ("Evening", "2 of 3 · 66.7 %"),
        ("Morning", "1 of 2 · 50 %"),
    ]


@pytest.mark.parametrize(
    ("tally", "words"),
    [
        (
            Tally(36, 4, 2, 1),
            "36 present + 2 late = 38 attended; 38 ÷ (38 + 4 absent) = 90.5 %; 1 excused left out",
        ),
        (Tally(present=3, absent=1), "3 present + 0 late = 3 attended; 3 ÷ (3 + 1 absent) = 75 %"),
        (Tally(excused=2), "no classes yet"),
    ],
)
def test_calculation_names_every_number(tally, words):
    assert tally.calculation == words


def test_counts_are_grouped_from_a_thousand():
    tally = Tally(present=1050, absent=1_51_000, late=7)

    assert str(tally) == "1,057 of 1,52,057 · 0.7 %"
    assert tally.label == "1,050 present · 1,51,000 absent · 7 late"


def test_all_pages_show_the_same_percentage(client_of, admin, instructor, student):
    batch = peopled(name="Morning", instructor=instructor)
    EnrollmentFactory(batch=batch, student=student, enrolled_on=june(1))
    marks = ["present", "late", "absent", "excused", "absent", "absent", "present"]
    sheets(batch, student, dict(enumerate(marks, start=1)))
    figure = "3 of 6 · 50 %"
    Institute.objects.update(low_attendance_percent=75)

    def page(user, name, *args, **query):
        return client_of(user).get(reverse(name, args=args), query)

    def text(*args, **query):
        return page(*args, **query).content.decode()

    assert figure in text(instructor, "attendance:sheet", batch.pk, TODAY)
    assert figure in text(admin, "attendance:batch-attendance", batch.pk)
    assert figure in text(student, "attendance:student-attendance", student.pk)
    assert figure in text(admin, "attendance:student-attendance", student.pk)
    assert figure in text(student, "dashboards:student-dashboard")
    assert figure in text(instructor, "dashboards:student-page", student.pk)
    file = page(admin, "attendance:batch-attendance", batch.pk, **{"as": "csv"})
    row = next(
        row
        for row in csv.DictReader(io.StringIO(b"".join(file.streaming_content).decode("utf-8-sig")))
        if row["Admission number"] == student.admission_number
    )
    assert (row["Total attended"], row["Total classes"], row["Total %"]) == ("3", "6", "50.0")
