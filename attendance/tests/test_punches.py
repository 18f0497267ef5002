import datetime

import pytest

from academics.models import ClassTime, Holiday, Institute
from academics.tests.factories import DailyBatchFactory, EnrollmentFactory
from attendance import checks
from attendance.models import Mark, MarkChange, Sheet
from coachmaster.core.tests.imports import run_import

from .factories import save_marks

pytestmark = pytest.mark.django_db
MONDAY = datetime.date(2026, 6, 15)


@pytest.fixture
def batch():
    """Physics, each day from 17:00 to 18:30, with the students 26-1 and 26-2."""
    batch = DailyBatchFactory(name="Physics")
    for number, name in (("26-1", "Asha"), ("26-2", "Bela")):
        EnrollmentFactory(
            batch=batch, student__admission_number=number, student__user__full_name=name
        )
    return batch


@pytest.fixture
def import_punches(file):
    """Return a function that imports punches such as `26-1,2026-06-15 17:02`."""

    def run(*readings, options=(), header="Person number,Punch time"):
        return run_import(
            "import_attendance", file("\n".join([header, *readings]) + "\n"), "--punches", *options
        )

    return run


def marks():
    rows = Mark.objects.order_by("sheet__held_on", "sheet__batch__name", "student__user__full_name")
    rows = rows.select_related("sheet__batch", "student__user")
    return [
        f"{mark.sheet.held_on:%d} {mark.sheet.batch} {mark.student} {mark.status}" for mark in rows
    ]


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("16:30", "present"),
        ("17:00:00", "present"),
        ("17:10:00", "present"),
        ("17:10:01", "late"),
        ("18:29:59", "late"),
    ],
)
def test_first_punch_decides_present_or_late(batch, import_punches, at, status):
    run = import_punches(f"26-1,2026-06-15 {at}", f"26-1,2026-06-15 {at}")

    assert run.summary == "1 mark created, 0 changed, 1 unchanged, 0 skipped."
    assert marks() == [f"15 Physics Asha {status}"]


def test_grace_minutes_are_those_of_the_institute(batch, import_punches):
    Institute.objects.update(late_after_minutes=30)

    import_punches("26-1,2026-06-15 17:30", "26-2,2026-06-15 17:31")
    assert marks() == ["15 Physics Asha present", "15 Physics Bela late"]


@pytest.mark.parametrize(
    ("header", "reading"),
    [
        ("Admission No,Time", "26-1,15/06/2026 5:02 pm"),
        ("Admission No,Time", "26-1,15-06-2026 05:02:03 PM"),
        ("Admission No,Time", "26-1,2026-06-15T17:02:03.250"),
        ("Admission No,Date,Time", "26-1,15/06/2026,17:02"),
        ("User ID,Timestamp,Door", "26-1,2026-06-15 17:02,2"),
    ],
)
def test_date_and_time_formats_of_devices_are_read(batch, import_punches, header, reading):
    assert import_punches(reading, header=header).code == 0
    assert marks() == ["15 Physics Asha present"]


def test_second_punch_and_exit_change_nothing(batch, import_punches):
    run = import_punches(
        "26-1,2026-06-15 16:58",
        "26-1,2026-06-15 17:20",
        "26-1,2026-06-15 18:31",
        "26-1,2026-06-15 18:59:59",
    )

    assert run.summary == "1 mark created, 0 changed, 3 unchanged, 0 skipped."
    assert marks() == ["15 Physics Asha present"]


def test_consecutive_classes_have_a_punch_each(batch, import_punches):
    Institute.objects.update(several_batches_at_once=True)
    student = batch.enrollments.get(student__admission_number="26-1").student
    batch.enrollments.update(is_exclusive=False)
    maths = DailyBatchFactory(name="Maths")
    ClassTime.objects.filter(batch=maths).update(
        starts_at=datetime.time(18, 30), ends_at=datetime.time(20)
    )
    EnrollmentFactory(batch=maths, student=student, is_exclusive=False)

    import_punches("26-1,2026-06-15 17:15", "26-1,2026-06-15 18:25")
    assert marks() == ["15 Maths Asha present", "15 Physics Asha late"]


def test_second_class_of_the_day_shares_the_sheet(batch, import_punches):
    ClassTime.objects.create(
        batch=batch, weekday=0, starts_at=datetime.time(19), ends_at=datetime.time(20)
    )

    run = import_punches("26-1,2026-06-15 17:00", "26-1,2026-06-15 19:30")

    assert run.summary == "1 mark created, 0 changed, 1 unchanged, 0 skipped."
    assert marks() == ["15 Physics Asha present"]


