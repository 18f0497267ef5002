import csv
import datetime
import io
from decimal import Decimal

import openpyxl
import pytest
from django.urls import reverse

from academics.models import ClassTime, Enrollment, Institute
from academics.tests.factories import (
    BatchFactory,
    DailyBatchFactory,
    EnrollmentFactory,
    HolidayFactory,
)
from accounts.tests.factories import StudentFactory, UserFactory
from attendance.percentages import MarkStatus
from attendance.services.sheets import SheetContent, save_sheet

from .factories import save_marks, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_afternoon")]
DAY = datetime.date(2026, 6, 15)
ONE = datetime.timedelta(days=1)


def register(client, batch, **query):
    return client.get(reverse("attendance:batch-attendance", args=[batch.pk]), query)


def attendance_of(client, student, **query):
    return client.get(reverse("attendance:student-attendance", args=[student.pk]), query)


def day_page(client, **query):
    return client.get(reverse("attendance:day"), query)


# The register


def test_register_shows_current_month_until_today(client_of, instructor, batch):
    context = register(client_of(instructor), batch).context

    assert (context["first"], context["last"]) == (datetime.date(2026, 6, 1), DAY)


def test_register_lists_marks_and_tally_by_name(client_of, instructor, batch):
    one = EnrollmentFactory(batch=batch, student__user__full_name="Zoya")
    two = EnrollmentFactory(batch=batch, student__user__full_name="Asha", enrolled_on=DAY)
    save_marks(batch, DAY - ONE, by=instructor, **{f"s{one.student_id}": "late"})
    save_marks(
        batch,
        DAY,
        by=instructor,
        **{f"s{one.student_id}": "absent", f"s{two.student_id}": "excused"},
    )

    response = register(client_of(instructor), batch)

    found = response.context["register"]
    assert [(row.name, row.marks, str(row.tally)) for row in found.rows] == [
        ("Asha", [None, MarkStatus.EXCUSED], "no classes yet"),
        ("Zoya", [MarkStatus.LATE, MarkStatus.ABSENT], "1 of 2 · 50 %"),
    ]
    assert [sheet.tally.label for sheet in found.sheets] == ["1 late", "1 absent · 1 excused"]
    assert found.tally.percentage == Decimal("50.0")
    page = text_of(response)
    assert '<td class="m m-late"><span aria-hidden="true">L</span>' in page
    assert '<span class="visually-hidden">Late</span></td>' in page


def test_former_student_stays_in_register_of_earlier_days(client_of, instructor, batch):
    gone = EnrollmentFactory(batch=batch)
    save_marks(batch, DAY - 5 * ONE, by=instructor)
    Enrollment.objects.filter(pk=gone.pk).update(status="dropped", ended_on=DAY - 3 * ONE)

    assert len(register(client_of(instructor), batch).context["register"].rows) == 1
    later = register(client_of(instructor), batch, **{"from": "2026-06-13", "to": "2026-06-15"})
    assert later.context["register"].rows == []


def test_planned_class_without_sheet_is_not_marked_yet(client_of, instructor, batch):
    EnrollmentFactory(batch=batch)
    save_marks(batch, DAY - ONE, by=instructor)
    HolidayFactory(day=DAY - 2 * ONE)

    response = register(client_of(instructor), batch, **{"from": "2026-06-12", "to": "2026-06-30"})

    found = response.context["register"]
    assert [(one.day.day, one.is_marked) for one in found.days] == [
        (12, False),
        (14, True),
        (15, False),
    ]
    assert found.missing == 2
    assert response.content.decode().count("Mark attendance") == 2


