"""Export of every list of the site."""

import csv
import datetime
import io
import tracemalloc
from decimal import Decimal

import openpyxl
import pytest
from django.urls import reverse

from academics.models import Course
from academics.tests.factories import BatchFactory, CourseFactory
from accounts.tests.factories import StudentFactory, UserFactory
from coachmaster.core.tests.imports import run_import
from finance.tests.factories import enrolled, paid

pytestmark = pytest.mark.django_db


def table(client, name, *args, form="csv", **query):
    """Return the rows of the export, the heading first."""
    answer = client.get(reverse(name, args=args), {**query, "as": form})
    assert answer.status_code == 200, answer
    content = b"".join(answer.streaming_content)
    if form == "csv":
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    return [list(row) for row in openpyxl.load_workbook(io.BytesIO(content)).active.values]


@pytest.fixture
def desk(admin, client_of):
    return client_of(admin)


@pytest.fixture
def batch(db):
    return BatchFactory(
        name="Morning", code="M-1", course__name="JEE", starts_on=datetime.date(2026, 6, 1)
    )


LISTS = [
    "dashboards:person-list",
    "academics:course-list",
    "academics:batch-list",
    "academics:batch-students",
    "academics:drop-list",
    "academics:holiday-list",
    "finance:payment-list",
    "finance:student-payments",
    "finance:concession-list",
    "finance:refund-due-list",
    "finance:dues",
    "finance:day-book",
    "finance:day-close-list",
    "finance:collections",
    "attendance:shortage",
    "attendance:missing",
    "dashboards:search",
    "imports:import-list",
    "finance:student-fees",
    "finance:statement",
    "attendance:student-attendance",
    "attendance:day",
]
#: Whose list it is.
OF = {
    "academics:batch-students": "batches",
    **dict.fromkeys(
        (
            "finance:student-payments",
            "finance:student-fees",
            "finance:statement",
            "attendance:student-attendance",
        ),
        "students",
    ),
}


@pytest.mark.size
@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("name", LISTS)
def test_each_list_is_exported_as_csv_and_xlsx(people, client, name, form):
    client.force_login(people["admin"])
    args = {name: [people["objects"][kind]] for name, kind in OF.items()}

    rows = table(client, name, *args.get(name, []), form=form, q="e")

    assert rows and all(rows[0])


#: Lists without rows here: no refund is due, nobody is often absent, nothing was imported.
EMPTY = {
    "academics:drop-list",
    "attendance:shortage",
    "finance:refund-due-list",
    "imports:import-list",
}


@pytest.mark.parametrize(
    "name", [name for name in LISTS if name != "attendance:missing"]
)  # that hangs on the hour
def test_list_with_rows_has_export_buttons(people, client, name):
    client.force_login(people["admin"])
    args = {name: [people["objects"][kind]] for name, kind in OF.items()}

    page = client.get(
        reverse(name, args=args.get(name, [])),
        {"q": "student"} if name == "dashboards:search" else {},
    )

    buttons = [
        page.content.decode().count(f'"?as={form}') + page.content.decode().count(f"&amp;as={form}")
        for form in ("csv", "xlsx")
    ]
    assert buttons == ([0, 0] if name in EMPTY else [1, 1])


def test_export_uses_filters_and_order_of_page(desk):
    for name, fee in (("Arts", 3), ("Science", 1), ("Science II", 2)):
        CourseFactory(name=name, total_fee=Decimal(fee))

    rows = table(desk, "academics:course-list", q="scien", sort="-fee")

    assert [row[0] for row in rows] == ["Course", "Science II", "Science"]


def test_export_contains_all_pages(desk):
    for number in range(70):
        CourseFactory(name=f"Course {number:02}")

    rows = table(desk, "academics:course-list", page=2)

    assert [row[0] for row in rows[1:]] == [f"Course {number:02}" for number in range(70)]


def test_xlsx_holds_numbers_and_dates(desk, batch, admin):
    student = StudentFactory(user__full_name="Asha Verma", admission_number="26-7")
    enrolled(student=student, batch=batch, by=admin)
    payment = paid(student=student, amount="1500.50", paid_on=datetime.date(2026, 6, 2), by=admin)

    csv_row = table(desk, "finance:payment-list")[1]
    sheet_row = table(desk, "finance:payment-list", form="xlsx")[1]

    day = datetime.date(2026, 6, 2)
    assert csv_row == [
        str(payment),
        "2026-06-02",
        "Asha Verma",
        "26-7",
        "Morning",
        "Cash",
        "",
        "1500.50",
        "Valid",
    ]
    assert (sheet_row[1].date(), sheet_row[7]) == (day, 1500.5)


