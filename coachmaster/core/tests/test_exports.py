import csv
import datetime
import io
import tracemalloc
from decimal import Decimal
from operator import itemgetter

import openpyxl
import pytest

from coachmaster.core.exports import CellType, ExportColumn, export_response

COLUMNS = [
    ExportColumn("Student", CellType.TEXT, itemgetter("name")),
    ExportColumn("Owed", CellType.AMOUNT, itemgetter("owed")),
    ExportColumn("Receipts", CellType.NUMBER, itemgetter("receipts")),
    ExportColumn("Due on", CellType.DATE, itemgetter("due_on")),
    ExportColumn("Reminded", CellType.DATETIME, itemgetter("reminded_at")),
]
ASHA = {
    "name": "Asha Verma",
    "owed": Decimal("125000.00"),
    "receipts": 3,
    "due_on": datetime.date(2026, 4, 5),
    "reminded_at": datetime.datetime(2026, 4, 6, 12, 0, 5, tzinfo=datetime.UTC),
}
NAMES = [
    "आरव शर्मा",
    "Zoë 🎓",
    'Ravi "Chintu" Rao, Jr.',
    "two\nlines",
    "O'Neil; B",
    "  spaced  ",
    "007",
    "9876543210",
]


def content(answer):
    return b"".join(answer.streaming_content)


def as_csv(rows, columns=COLUMNS):
    body = content(export_response("dues", columns, rows))
    assert body.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def as_sheet(rows, columns=COLUMNS):
    return openpyxl.load_workbook(
        io.BytesIO(content(export_response("dues", columns, rows, file_format="xlsx")))
    ).active


def named(name):
    return {**ASHA, "name": name}


def test_csv_has_exact_amounts_iso_dates_and_local_times():
    assert as_csv([ASHA]) == [
        ["Student", "Owed", "Receipts", "Due on", "Reminded"],
        ["Asha Verma", "125000.00", "3", "2026-04-05", "2026-04-06 17:30:05"],
    ]


def test_xlsx_cells_hold_numbers_and_dates():
    sheet = as_sheet([ASHA, {**ASHA, "owed": Decimal("-0.05")}])
    student, owed, receipts, due_on, reminded = sheet[2]
    assert student.value == "Asha Verma"
    assert (owed.value, owed.data_type) == (125000, "n")
    assert owed.number_format.startswith(r"[>=10000000]##\,##\,##\,##0.00")
    assert (receipts.value, receipts.data_type) == (3, "n")
    assert due_on.value == datetime.datetime(2026, 4, 5)
    assert reminded.value == datetime.datetime(2026, 4, 6, 17, 30, 5)
    assert sheet["B3"].value == -0.05


def test_xlsx_has_frozen_heading_filters_and_wide_columns():
    sheet = as_sheet([named("A rather long name of forty letters, yes"), named("x" * 300)])
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:E3"
    assert 40 < sheet.column_dimensions["A"].width < 55


@pytest.mark.parametrize("name", NAMES)
def test_text_is_exported_unchanged(name):
    assert as_csv([named(name)])[1][0] == name
    cell = as_sheet([named(name)])["A2"]
    assert cell.value == name
    assert cell.data_type != "n"


@pytest.mark.parametrize(
    "name",
    [
        "=1+1",
        "+919876543210",
        "-2",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1+1",
        "＋1",
        "－1",
        "＠x",
        '=HYPERLINK("x")',
    ],
)
def test_text_is_never_exported_as_a_formula(name):
    assert as_csv([named(name)])[1][0] == f"'{name}"
    cell = as_sheet([named(name)])["A2"]
    assert cell.data_type in {"s", "inlineStr"}
    assert cell.value.replace("_x000D_", "\r") == name  # a carriage return is written by its number


def test_heading_is_never_exported_as_a_formula():
    columns = [ExportColumn("=cmd", CellType.TEXT, str)]
    assert as_csv([], columns) == [["'=cmd"]]
    assert as_sheet([], columns)["A1"].value == "=cmd"
    assert as_sheet([], columns)["A1"].data_type != "f"


def test_negative_amount_is_a_number():
    assert as_csv([{**ASHA, "owed": Decimal("-500.50")}])[1][1] == "-500.50"


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_parts_of_a_paisa_are_an_error(form):
    with pytest.raises(ValueError, match="parts of a paisa"):
        content(
            export_response("dues", COLUMNS, [{**ASHA, "owed": Decimal("0.001")}], file_format=form)
        )


def test_none_is_an_empty_cell():
    nothing = dict.fromkeys(ASHA)
    assert as_csv([nothing])[1] == ["", "", "", "", ""]
    sheet = as_sheet([ASHA, nothing, ASHA])
    assert [cell.value for cell in sheet[3]] == [None] * 5
    assert sheet["A4"].value == "Asha Verma"


def test_empty_list_has_a_heading():
    assert as_csv([]) == [["Student", "Owed", "Receipts", "Due on", "Reminded"]]
    assert as_sheet([]).max_row == 1


@pytest.mark.django_db  # closing an answer looks at the database's connection
def test_response_has_the_given_file_name():
    answer = export_response("dues-2026-04-05", COLUMNS, [])
    assert answer["Content-Disposition"] == 'attachment; filename="dues-2026-04-05.csv"'
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    answer = export_response("dues-2026-04-05", COLUMNS, [], file_format="xlsx")
    assert answer["Content-Disposition"] == 'attachment; filename="dues-2026-04-05.xlsx"'
    assert (
        answer["Content-Type"]
        == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    )
    answer.close()


def test_unknown_file_format_is_refused():
    with pytest.raises(ValueError, match="Unknown file format: exe"):
        export_response("dues", COLUMNS, [], file_format="exe")


def test_csv_is_sent_while_rows_are_read():
    read = []
    rows = (read.append(number) or ASHA for number in range(10_000))
    chunks = iter(export_response("dues", COLUMNS, rows).streaming_content)
    next(chunks), next(chunks)
    assert len(read) <= 1000


@pytest.mark.size
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_memory_does_not_grow_with_rows(form):
    def peak(count):
        tracemalloc.start()
        for _chunk in export_response(
            "dues", COLUMNS, (ASHA for _ in range(count)), file_format=form
        ).streaming_content:
            pass
        _now, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    # Were the rows kept, nine times as many of them would take far more than twice the memory.
    assert peak(9000) < 2 * peak(1000)
