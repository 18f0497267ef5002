import datetime

import pytest
from django.urls import reverse

from academics.tests.factories import BatchFactory, EnrollmentFactory, HolidayFactory
from accounts.models import StudentProfile
from attendance.checks import presences
from attendance.models import Mark, MarkChange, Sheet
from attendance.percentages import Tally
from attendance.queries.student_attendance import student_tally
from coachmaster.core.tests.imports import run_import
from coachmaster.core.tests.workbooks import xlsx

from .factories import save_marks

pytestmark = pytest.mark.django_db

MARKS = (
    "Date,Batch,Student,Status\n15/06/2026,Morning,A,P\n15/06/2026,M1,B,absent\n16/06/2026,"
    "M1,A,Late\n16/06/2026,M1,B,L\n"
)


@pytest.fixture
def batch():
    """A batch with the students A and B from 1 June 2026; it has no planned class times."""
    batch = BatchFactory(name="Morning", code="M1")
    for name in "AB":
        EnrollmentFactory(batch=batch, student__user__full_name=name)
    return batch


def marks():
    """Return every mark as `day name status`."""
    rows = Mark.objects.order_by("sheet__held_on", "student").select_related(
        "sheet", "student__user"
    )
    return [f"{mark.sheet.held_on:%d} {mark.student} {mark.status}" for mark in rows]


def test_marks_are_imported_once_as_sheets(file, batch):
    first, second = (run_import("import_attendance", file(MARKS)) for _ in range(2))

    assert first.summary == "4 marks created, 0 changed, 0 unchanged, 0 skipped."
    assert second.summary == "0 marks created, 0 changed, 4 unchanged, 0 skipped."
    assert marks() == ["15 A present", "15 B absent", "16 A late", "16 B late"]
    assert [sheet.version for sheet in Sheet.objects.all()] == [1, 1]
    assert set(batch.enrollments.values_list("last_marked_on", flat=True)) == {
        datetime.date(2026, 6, 16)
    }


def test_different_mark_is_corrected_with_history(file, batch):
    save_marks(batch, datetime.date(2026, 6, 15))

    run = run_import(
        "import_attendance",
        file("Date,Batch,Student,Status\n15/06/2026,M1,A,P\n15/06/2026,M1,B,E\n"),
    )

    assert run.summary == "0 marks created, 1 changed, 1 unchanged, 0 skipped."
    assert marks() == ["15 A present", "15 B excused"]
    assert [(change.before, change.after) for change in MarkChange.objects.all()] == [
        ("present", "excused")
    ]


def test_later_holiday_does_not_refuse_second_run(file, batch):
    run_import("import_attendance", file(MARKS))
    HolidayFactory(day=datetime.date(2026, 6, 15))

    assert run_import("import_attendance", file(MARKS)).code == 0


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("15/06/2026,M1,A,here", "row 2, Status: “here”: Write P, A, L or E"),
        ("15/06/2026,M1,C,P", "row 2, Student: “C”: There is no such student."),
        ("15/06/2026,M9,A,P", "row 2, Batch: “M9”: No batch has this code or name."),
        (
            "15/06/2026,Noon,A,P",
            "row 2, Student: “A”: Not enrolled in Noon on 15 Jun 2026. Check batch and date.",
        ),
        ("31/05/2026,M1,A,P", "row 2, Date: “31/05/2026”: Morning starts on 1 Jun 2026."),
        ("31/05/2099,M1,A,P", "row 2, Date: “31/05/2099”: 31 May 2099 is in the future."),
        ("17/06/2026,M1,A,P", "row 2, Date: “17/06/2026”: 17 Jun 2026 is a holiday: Diwali."),
        (
            "15/06/2026,M1,A,P\n15/06/2026,Morning,a,A",
            "row 3, Student: “a”: Row 2 marks the same student on this day.",
        ),
        ("15/06/2026,M1,A,P\n15/06/2026,M1,B,", "row 3, Status: Fill in this cell"),
    ],
)
def test_invalid_mark_is_refused_and_creates_no_sheet(file, batch, rows, sentence):
    BatchFactory(name="Noon")
    HolidayFactory(day=datetime.date(2026, 6, 17))

    run = run_import("import_attendance", file(f"Date,Batch,Student,Status\n{rows}\n"))

    assert run.code == 1
    assert sentence in run.errors
    assert not Sheet.objects.exists()


# Registers ------------------------------------------------------------------------------------

GRID = "Student,Batch,15/06/2026,2026-06-16 00:00,Remarks\nA,Morning,P,A,x\nB,Morning,,L,\n"


def test_register_is_imported_once_by_its_dates(file, batch):
    first, second = (run_import("import_attendance_grid", file(GRID)) for _ in range(2))

    assert first.summary == "3 marks created, 0 changed, 0 unchanged, 0 skipped.", first.errors
    assert "Columns not used: Remarks." in first.out
    assert second.summary == "0 marks created, 0 changed, 3 unchanged, 0 skipped."
    assert marks() == ["15 A present", "16 A absent", "16 B late"]