def test_longer_file_adds_new_punches_only(batch, import_punches):
    import_punches("26-1,2026-06-15 17:02")
    again = import_punches("26-1,2026-06-15 17:02")
    longer = import_punches(
        "26-1,2026-06-15 17:02", "26-2,2026-06-15 17:40", "26-1,2026-06-16 17:00"
    )

    assert again.summary == "0 marks created, 0 changed, 1 unchanged, 0 skipped."
    assert longer.summary == "2 marks created, 0 changed, 1 unchanged, 0 skipped."
    assert marks() == ["15 Physics Asha present", "15 Physics Bela late", "16 Physics Asha present"]
    assert [problem for check in checks.CHECKS for problem in check()] == []


def test_existing_mark_stays(batch, import_punches, instructor):
    one = batch.enrollments.get(student__admission_number="26-1").student
    save_marks(batch, MONDAY, by=instructor, **{f"s{one.pk}": "excused"})

    run = import_punches("26-1,2026-06-15 17:02", "26-2,2026-06-15 17:50")

    assert run.summary == "0 marks created, 0 changed, 2 unchanged, 0 skipped."
    assert marks() == ["15 Physics Asha excused", "15 Physics Bela present"]
    assert not MarkChange.objects.exists() and not Sheet.objects.get().is_open


def test_sheet_waits_for_instructor_without_absent_option(batch, import_punches):
    import_punches("26-1,2026-06-15 17:02")
    assert (marks(), Sheet.objects.get().is_open) == (["15 Physics Asha present"], True)

    run = import_punches("26-1,2026-06-15 17:02", options=["--absent"])
    assert run.summary == "1 mark created, 0 changed, 1 unchanged, 0 skipped."
    assert (marks(), Sheet.objects.get().is_open) == (
        ["15 Physics Asha present", "15 Physics Bela absent"],
        False,
    )

    again = import_punches("26-1,2026-06-15 17:02", options=["--absent"])
    assert again.summary == "0 marks created, 0 changed, 1 unchanged, 0 skipped."
    assert [problem for check in checks.CHECKS for problem in check()] == []


@pytest.mark.parametrize(
    ("reading", "sentence"),
    [
        ("26-9,2026-06-15 17:02", "row 3, Person number: “26-9”: There is no such student."),
        (
            "26-2,2026-06-15 16:29:59",
            "row 3, Punch time: “2026-06-15 16:29:59”: No class of the student's batches on 15 "
            "Jun 2026 at this time.",
        ),
        (
            "26-2,2026-06-15 18:30",
            "row 3, Punch time: “2026-06-15 18:30”: No class of the student's batches on 15 "
            "Jun 2026 at this time.",
        ),
        (
            "26-2,2026-05-15 17:02",
            "row 3, Punch time: “2026-05-15 17:02”: No class of the student's batches on 15 "
            "May 2026 at this time.",
        ),
        (
            "26-2,2099-06-15 17:02",
            "row 3, Punch time: “2099-06-15 17:02”: This is in the future.",
        ),
        ("26-2,17:02", "row 3"),
        ("26-2,yesterday", "Write date and time, like 15/06/2026 17:03"),
        ("26-2,31/02/2026 17:02", "Enter a date that exists"),
        ("26-2,15/06/2026 25:02", "Write date and time"),
    ],
)
def test_unknown_punch_refuses_file(batch, import_punches, reading, sentence):
    run = import_punches("26-1,2026-06-15 17:02", reading)

    assert run.code == 1 and sentence in run.errors
    assert marks() == [] and not Sheet.objects.exists()


def test_unknown_punch_can_be_skipped(batch, import_punches):
    run = import_punches(
        "26-9,2026-06-15 17:02",
        "26-1,2026-06-15 17:02",
        "26-2,2026-06-15 12:00",
        options=["--leave-out"],
    )

    assert run.summary == "1 mark created, 0 changed, 0 unchanged, 2 skipped."
    assert (
        "Row 2 skipped: There is no such student." in run.out
        and "Row 4 skipped: No class" in run.out
    )
    assert marks() == ["15 Physics Asha present"]


def test_no_class_on_holidays_and_after_leaving(batch, import_punches):
    Holiday.objects.create(day=MONDAY, name="Rain")
    batch.enrollments.filter(student__admission_number="26-2").update(
        status="dropped", ended_on=MONDAY + datetime.timedelta(days=1)
    )

    run = import_punches("26-1,2026-06-15 17:02", "26-2,2026-06-16 17:02")
    assert run.errors.count("No class of the student's batches") == 2


def test_a_dry_run_writes_nothing(batch, import_punches):
    run = import_punches("26-1,2026-06-15 17:02", options=["--dry-run"])

    assert "Would have: 1 mark created" in run.out and marks() == []