def test_days_before_correction_period_have_no_button(client_of, instructor, batch):
    EnrollmentFactory(batch=batch)
    Institute.objects.update(attendance_edit_days=1)

    page = register(
        client_of(instructor), batch, **{"from": "2026-06-12", "to": "2026-06-15"}
    ).content.decode()

    assert (page.count("Not marked yet</span>"), page.count("Mark attendance")) == (5, 2)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (
            {"from": "2026-06-10", "to": "2026-06-01"},
            "The last day must not be before 10 Jun 2026.",
        ),
        (
            {"from": "2026-01-01", "to": "2026-06-01"},
            "A register shows at most 92 days. Choose a shorter range.",
        ),
        ({"from": "2026-02-30", "to": "2026-06-01"}, "Enter a date that exists, like 24/11/2026."),
        ({"from": "0001-01-01", "to": "9999-12-31"}, "Enter a date between 1900 and 2100."),
    ],
)
def test_invalid_range_shows_error_and_current_month(client_of, instructor, batch, query, words):
    response = register(client_of(instructor), batch, **query)

    assert words in response.content.decode()
    assert (response.context["first"], response.context["last"]) == (datetime.date(2026, 6, 1), DAY)


def test_range_of_ninety_two_days_is_valid(client_of, instructor, batch):
    context = register(
        client_of(instructor), batch, **{"from": "2026-03-16", "to": "2026-06-15"}
    ).context

    assert (context["first"], context["last"]) == (datetime.date(2026, 3, 16), DAY)


def test_upcoming_batch_and_batch_without_class_times_have_empty_state(client_of, admin):
    client = client_of(admin)

    assert (
        "This batch has not started"
        in register(client, DailyBatchFactory(starts_on=DAY + ONE)).content.decode()
    )
    assert "no class times" in register(client, BatchFactory()).content.decode()


def test_month_links_to_months_before_and_after(client_of, instructor, batch):
    batch.starts_on = datetime.date(2026, 4, 10)
    batch.save()
    client = client_of(instructor)

    context = register(client, batch, month="2026-05").context

    assert (context["first"], context["last"]) == (
        datetime.date(2026, 5, 1),
        datetime.date(2026, 5, 31),
    )
    assert (context["months"].earlier, context["months"].later) == (
        datetime.date(2026, 4, 1),
        datetime.date(2026, 6, 1),
    )
    for nonsense in ("2026-03", "2026-13", "x"):
        assert register(client, batch, month=nonsense).context["first"] == datetime.date(2026, 6, 1)


def test_shortage_in_register_uses_all_classes(client_of, instructor, batch):
    batch.starts_on = datetime.date(2026, 5, 1)
    batch.save()
    student = EnrollmentFactory(batch=batch, enrolled_on=batch.starts_on).student
    for day in (19, 20, 21, 22):
        save_marks(batch, datetime.date(2026, 5, day), **{f"s{student.pk}": "absent"})
    save_marks(batch, DAY)

    (row,) = register(client_of(instructor), batch).context["register"].rows

    assert (str(row.tally), str(row.overall), row.is_short) == (
        "1 of 1 · 100 %",
        "1 of 5 · 20 %",
        True,
    )


def test_returned_student_has_one_row(client_of, instructor, batch):
    first = EnrollmentFactory(batch=batch)
    save_marks(batch, DAY - 5 * ONE)
    Enrollment.objects.filter(pk=first.pk).update(status="dropped", ended_on=DAY - 4 * ONE)
    EnrollmentFactory(batch=batch, student=first.student, enrolled_on=DAY)
    save_marks(batch, DAY, **{f"s{first.student_id}": "absent"})

    (row,) = register(client_of(instructor), batch).context["register"].rows

    assert (row.marks, str(row.overall)) == (
        [MarkStatus.PRESENT, MarkStatus.ABSENT],
        "1 of 2 · 50 %",
    )


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_register_export_has_column_for_each_day_and_no_formula(client_of, instructor, batch, form):
    student = EnrollmentFactory(batch=batch, student__user__full_name="=1+1").student
    EnrollmentFactory(batch=batch, enrolled_on=DAY, student__user__full_name="Zoya")
    save_marks(batch, DAY - ONE, **{f"s{student.pk}": "late"})
    save_marks(batch, DAY, **{f"s{student.pk}": "absent"})

    response = register(client_of(instructor), batch, **{"as": form})

    assert (
        f"attendance-{batch.code or batch.pk}-2026-06-01-2026-06-15.{form}"
        in response["Content-Disposition"]
    )
    rows = rows_of_file(response, form)
    assert rows[0] == [
        "Student", "Admission number", "14 Jun 2026", "15 Jun 2026",
        "Present", "Absent", "Late", "Excused", "Attended", "Classes", "%",
        "Total attended", "Total classes", "Total %",
    ]  # fmt: skip
    number = student.admission_number
    name = "'=1+1" if form == "csv" else "=1+1"
    assert rows[1] == [
        name,
        number,
        "L",
        "A",
        "0",
        "1",
        "1",
        "0",
        "1",
        "2",
        "50.0",
        "1",
        "2",
        "50.0",
    ]
    assert rows[2][2:4] == ["", "P"]