def test_register_of_a_workbook_has_dates_as_headings(file, batch):
    day = datetime.date(2026, 6, 15)

    run = run_import(
        "import_attendance_grid",
        file(xlsx([["Student", "Batch", day], ["A", "M1", "P"]]), "grid.xlsx"),
    )

    assert run.code == 0, run.errors
    assert marks() == ["15 A present"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("A,Morning,P", "A,Morning,X", "row 2, 15/06/2026: “X”: Write P, A, L or E"),
        ("A,Morning,P", "C,Morning,P", "row 2, Student: “C”: There is no such student."),
        ("15/06/2026", "31/05/2026", "row 2, 31/05/2026: “P”: "),
        (
            "B,Morning,,L",
            "A,Morning,,L",
            "row 3, 2026-06-16 00:00: “L”: Row 2 marks the same student on this day.",
        ),
    ],
)
def test_invalid_register_cell_is_reported_by_row_and_date(file, batch, old, new, message):
    assert old in GRID

    run = run_import("import_attendance_grid", file(GRID.replace(old, new)))

    assert run.code == 1
    assert message in run.errors
    assert not Mark.objects.exists()


def test_register_heading_may_contain_month_name(file, batch):
    run = run_import("import_attendance_grid", file(GRID.replace("15/06/2026", "15-Jun-26")))

    assert run.summary == "3 marks created, 0 changed, 0 unchanged, 0 skipped.", run.errors


def test_register_without_date_is_refused(file, batch):
    run = run_import("import_attendance_grid", file("Student,Batch,Mon,Tue\nA,M1,P,P\n"))

    assert run.code == 1
    assert "a date: There is no such column. Found: Student, Batch, Mon, Tue." in run.errors


def test_different_mark_of_register_is_corrected(file, batch):
    run_import("import_attendance_grid", file(GRID))

    run = run_import("import_attendance_grid", file(GRID.replace("A,Morning,P", "A,Morning,E")))

    assert run.summary == "0 marks created, 1 changed, 2 unchanged, 0 skipped."
    assert marks()[0] == "15 A excused"


# Totals ---------------------------------------------------------------------------------------

TOTALS = "Student,Batch,Classes held,Attended,Excused\nA,Morning,40,36,\nB,M1,40,30,2\n"


def tallies():
    return {name: student_tally(StudentProfile.objects.get(user__full_name=name)) for name in "AB"}


def test_totals_count_with_marks_and_are_imported_once(file, batch):
    save_marks(batch, datetime.date(2026, 6, 15))

    first, second = (run_import("import_attendance_totals", file(TOTALS)) for _ in range(2))

    assert first.summary == "2 totals created, 0 changed, 0 unchanged, 0 skipped.", first.errors
    assert second.summary == "0 totals created, 0 changed, 2 unchanged, 0 skipped."
    assert tallies() == {
        "A": Tally(present=37, absent=4),
        "B": Tally(present=31, absent=8, excused=2),
    }
    assert list(presences()) == []


def test_later_marks_are_added_to_totals(file, batch):
    run_import("import_attendance_totals", file(TOTALS))

    run_import("import_attendance", file(MARKS))

    assert tallies()["A"] == Tally(present=37, absent=4, late=1)
    assert list(presences()) == []


def test_different_totals_replace_earlier_ones(file, batch):
    run_import("import_attendance_totals", file(TOTALS))

    run = run_import("import_attendance_totals", file(TOTALS.replace("40,36", "41,36")))

    assert run.summary == "0 totals created, 1 changed, 1 unchanged, 0 skipped."
    assert tallies()["A"] == Tally(present=36, absent=5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("40,36", "30,36", "Classes held: “30”: Attended, absent and excused do not add up to it."),
        ("40,36", ",36", "Attended: “36”: Enter the number of classes held, or of classes missed."),
        ("40,36", "40,-1", "Attended: “-1”: Enter a whole number from 0 to 5000."),
        ("A,Morning", "C,Morning", "Student: “C”: There is no such student."),
        ("B,M1", "A,M1", "row 3, Student: “A”: Row 2 is the same student in this batch."),
    ],
)
def test_invalid_totals_are_refused(file, batch, old, new, message):
    assert old in TOTALS

    run = run_import("import_attendance_totals", file(TOTALS.replace(old, new)))

    assert run.code == 1
    assert message in run.errors
    assert tallies() == {"A": Tally(), "B": Tally()}


def test_student_sees_earlier_classes(file, batch, client_of):
    run_import("import_attendance_totals", file(TOTALS))
    student = StudentProfile.objects.get(user__full_name="A")

    page = (
        client_of(student)
        .get(reverse("attendance:student-attendance", args=[student.pk]))
        .content.decode()
    )

    assert "36 of 40 are from before CoachMaster" in page
    assert "36 of 40 · 90 %" in page