def test_exported_text_is_never_a_formula(desk):
    CourseFactory(name="=1+1", code="@x")

    assert table(desk, "academics:course-list")[1][:2] == ["'=1+1", "'@x"]
    sheet = desk.get(reverse("academics:course-list"), {"as": "xlsx"})
    cell = openpyxl.load_workbook(io.BytesIO(b"".join(sheet.streaming_content))).active["A2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_importing_an_export_changes_nothing(desk, file):
    course = CourseFactory(
        name="=SUM(1)", code="", total_fee=Decimal("125000.50"), description="-x\nसंस्कृत"
    )
    StudentFactory(
        user__full_name="O'Brien “Null” अ\u200dब",
        guardian_name="+91 Uncle",
        user__phone="9876543210",
    )
    answers = {
        "import_courses": desk.get(reverse("academics:course-list"), {"as": "csv"}),
        "import_students": desk.get(
            reverse("dashboards:person-list"), {"as": "csv", "role": "Student"}
        ),
    }

    for command, answer in answers.items():
        run = run_import(command, file(b"".join(answer.streaming_content), f"{command}.csv"))
        assert "0 changed, 1 unchanged" in run.summary, run

    assert Course.objects.get() == course


def test_instructor_exports_own_rows_without_money(batch, instructor, client_of, admin):
    batch.instructor = instructor
    batch.save()
    BatchFactory(name="Not theirs")
    student = StudentFactory(user__full_name="Asha Verma")
    enrolled(student=student, batch=batch, by=admin)
    client = client_of(instructor)

    assert [row[0] for row in table(client, "academics:batch-list")[1:]] == ["Morning"]
    assert [row[0] for row in table(client, "academics:batch-students", batch.pk)[1:]] == [
        "Asha Verma"
    ]
    assert "Students" not in table(client, "academics:course-list")[0]
    for name in ("dashboards:person-list", "finance:payment-list", "academics:holiday-list"):
        assert client.get(reverse(name), {"as": "csv"}).status_code == 403


def test_student_exports_only_own_payments(batch, client_of, admin, student):
    enrolled(student=student, batch=batch, by=admin)
    paid(student=student, amount="10.00", by=admin)
    other = StudentFactory()
    client = client_of(student)

    assert len(table(client, "finance:student-payments", student.pk)) == 2
    assert (
        client.get(reverse("finance:student-payments", args=[other.pk]), {"as": "csv"}).status_code
        == 404
    )


def test_unknown_format_shows_the_page(desk):
    assert "text/html" in desk.get(reverse("academics:course-list"), {"as": "exe"})["Content-Type"]


def test_query_count_grows_with_chunks_not_rows(desk, queries_of):
    few = queries_of(lambda: table(desk, "dashboards:person-list"))
    for _ in range(40):
        UserFactory()

    assert queries_of(lambda: table(desk, "dashboards:person-list")) == few


@pytest.mark.size
def test_memory_does_not_grow_with_rows(desk):
    def peak(count):
        Course.objects.bulk_create(
            Course(name=f"C {n}", total_fee=1, description="x" * 500) for n in range(count)
        )
        tracemalloc.start()
        for _chunk in desk.get(reverse("academics:course-list"), {"as": "csv"}).streaming_content:
            pass
        _now, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    few = peak(990)
    # Were the rows kept, seven times as many would take far more than twice the memory.
    assert peak(6000) < 2 * few


def test_charges_and_statement_of_student_are_exported_as_shown(desk, batch, admin):
    batch.course.total_fee = 100_000
    batch.course.save()
    student = StudentFactory()
    enrolled(student=student, batch=batch, enrolled_on=datetime.date(2026, 6, 1), by=admin)
    payment = paid(student=student, amount=40_000, paid_on=datetime.date(2026, 6, 5), by=admin)

    assert table(desk, "finance:student-fees", student.pk)[1:] == [
        ["Tuition fee, Morning", "2026-06-01", "100000.00", "0.00", "40000.00", "60000.00"]
    ]
    lines = table(desk, "finance:statement", student.pk)
    assert lines[0] == ["Date", "Particulars", "Reference", "Charged", "Credited", "Balance"]
    assert [[line[0], *line[2:]] for line in lines[1:]] == [
        ["2026-06-01", "", "100000.00", "", "100000.00"],
        ["2026-06-05", str(payment), "", "40000.00", "60000.00"],
    ]
    assert [row[3:] for row in table(desk, "finance:statement", student.pk, form="xlsx")[1:]] == [
        [100_000, None, 100_000],
        [None, 40_000, 60_000],
    ]
