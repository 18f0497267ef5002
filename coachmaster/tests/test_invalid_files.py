import csv
import datetime
import io

import pytest
from django.apps import apps

from academics.tests.factories import BatchFactory, CourseFactory
from accounts.tests.factories import StudentFactory
from coachmaster.core.tests.imports import run_import
from coachmaster.core.tests.workbooks import ods, xlsx, xlsx_of
from finance.tests.factories import enrolled

pytestmark = pytest.mark.django_db

GOOD = {
    "import_instructors": "name,email\nMaya Das,maya@example.com\nOm Puri,om@example.com\n",
    "import_students": "name,email\nMaya Das,maya@example.com\nOm Puri,om@example.com\n",
    "import_courses": "name,fee\nScience,5000\nArts,4000\n",
    "import_holidays": "name,date\nDiwali,20/10/2026\nHoli,04/03/2026\n",
    "import_batches": "name,course,start\nMorning,JEE,01/06/2026\nNoon,JEE,01/06/2026\n",
    "import_enrollments": "student,batch\nNew One,Evening\nNew Two,Evening\n",
    "import_payments": (
        "student,amount,date,mode\nOld One,500,05/06/2026,cash\nOld Two,500,05/06/2026,cash\n"
    ),
    "import_workbook": (
        "name,phone,batch,fee,paid\nMaya Das,9876543210,Evening,1000,500\nOm "
        "Puri,9876543211,Evening,1000,\n"
    ),
    "import_attendance_grid": "student,batch,15/06/2026\nOld One,Evening,P\nOld Two,Evening,A\n",
    "import_attendance_totals": (
        "student,batch,held,attended\nOld One,Evening,10,9\nOld Two,Evening,10,8\n"
    ),
    "import_attendance": (
        "student,batch,date,status\nOld One,Evening,15/06/2026,P\nOld Two,Evening,15/06/2026,A\n"
    ),
}

BAD = {
    "empty": (lambda good: b"", "The file is empty."),
    "header only": (
        lambda good: good.splitlines(keepends=True)[0],
        "The file has a header and no rows.",
    ),
    "no header": (
        lambda good: b"".join(good.splitlines(keepends=True)[1:]),
        "There is no such column.",
    ),
    "a column twice": (
        lambda good: _wider(good, good[: good.index(b",")], b"x"),
        "Two columns have this name.",
    ),
    "UTF-16": (lambda good: good.decode().encode("utf-16"), "This file is in UTF-16."),
    "UTF-16 without a mark": (
        lambda good: good.decode().encode("utf-16-be"),
        "it looks like UTF-16.",
    ),
    "cp1252": (lambda good: good + "René".encode("cp1252"), "row 4: This is not text in UTF-8."),
    "cut off": (lambda good: good + "अ".encode()[:-1], "row 4: This is not text in UTF-8."),
    "NUL": (lambda good: good.replace(b"\n", b"\n\0", 2), "This cell holds a NUL character."),
    "a quote never closed": (
        lambda good: good + b'"x',
        'row 4: A quote (") is opened in this row and never closed.',
    ),
    "a quote closed too early": (
        lambda good: good + b'"x"y\n',
        'row 4: A quote (") in this row is closed before',
    ),
    "a short line": (lambda good: good + b"x\n", "row 4: This row has 1 cell, the header has"),
    "a long line": (
        lambda good: _wider(good, None, b"x"),
        "This cell is in no column of the header.",
    ),
    "200,000 characters": (
        lambda good: good + b"x" * 200_000,
        "row 4: A cell that begins in this row has more than",
    ),
    "a line twice": (lambda good: good + good.splitlines(keepends=True)[-1], "row 4, "),
    "a cell emptied": (
        lambda good: good.replace(good.split(b"\n")[1].split(b",")[0], b"", 1),
        "row 2, ",
    ),
    "300 letters": (
        lambda good: good.replace(good.split(b"\n")[1].split(b",")[0], b"x" * 300, 1),
        "row 2, ",
    ),
    "a workbook": (lambda good: b"PK\x03\x04" + good, "This workbook is damaged."),
    "two sheets": (
        lambda good: xlsx([["name"], ["x"]], [["name"], ["y"]]),
        "Several sheets are filled: Sheet1, Sheet2.",
    ),
    "a workbook of nothing": (lambda good: xlsx([], []), "The file is empty."),
    "a workbook with a header only": (
        lambda good: xlsx([good.decode().splitlines()[0].split(",")]),
        "The file has a header and no rows.",
    ),
    "a long name of a column": (
        lambda good: xlsx([[*good.decode().splitlines()[0].split(","), "x" * 201], ["x"]]),
        "row 1: The name of a column has more than 200 characters. Shorten it.",
    ),
    "a workbook that claims to be wide": (
        lambda good: xlsx_of('<row><c><v>1</v></c><c r="XFD1"><v>1</v></c></row>'),
        "More than 500 columns.",
    ),
    "an error of the spreadsheet": (
        lambda good: _workbook_with(good, "#REF!"),
        "The spreadsheet shows an error here.",
    ),
    "a workbook with a cell emptied": (lambda good: _workbook_with(good, ""), "row 2, "),
}

