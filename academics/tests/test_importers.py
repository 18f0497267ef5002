import datetime
from decimal import Decimal

import pytest

from academics.models import Batch, Course, Holiday
from accounts.tests.factories import UserFactory
from coachmaster.core.tests.imports import run_import

from .factories import BatchFactory, CourseFactory, EnrollmentFactory, HolidayFactory

pytestmark = pytest.mark.django_db

COURSES = """Course Name,Code,Fees,Description
JEE Two Years,JEE-2Y,"₹1,25,000",Physics and more
NEET,,90000.50,
"""
# As another program exports them: the batch names its course by the course file's id.
FOREIGN_COURSES = (
    'id,code,name,subjects:id\nx_course_1,SCI,Science,"s1,s2",,\nx_course_2,ART,Arts,\n'
)
FOREIGN_BATCHES = (
    "id,code,course_id:id,end_date,name,start_date\nb1,SCI-15,x_course_1,"
    "2017-05-26,Science 2015,2015-08-05\n"
)


# Courses --------------------------------------------------------------------------------------


def test_courses_are_imported_once(file):
    first, second = (run_import("import_courses", file(COURSES)) for _ in range(2))

    assert first.summary == "2 courses created, 0 changed, 0 unchanged, 0 skipped."
    assert second.summary == "0 courses created, 0 changed, 2 unchanged, 0 skipped."
    assert set(Course.objects.values_list("code", "name", "total_fee")) == {
        ("JEE-2Y", "JEE Two Years", Decimal("125000.00")),
        ("", "NEET", Decimal("90000.50")),
    }
    assert Course.history.count() == 2


def test_changed_fee_updates_course(file):
    run_import("import_courses", file(COURSES))

    run = run_import(
        "import_courses", file("code,name,fee\njee-2y,JEE Two Years,130000\n,neet,90000.50\n")
    )

    assert run.summary == "0 courses created, 2 changed, 0 unchanged, 0 skipped."
    assert Course.objects.get(code="jee-2y").total_fee == Decimal("130000.00")
    assert Course.objects.count() == 2


def test_fee_is_required(file):
    path = file(FOREIGN_COURSES)

    refused = run_import("import_courses", path, "--map", "code=id")
    taken = run_import("import_courses", path, "--map", "code=id", "--default", "total_fee=50,000")

    assert refused.code == 1
    assert (
        "total_fee: There is no such column. Found: id, code, name, subjects:id." in refused.errors
    )
    assert "--default total_fee=VALUE" in refused.errors
    assert taken.summary == "2 courses created, 0 changed, 0 unchanged, 0 skipped."
    assert set(Course.objects.values_list("code", "total_fee")) == {
        ("x_course_1", Decimal("50000.00")),
        ("x_course_2", Decimal("50000.00")),
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,fee\nA,-1\n", "row 2, fee: “-1”: An amount cannot be negative."),
        (
            "name,code,fee\nA,X,1\nB,x,2\n",
            "row 3, code: “x”: Row 2 is the same one. Keep one of them.",
        ),
        ("name,fee\nTwin,1\n", "row 2, name: “Twin”: Several have this name. Add the code."),
        ("name,code,fee\nA,%s,1\n" % ("x" * 31), "Ensure this value has at most 30 characters"),
    ],
)
def test_invalid_course_is_refused(file, text, sentence):
    CourseFactory.create_batch(2, name="Twin")

    run = run_import("import_courses", file(text))

    assert run.code == 1
    assert sentence in run.errors
    assert Course.objects.count() == 2


# Batches --------------------------------------------------------------------------------------

BATCHES = (
    "Batch,Code,Course,Teacher,Start Date,End Date,Seats,Room,Timings\n"
    "Morning,M1,JEE-2Y,imran@example.com,01/06/2026,,40,Hall 2,"
    '"Mon, Wed, Fri 17:00-18:30; Sat 09:00-11:00"\n'
    "Evening,,jee two years,IMRAN KHAN,2026-06-01,2027-03-31,,,\n"
)


@pytest.fixture
def course(instructor):
    return CourseFactory(name="JEE Two Years", code="JEE-2Y")


def test_batches_are_imported_once_with_class_times(file, course, instructor):
    first, second = (run_import("import_batches", file(BATCHES)) for _ in range(2))

    assert first.summary == "2 batches created, 0 changed, 0 unchanged, 0 skipped."
    assert second.summary == "0 batches created, 0 changed, 2 unchanged, 0 skipped."
    morning = Batch.objects.get(code="M1")
    assert (morning.course, morning.instructor, morning.capacity, morning.room) == (
        course,
        instructor,
        40,
        "Hall 2",
    )
    assert morning.starts_on == datetime.date(2026, 6, 1)
    assert morning.class_times_text == "Mon, Wed, Fri 17:00-18:30; Sat 09:00-11:00"
    evening = Batch.objects.get(name="Evening")
    assert (evening.instructor, evening.ends_on, evening.slots) == (
        instructor,
        datetime.date(2027, 3, 31),
        [],
    )
    assert Batch.history.count() == 2


def test_changed_class_times_update_batch_and_empty_ones_do_not(file, course):
    run_import("import_batches", file(BATCHES))

    new = run_import(
        "import_batches",
        file("name,code,course,start,timing\nMorning,M1,JEE-2Y,01/06/2026,Sun 10:00-12:00\n"),
    )
    silent = run_import(
        "import_batches", file("name,code,course,start\nMorning,M1,JEE-2Y,01/06/2026\n")
    )

    assert new.summary == "0 batches created, 1 changed, 0 unchanged, 0 skipped."
    assert silent.summary == "0 batches created, 0 changed, 1 unchanged, 0 skipped."
    assert Batch.objects.get(code="M1").class_times_text == "Sun 10:00-12:00"