def rows_of_file(response, form):
    """The cells of a downloaded table as text."""
    content = b"".join(response.streaming_content)
    if form == "csv":
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    return [
        [
            ""
            if cell is None
            else f"{cell:.1f}"
            if heading.startswith("%") and cell != heading
            else str(cell)
            for cell, heading in zip(line, next(sheet.iter_rows(values_only=True)), strict=True)
        ]
        for line in sheet.iter_rows(values_only=True)
    ]


def test_register_has_constant_queries(client_of, instructor, batch, queries_of):
    client = client_of(instructor)
    EnrollmentFactory(batch=batch)
    save_marks(batch, DAY, by=instructor)
    register(client, batch)
    few = queries_of(lambda: register(client, batch))
    EnrollmentFactory.create_batch(3, batch=batch)
    for number in range(4):
        save_marks(batch, DAY - number * ONE, by=instructor)

    assert queries_of(lambda: register(client, batch)) == few
    found = register(client, batch).context["register"]
    assert (len(found.rows), len(found.sheets)) == (4, 4)


# A student's attendance


def marked(batch, student, statuses, first=DAY - 10 * ONE):
    """One sheet a day from ``first`` on, with these marks of the student."""
    for number, status in enumerate(statuses):
        save_marks(batch, first + number * ONE, **{f"s{student.pk}": status})


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        (["present"] * 3 + ["absent"], "3 of 4 · 75 %"),
        (["late", "late"], "2 of 2 · 100 %"),
        (["excused", "excused"], "no classes yet"),
        (["present", "excused", "absent", "late"], "2 of 3 · 66.7 %"),
    ],
)
def test_percentage_is_attended_of_attended_and_absent(client_of, batch, student, statuses, words):
    EnrollmentFactory(batch=batch, student=student)
    marked(batch, student, statuses)

    assert str(attendance_of(client_of(student), student).context["tally"]) == words


def test_classes_count_from_enrollment(client_of, admin, batch, student):
    EnrollmentFactory(batch=batch)
    save_marks(batch, DAY - 5 * ONE, by=admin)
    EnrollmentFactory(batch=batch, student=student, enrolled_on=DAY - 2 * ONE)
    save_marks(batch, DAY - 2 * ONE, by=admin)

    assert str(attendance_of(client_of(student), student).context["tally"]) == "1 of 1 · 100 %"


def test_transferred_student_has_tally_for_each_batch_and_total(client_of, admin, batch, student):
    first = EnrollmentFactory(batch=batch, student=student)
    marked(batch, student, ["present", "absent"])
    Enrollment.objects.filter(pk=first.pk).update(status="dropped", ended_on=DAY - 3 * ONE)
    second = EnrollmentFactory(
        batch=DailyBatchFactory(name="Evening"), student=student, enrolled_on=DAY - 3 * ONE
    )
    marked(second.batch, student, ["present", "late", "absent"], first=DAY - 2 * ONE)

    context = attendance_of(client_of(admin), student).context

    assert [(str(one.batch), str(one.tally)) for one in context["enrollments"]] == [
        ("Evening", "2 of 3 · 66.7 %"),
        ("Morning", "1 of 2 · 50 %"),
    ]
    assert str(context["tally"]) == "3 of 5 · 60 %"


def test_no_classes_before_first_sheet(client_of, batch, student):
    EnrollmentFactory(batch=batch, student=student)

    page = attendance_of(client_of(student), student).content.decode()

    assert "No classes yet" in page
    assert "0 %" not in page