#: The columns of text of each import, and how many characters they take.
LONGEST = {
    "import_instructors": {"name": 150},
    "import_students": {"name": 150, "admission_number": 20, "guardian_name": 150, "address": 300},
    "import_courses": {"name": 150, "code": 30, "description": 1000},
    "import_holidays": {"name": 100},
    "import_batches": {"name": 150, "code": 30, "room": 60, "course": 254, "instructor": 254},
    "import_enrollments": {"student": 254, "batch": 254, "fee_reason": 200},
    "import_payments": {"student": 254, "reference": 60, "receipt_number": 60, "notes": 500},
    "import_workbook": {"guardian_name": 150, "concession_reason": 200, "receipt_numbers": 200},
    "import_attendance_grid": {"student": 254, "batch": 254},
    "import_attendance_totals": {"student": 254, "batch": 254},
    "import_attendance": {"student": 254, "batch": 254},
}

#: Without a receipt number, two payments that are alike are two payments.
TWO_ALIKE = ("import_payments", "a line twice")


def _wider(good, heading, cell):
    """Return ``good`` with one more column; without a heading, its rows are too long."""
    first, *rows = good.splitlines()
    return b"\n".join(
        [
            first if heading is None else first + b"," + heading,
            *(row + b"," + cell for row in rows),
            b"",
        ]
    )


def _rows(good):
    return list(csv.reader(io.StringIO(good if isinstance(good, str) else good.decode())))


def _workbook_with(good, cell):
    """Return ``good`` as a workbook, with another first cell in row 2."""
    head, first, *rows = _rows(good)
    return xlsx([head, [cell, *first[1:]], *rows])


@pytest.fixture
def institute(db):
    """A course, and a running batch with two of four students."""
    CourseFactory(name="JEE")
    batch = BatchFactory(name="Evening", starts_on=datetime.date(2026, 6, 1))
    for name in ("Old One", "Old Two"):
        enrolled(student=StudentFactory(user__full_name=name), batch=batch)
    for name in ("New One", "New Two"):
        StudentFactory(user__full_name=name)


def rows_of_every_table():
    return {model: model.objects.count() for model in apps.get_models(include_auto_created=True)}


@pytest.mark.parametrize("command", GOOD)
def test_valid_file_is_imported(file, institute, command):
    run = run_import(command, file(GOOD[command]))

    assert run.code == 0, run.errors
    assert run.summary.startswith("2 ")


@pytest.mark.parametrize("make", [xlsx, lambda rows: ods(Sheet=rows)], ids=["xlsx", "ods"])
@pytest.mark.parametrize("command", GOOD)
def test_valid_workbook_is_imported(file, institute, command, make):
    run = run_import(command, file(make(_rows(GOOD[command])), "rows.xlsx"))

    assert run.code == 0, run.errors
    assert run.summary.startswith("2 ")


def test_sheet_is_selected_by_name(file, institute):
    path = file(xlsx(Old=[["name"], ["x"]], New=_rows(GOOD["import_courses"])), "book.xlsx")

    assert run_import("import_courses", path).code == 2
    assert run_import("import_courses", path, "--sheet", "New").summary.startswith(
        "2 courses created"
    )


@pytest.mark.size
@pytest.mark.parametrize("command", GOOD)
def test_invalid_files_are_refused(file, institute, command):
    before = rows_of_every_table()
    for bad, (make, sentence) in BAD.items():
        if (command, bad) == TWO_ALIKE:
            continue
        path = file(make(GOOD[command].encode()))

        run, dry_run = run_import(command, path), run_import(command, path, "--dry-run")

        assert run.code == dry_run.code == (2 if bad == "two sheets" else 1), bad
        assert sentence in run.errors, bad
        assert "Nothing was written." in run.errors or run.code == 2, bad
        assert dry_run.errors == run.errors, bad
        assert rows_of_every_table() == before, bad


@pytest.mark.size
@pytest.mark.parametrize(
    ("command", "column", "most"),
    [(command, *one) for command in LONGEST for one in LONGEST[command].items()],
)
def test_too_long_text_is_reported_by_its_cell(file, institute, command, column, most):
    before, rows = rows_of_every_table(), _rows(GOOD[command])
    if column not in rows[0]:
        rows = [[*cells, column if line == 1 else ""] for line, cells in enumerate(rows, start=1)]
    rows[1][rows[0].index(column)] = "x" * (most + 1)

    run = run_import(command, file("\n".join(map(",".join, rows))))

    assert run.code == 1
    assert f"row 2, {column}: " in run.errors
    assert f"at most {most} characters (it has {most + 1})." in run.errors
    assert rows_of_every_table() == before