def test_clash_is_reported_but_imported(file, course):
    text = BATCHES.replace(",,,\n", ",,,Mon 18:00-19:00\n")

    run = run_import("import_batches", file(text))

    assert run.code == 0
    assert "Row 3: Imran Khan has Morning on Mon 17:00-18:30." in run.out


def test_batch_may_name_its_course_by_an_imported_id(file):
    run_import(
        "import_courses", file(FOREIGN_COURSES), "--map", "code=id", "--default", "total_fee=1"
    )

    run = run_import("import_batches", file(FOREIGN_BATCHES))

    assert run.summary == "1 batch created, 0 changed, 0 unchanged, 0 skipped."
    assert Batch.objects.get().course.name == "Science"


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (
            "X,,Latin,,01/06/2026,,,,",
            "row 2, Course: “Latin”: No course has this code or name.",
        ),
        (
            "X,,JEE-2Y,nobody,01/06/2026,,,,",
            "row 2, Teacher: “nobody”: No instructor has this email or name.",
        ),
        (
            "X,,JEE-2Y,asha@example.com,01/06/2026,,,,",
            "row 2, Teacher: “asha@example.com”: No instructor",
        ),
        (
            "X,,JEE-2Y,,02/06/2026,01/06/2026,,,",
            "row 2, End Date: “01/06/2026”: A batch cannot end before it starts.",
        ),
        ("X,,JEE-2Y,,01/06/2026,,0,,", "row 2, Seats: “0”: Enter a whole number from 1 to 32767."),
        ("X,,JEE-2Y,,01/06/2026,,1e2,,", "row 2, Seats: “1e2”: Enter a whole number"),
        (
            "X,,JEE-2Y,,01/06/2026,,,,5pm daily",
            "row 2, Timings: “5pm daily”: “5pm daily” is not a class time.",
        ),
        ("X,,JEE-2Y,,01/06/2026,,,,Mon 10:00-09:00", "A class on Mon must end after it starts."),
        ("X,,JEE-2Y,,,,,,", "row 2, Start Date: Fill in this cell"),
        (
            "Full,FULL,Course of Full,,01/06/2026,,1,,",
            "row 2, Seats: “1”: 2 students are enrolled.",
        ),
    ],
)
def test_invalid_batch_is_refused(file, course, student, cells, sentence):
    full = BatchFactory(name="Full", code="FULL", course__name="Course of Full")
    EnrollmentFactory.create_batch(2, batch=full)

    run = run_import("import_batches", file(BATCHES.splitlines()[0] + f"\n{cells}\n"))

    assert run.code == 1
    assert sentence in run.errors
    assert Batch.objects.count() == 1


def test_ambiguous_instructor_is_refused(file, course):
    UserFactory(full_name="Imran Khan")

    run = run_import("import_batches", file(BATCHES))

    assert (
        "row 3, Teacher: “IMRAN KHAN”: Several instructors have this name. Write the email."
        in run.errors
    )
    assert not Batch.objects.exists()


# Holidays -------------------------------------------------------------------------------------


def test_holidays_of_one_and_several_days_are_imported_once(file):
    text = "Occasion,From,To\nDiwali,08/11/2026,10/11/2026\nRepublic Day,2027-01-26,\n"

    first, second = (run_import("import_holidays", file(text)) for _ in range(2))

    assert first.summary == "2 holidays created, 0 changed, 0 unchanged, 0 skipped."
    assert second.summary == "0 holidays created, 0 changed, 2 unchanged, 0 skipped."
    assert [(holiday.day.isoformat(), holiday.name) for holiday in Holiday.objects.all()] == [
        ("2026-11-08", "Diwali"),
        ("2026-11-09", "Diwali"),
        ("2026-11-10", "Diwali"),
        ("2027-01-26", "Republic Day"),
    ]


def test_existing_holiday_is_renamed_and_sheets_stay(file):
    HolidayFactory(day=datetime.date(2026, 11, 8), name="Diwalli")
    BatchFactory().sheets.create(held_on=datetime.date(2026, 11, 8))

    run = run_import("import_holidays", file("name,date\nDiwali,08/11/2026\n"))

    assert run.summary == "0 holidays created, 1 changed, 0 unchanged, 0 skipped."
    assert "Attendance was already marked: 1 attendance sheet is kept and counted." in run.out
    assert Holiday.objects.get().name == "Diwali"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            "Diwali,08/11/2026,07/11/2026",
            "row 2, last: “07/11/2026”: The last day cannot be before the first.",
        ),
        (
            "Diwali,08/11/2026,08/11/2027",
            "row 2, last: “08/11/2027”: At most 120 days at once. Check the year.",
        ),
        (
            "Diwali,31/02/2026,",
            "row 2, first: “31/02/2026”: Enter a date that exists, like 24/11/2026.",
        ),
        (",08/11/2026,", "row 2, name"),
        (
            "Diwali,08/11/2026,10/11/2026\nFair,10/11/2026,",
            "row 3, first: “10/11/2026”: Row 2 has 10 Nov 2026 already.",
        ),
    ],
)
def test_one_invalid_row_refuses_all_holidays(file, lines, sentence):
    run = run_import("import_holidays", file(f"name,first,last\n{lines}\n"))

    assert run.code == 1
    assert sentence in run.errors
    assert not Holiday.objects.exists()