def test_attendance_below_required_percentage_is_marked(client_of, batch, student):
    EnrollmentFactory(batch=batch, student=student)
    marked(batch, student, ["present"] * 3 + ["absent"])
    client = client_of(student)

    assert "Attendance shortage" not in attendance_of(client, student).content.decode()
    institute = Institute.objects.current()
    institute.low_attendance_percent = 76
    institute.save()
    assert (
        "Attendance shortage" not in attendance_of(client, student).content.decode()
    )  # four classes are too few to judge
    institute.low_attendance_classes = 4
    institute.save()
    assert "Attendance shortage" in attendance_of(client, student).content.decode()


def test_required_percentage_is_shown_for_batch_with_shortage(client_of, batch, student):
    Institute.objects.update(several_batches_at_once=True, low_attendance_classes=2)
    strict = BatchFactory(
        name="Strict", course__low_attendance_percent=90, starts_on=batch.starts_on
    )
    for one, statuses in ((strict, ["present", "absent"]), (batch, ["present"])):
        EnrollmentFactory(batch=one, student=student, is_exclusive=False)
        marked(one, student, statuses)

    page = text_of(attendance_of(client_of(student), student))

    assert "At least 90 % is required in Strict." in page
    assert "At least 75 %" not in page


def test_month_shows_marks_by_day_with_links_to_other_months(client_of, batch, student):
    batch.starts_on = datetime.date(2026, 4, 1)
    batch.save()
    EnrollmentFactory(batch=batch, student=student, enrolled_on=datetime.date(2026, 5, 20))
    for day in (datetime.date(2026, 5, 31), datetime.date(2026, 6, 1), datetime.date(2026, 6, 2)):
        save_marks(batch, day)
    client = client_of(student)

    def days(**query):
        return [mark.day for mark in attendance_of(client, student, **query).context["marks"]]

    assert days() == [datetime.date(2026, 6, 2), datetime.date(2026, 6, 1)]
    assert days(month="2026-05") == [datetime.date(2026, 5, 31)]
    for nonsense in ("2026-13", "2026-04", "2027-01", "x"):
        assert len(days(month=nonsense)) == 2
    context = attendance_of(client, student, month="2026-05").context
    assert (context["months"].earlier, context["months"].later) == (None, datetime.date(2026, 6, 1))
    marked_days = [day.day.day for week in context["weeks"] for day in week if day.marks]
    assert (len(context["weeks"]), marked_days, str(context["month_tally"])) == (
        5,
        [31],
        "1 of 1 · 100 %",
    )


def test_student_sees_note_and_correction_of_mark(client_of, instructor, batch, student):
    EnrollmentFactory(batch=batch, student=student)
    save_marks(batch, DAY, by=instructor, **{f"s{student.pk}": "absent"})
    save_sheet(
        batch=batch,
        held_on=DAY,
        content=SheetContent({student.pk: "late"}, {student.pk: "Bus broke down"}),
        by=instructor,
    )

    page = text_of(attendance_of(client_of(student), student))

    assert "Bus broke down" in page
    assert "Absent, no note <small> until 15 Jun 2026, 18:40, Imran Khan </small>" in page


def test_attendance_page_is_for_student_and_own_instructor(client_of, instructor, admin, batch):
    mine, other = StudentFactory(), StudentFactory()
    EnrollmentFactory(batch=batch, student=mine)
    EnrollmentFactory(student=other)

    def statuses(user):
        client = client_of(user)
        return attendance_of(client, mine).status_code, attendance_of(client, other).status_code

    assert statuses(admin) == (200, 200)
    assert statuses(instructor) == (200, 404)
    assert statuses(mine) == (200, 404)
    assert statuses(UserFactory()) == (404, 404)


def test_instructor_sees_marks_of_own_batches_only(client_of, instructor, batch, student):
    before = EnrollmentFactory(batch=DailyBatchFactory(), student=student)
    marked(before.batch, student, ["absent"])
    Enrollment.objects.filter(pk=before.pk).update(status="completed", ended_on=DAY - 3 * ONE)
    EnrollmentFactory(batch=batch, student=student, enrolled_on=DAY - 3 * ONE)
    marked(batch, student, ["present"], first=DAY)

    own = attendance_of(client_of(instructor), student).context
    whole = attendance_of(client_of(student), student).context

    assert (str(own["tally"]), len(own["marks"])) == ("1 of 1 · 100 %", 1)
    assert (str(whole["tally"]), len(whole["marks"])) == ("1 of 2 · 50 %", 2)


def test_student_attendance_has_constant_queries(client_of, batch, student, queries_of):
    EnrollmentFactory(batch=batch, student=student)
    client = client_of(student)
    marked(batch, student, ["present"])
    attendance_of(client, student)
    few = queries_of(lambda: attendance_of(client, student))
    marked(batch, student, ["present"] * 6, first=DAY - 6 * ONE)

    assert queries_of(lambda: attendance_of(client, student)) == few
    assert len(attendance_of(client, student).context["marks"]) == 7


# The classes of a day


def test_day_lists_marked_and_unmarked_classes(client_of, admin, batch):
    EnrollmentFactory(batch=batch)
    other = DailyBatchFactory(name="Noon")
    save_marks(batch, DAY, by=admin)
    client = client_of(admin)

    def batches(**query):
        return [one.batch for one in day_page(client, **query).context["classes"]]

    assert batches() == [batch, other]
    assert batches(show="taken") == [batch]
    assert batches(show="open") == [other]
    page = day_page(client).content.decode()
    assert "1 of 2 marked" in page
    assert "Anita Rao, 15 Jun 18:40" in page


def test_day_of_instructor_has_own_batches(client_of, instructor, batch):
    DailyBatchFactory()

    assert [one.batch for one in day_page(client_of(instructor)).context["classes"]] == [batch]


def test_day_is_chosen_by_query_and_invalid_day_means_today(client_of, admin, batch):
    client = client_of(admin)

    assert day_page(client, on="2026-06-02").context["on"] == datetime.date(2026, 6, 2)
    for nonsense in ("2026-02-30", "0001-01-01", "9999-12-31", "x"):
        assert day_page(client, on=nonsense).context["on"] == DAY


def test_upcoming_class_has_no_button(client_of, admin, batch):
    page = day_page(client_of(admin), on="2026-06-16").content.decode()

    assert "Upcoming" in page
    assert "Mark attendance" not in page


def test_day_with_many_classes_has_pages(client_of, admin):
    DailyBatchFactory.create_batch(32)
    client = client_of(admin)

    first, second = (
        client.get(reverse("attendance:day"), {"page": page}).context["classes"] for page in (1, 2)
    )
    assert (len(first), len(second), first.total) == (30, 2, 32)


def test_day_has_constant_queries(client_of, admin, queries_of):
    client = client_of(admin)

    def take_another():
        one = DailyBatchFactory()
        EnrollmentFactory(batch=one)
        save_marks(one, DAY, by=admin)

    take_another()
    day_page(client)
    few = queries_of(lambda: day_page(client))
    for _ in range(4):
        take_another()

    assert queries_of(lambda: day_page(client)) == few
    assert len(day_page(client).context["classes"]) == 5


def test_day_without_classes_has_empty_state(client_of, admin):
    assert "No class on this day" in day_page(client_of(admin)).content.decode()


def test_registers_and_days_are_closed_to_students_and_other_instructors(client_of, student, batch):
    EnrollmentFactory(batch=batch, student=student)

    assert register(client_of(student), batch).status_code == 403
    assert day_page(client_of(student)).status_code == 403
    assert register(client_of(UserFactory()), batch).status_code == 404


def test_extra_class_is_listed_on_its_day(client_of, admin):
    batch = BatchFactory()
    ClassTime.objects.create(
        batch=batch, weekday=3, starts_at=datetime.time(9), ends_at=datetime.time(11)
    )
    EnrollmentFactory(batch=batch)
    save_marks(batch, DAY, by=admin)

    assert "extra class" in day_page(client_of(admin)).content.decode()
