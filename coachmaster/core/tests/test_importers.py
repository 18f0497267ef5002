import codecs
import os
import stat

import pytest
from django import forms
from django.core.exceptions import ValidationError

from coachmaster.core.form_fields import (
    AmountField,
    DateFormField,
    LowercaseEmailFormField,
    PhoneFormField,
    SingleLineFormField,
)
from coachmaster.core.importers import ImportColumn, Importer, Unreadable, import_table, open_table

pytestmark = pytest.mark.django_db


class Visitors(Importer):
    """Keeps the rows in a list instead of writing them."""

    columns = [
        ImportColumn("full_name", SingleLineFormField(max_length=150), "name"),
        ImportColumn("phone", PhoneFormField(required=False), "mobile", is_code=True),
        ImportColumn("born_on", DateFormField(required=False), "dob"),
        ImportColumn("fee", AmountField(required=False)),
        ImportColumn("email", LowercaseEmailFormField(required=False)),
    ]

    def __init__(self):
        self.written = []

    def check(self, row):
        if row["full_name"] == "Nobody":
            raise ValidationError({"full_name": "Nobody cannot come in."})

    def write(self, rows, result, advance):
        self.written = list(rows)
        result.created += len(rows)


def imported(path, content, **options):
    """Return the rows and the result."""
    path = path / "visitors.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    visitors = Visitors()
    encoding = options.pop("encoding", None)
    result = import_table(visitors, open_table(path, encoding), **options)
    return visitors.written, result


def refused(path, content, **options):
    """Return `row 2, column: “value”: sentence` for each problem."""
    try:
        rows, result = imported(path, content, **options)
    except Unreadable as unreadable:
        return [
            f"row {unreadable.line}: {unreadable.sentence}"
            if unreadable.line
            else unreadable.sentence
        ]
    assert not result.is_valid, rows
    return [str(problem) for problem in result.problems]


# Reading --------------------------------------------------------------------------------------

GOOD = {
    "plain": "name,mobile\nAsha Verma,98765 43210\n",
    "with a byte order mark": "\ufeffname,mobile\nAsha Verma,98765 43210\n",
    "semicolons": "name;mobile\nAsha Verma;98765 43210\n",
    "tabs": "name\tmobile\nAsha Verma\t98765 43210\n",
    "other order": "mobile,name\n9876543210,Asha Verma\n",
    "capitals": "NAME,MOBILE\nAsha Verma,9876543210\n",
    "by its own name": "Full Name,Phone\nAsha Verma,9876543210\n",
    "underscores": "full_name,phone\nAsha Verma,9876543210\n",
    "dashes, brackets, stars": "full-name *,Phone (home)\nAsha Verma,9876543210\n",
    "Windows line ends": "name,mobile\r\nAsha Verma,9876543210\r\n",
    "old Macintosh line ends": "name,mobile\rAsha Verma,9876543210\r",
    "mixed line ends": "name,mobile\r\n\nAsha Verma,9876543210\r",
    "no line end at the end": "name,mobile\nAsha Verma,9876543210",
    "spaces around": " name , mobile \n  Asha   Verma , 9876543210 \n",
    "quotes": '"name","mobile"\n"Asha Verma","9876543210"\n',
    "blank lines": "\n\nname,mobile\n\n,\nAsha Verma,9876543210\n\n",
    "empty cells beyond the header": "name,mobile\nAsha Verma,9876543210,,\n",
    "empty columns": "name,mobile,,\nAsha Verma,9876543210,,\n",
    "a country code": "name,mobile\nAsha Verma,+91-98765-43210\n",
    "our own export of a country code": "name,mobile\nAsha Verma,'+919876543210\n",
    "a number with a decimal": "name,mobile\nAsha Verma,9876543210.0\n",
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_file_formats_give_the_same_row(tmp_path, content):
    rows, result = imported(tmp_path, content)

    assert result.problems == []
    assert rows == [{"full_name": "Asha Verma", "phone": "9876543210"}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,25,000", "125000.00"),
        ("₹ 5,000.50", "5000.50"),
        ("Rs. 500", "500.00"),
        ("750/-", "750.00"),
    ],
)
def test_amounts_in_indian_formats_are_read(tmp_path, text, value):
    rows, _ = imported(tmp_path, f'name,fee\nAsha,"{text}"\n')

    assert str(rows[0]["fee"]) == value


@pytest.mark.parametrize("text", ["2008-11-24", "24/11/2008", "24-11-2008"])
def test_dates_are_read_with_the_day_first(tmp_path, text):
    rows, _ = imported(tmp_path, f"name,dob\nAsha,{text}\n")

    assert str(rows[0]["born_on"]) == "2008-11-24"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("5-Apr-26", "2026-04-05"),
        ("05-apr-2026", "2026-04-05"),
        ("12 April 2026", "2026-04-12"),
        ("3 Sept 08", "2008-09-03"),
        ("24-Nov-92", "1992-11-24"),
        ("29/Feb/2024", "2024-02-29"),
    ],
)
def test_dates_with_month_names_are_read(tmp_path, text, day):
    rows, _ = imported(tmp_path, f"name,dob\nAsha,{text}\n")

    assert str(rows[0]["born_on"]) == day


def test_date_without_century_is_refused(tmp_path):
    (message,) = refused(tmp_path, "name,dob\nAsha,05/04/26\n")

    assert message == "row 2, dob: “05/04/26”: Enter a date with its year in full, like 24/11/2026."


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "@SUM(A1)",
        "-2+3",
        "<b>Null</b>",
        "अनिता 🙂 O’Brien",
        "'quoted'",
    ],
)
def test_text_like_a_formula_is_stored_as_text(tmp_path, text):
    rows, _ = imported(tmp_path, f'name\n"{text}"\n')

    assert rows == [{"full_name": text}]


def test_apostrophe_of_an_export_is_removed(tmp_path):
    rows, _ = imported(tmp_path, "name\n'=1+1\n")

    assert rows == [{"full_name": "=1+1"}]


def test_named_encodings_are_read(tmp_path):
    for encoding in ("cp1252", "utf-16", "utf-16-le"):
        rows, _ = imported(
            tmp_path, "name,mobile\nRené,9876543210\n".encode(encoding), encoding=encoding
        )
        assert rows[0]["full_name"] == "René"


def test_rows_have_the_numbers_of_the_spreadsheet(tmp_path):
    content = 'name,dob\n"Asha\nVerma",01/01/2008\n\nRavi,32/01/2008\n'

    assert refused(tmp_path, content) == [
        "row 4, dob: “32/01/2008”: Enter a date that exists, like 24/11/2026."
    ]


# Refused files --------------------------------------------------------------------------------

NOT_UTF_8 = "This is not text in UTF-8."
BAD_FILES = {
    "empty": (b"", "The file is empty."),
    "nothing but a mark": (codecs.BOM_UTF8, "The file is empty."),
    "nothing but blank lines": (b"\n\r\n , \n", "The file is empty."),
    "header only": (b"name,phone\n", "The file has a header and no rows."),
    "header and blank lines": (b"name,phone\n\n,\n", "The file has a header and no rows."),
    "no header": (
        b"Asha,9876543210\n",
        "full_name: There is no such column. Found: Asha, 9876543210.",
    ),
    "a needed column missing": (
        b"phone\n9876543210\n",
        "full_name: There is no such column. Found: phone.",
    ),
    "a column twice": (b"name,phone,Name\nA,9876543210,B\n", "Name: Two columns have this name."),
    "one name written two ways": (b"name,dob,D-O-B\nA,,\n", "D-O-B: Two columns have this name."),
    "cp1252": ("name\nAsha\nRené\n".encode("cp1252"), f"row 3: {NOT_UTF_8}"),
    "cp1252 in the header": ("name,prénom\nA,B\n".encode("cp1252"), f"row 1: {NOT_UTF_8}"),
    "cut off in a letter": ("name\nAsha\nअनिता".encode()[:-1], f"row 3: {NOT_UTF_8}"),
    "overlong UTF-8": (b"name\nA\xc0\xafB\n", f"row 2: {NOT_UTF_8}"),
    "half of a surrogate": (b"name\nA\xed\xa0\x80B\n", f"row 2: {NOT_UTF_8}"),
    "UTF-16 little end first": (
        codecs.BOM_UTF16_LE + "name\nA\n".encode("utf-16-le"),
        "This file is in UTF-16.",
    ),
    "UTF-16 big end first": (
        codecs.BOM_UTF16_BE + "name\nA\n".encode("utf-16-be"),
        "This file is in UTF-16.",
    ),
    "UTF-16 without a mark": (
        "name\nA\n".encode("utf-16-le"),
        "row 1: This is not text in UTF-8, it looks like UTF-16.",
    ),
    "a workbook": (b"PK\x03\x04\x14\x00", "This workbook is damaged."),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1", "This is an old Excel workbook"),
    "a PDF": (b"%PDF-1.7\n", "This is a PDF, not a table."),
    "compressed": (b"\x1f\x8b\x08\x00", "This is a compressed file."),
    "NUL in a cell": (b"name\nAs\0ha\n", "row 2, name: “As ha”: This cell holds a NUL character."),
    "NUL in the header": (
        b"na\0me\nAsha\n",
        "row 1: This is not text in UTF-8, it looks like UTF-16.",
    ),
    "a quote never closed": (
        b'name,phone\nA,\n"B,9876543210\nC,\n',
        'row 3: A quote (") is opened in this row and never',
    ),
    "a quote never closed, at the end": (
        b'name\n"A',
        'row 2: A quote (") is opened in this row and never',
    ),
    "a quote closed too early": (
        b'name\n"A"B\n',
        'row 2: A quote (") in this row is closed before its cell ends.',
    ),
    "a quote swallowing lines": (
        b'name,phone\n"A,1\nB,"2"\n',
        'row 2: A quote (") in this row is closed before',
    ),
    "a quote in the header never closed": (
        b'name,"phone\nA,1\n',
        'row 1: A quote (") is opened in this row and never',
    ),
    "a short line": (
        b"name,phone,dob\nA,9876543210\n",
        "row 2: This row has 2 cells, the header has 3.",
    ),
    "a line of one cell": (b"name,phone\nA\n", "row 2: This row has 1 cell, the header has 2."),
    "a long line": (
        b"name,phone\nVerma, Asha,9876543210\n",
        "row 2, cell 3: “9876543210”: This cell is in no column",
    ),
    "text under no heading": (
        b"name,,phone\nA,B,9876543210\n",
        "row 2, cell 2: “B”: This cell is in no column",
    ),
    "a needed cell empty": (
        b"name,phone\n,9876543210\n",
        "row 2, name: Fill in this cell, or give a value for all rows. (--default full_name=VALUE)",
    ),
    "a needed cell of spaces": (
        "name,phone\n \u00a0 ,9876543210\n".encode(),
        "row 2, name: Fill in this cell",
    ),
    "a cell of invisible characters": (
        "name,phone\n\u202e,9876543210\n".encode(),
        "row 2, name: “ ”: This field is required.",
    ),
    "a name too long": (b"name\n" + b"x" * 151 + b"\n", "row 2, name: “"),
    "a cell of 32,001 characters": (
        b"name\n" + b"x" * 32_001 + b"\n",
        "At most 32,000 characters.",
    ),
    "a cell of 200,000 characters": (
        b"name\n" + b"x" * 200_000 + b"\n",
        "row 2: A cell that begins in this row has more",
    ),
    "a phone that a spreadsheet rounded": (
        b"name,phone\nA,9.87654E+09\n",
        "row 2, phone: “9.87654E+09”: A spreadsheet has",
    ),
    "letters for a phone": (
        b"name,phone\nA,call me\n",
        "row 2, phone: “call me”: Enter a phone number with its digits",
    ),
    "an e-mail with a comma": (
        b'name,email\nA,"a@b,com"\n',
        "row 2, email: “a@b,com”: Enter a valid email address.",
    ),
    "a rule of the table": (b"name\nNobody\n", "row 2, name: “Nobody”: Nobody cannot come in."),
}


@pytest.mark.parametrize(("content", "sentence"), BAD_FILES.values(), ids=BAD_FILES)
def test_invalid_file_is_refused_with_a_sentence(tmp_path, content, sentence):
    messages = refused(tmp_path, content)

    assert sentence in messages[0]
    assert len(messages) == 1


BAD_AMOUNTS = [
    "0",
    "-0",
    "-5",
    "NaN",
    "sNaN",
    "Infinity",
    "1e309",
    "1e5",
    "1_000",
    "0.001",
    "+7",
    "0x10",
    "१२३",
    "１２",
    "9" * 5000,
    "−5",
    "5,00",
    "1.25.000,00",
    "five",
]


@pytest.mark.parametrize("amount", BAD_AMOUNTS, ids=lambda text: text[:12])
def test_hostile_amount_is_refused(tmp_path, amount):
    (message,) = refused(tmp_path, f'name,fee\nAsha,"{amount}"\n')

    assert message.startswith(f"row 2, fee: “{amount[:59]}")


BAD_DAYS = [
    "31/02/2026",
    "29/02/2025",
    "0001-01-01",
    "9999-12-31",
    "24/13/2026",
    "11/24/2026",
    "24/11/26",
    "30-Feb-26",
    "5-Foo-26",
    "45000",
    "yesterday",
    "2026-11-24T",
]


@pytest.mark.parametrize("day", BAD_DAYS)
def test_impossible_or_ambiguous_date_is_refused(tmp_path, day):
    (message,) = refused(tmp_path, f"name,dob\nAsha,{day}\n")

    assert message.startswith(f"row 2, dob: “{day}”: Enter a date")


def test_every_invalid_cell_is_reported(tmp_path):
    content = "name,dob,phone\nA,32/01/2008,1\nB,,9876543210\n,,\nC,24/11/2008,x\n"

    _, result = imported(tmp_path, content)

    assert [(problem.line, problem.column, problem.value) for problem in result.problems] == [
        (2, "phone", "1"),
        (2, "dob", "32/01/2008"),
        (5, "phone", "x"),
    ]


def test_terminal_control_characters_are_not_printed(tmp_path):
    (message,) = refused(tmp_path, "name,dob\nAsha,\x1b[31m1\n")

    assert "\x1b" not in message


# Folders and pipes ----------------------------------------------------------------------------


def test_folders_and_pipes_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")

    for name, sentence in [
        ("", "This is a folder. Name the file in it."),
        ("missing.csv", "There is no such file. Check the name and the folder."),
        ("pipe.csv", "This is not a file that can be read twice. Save it as a file first."),
        ("x" * 300, "This file cannot be read. Check its name, or copy it to another place."),
        ("nul\0.csv", "This file cannot be read. Check its name, or copy it to another place."),
    ]:
        with pytest.raises(Unreadable) as refusal:
            open_table(tmp_path / name)
        assert refusal.value.sentence == sentence


def test_unreadable_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "locked.csv"
    path.write_text("name\nAsha\n")
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser may read everything
        monkeypatch.setattr(
            type(path), "open", lambda *args, **kwargs: (_ for _ in ()).throw(PermissionError())
        )

    with pytest.raises(Unreadable, match="You may not read this file"):
        open_table(path)
    path.chmod(stat.S_IRUSR)


# Mapping, defaults, skipped rows --------------------------------------------------------------


def test_columns_can_be_joined(tmp_path):
    content = "first name,middle name,last name\nAsha,,Verma\nRavi,K,Iyer\n"

    rows, result = imported(
        tmp_path, content, mapping={"full_name": "first_name middle name last-name"}
    )

    assert [row["full_name"] for row in rows] == ["Asha Verma", "Ravi K Iyer"]
    assert result.unused_columns == []


def test_missing_mapped_column_is_reported(tmp_path):
    (message,) = refused(tmp_path, "name\nAsha\n", mapping={"phone": "tel"})

    assert message == "phone: There is no column “tel”. Found: name."


def test_default_fills_missing_columns_and_empty_cells(tmp_path):
    rows, _ = imported(
        tmp_path, "name,dob\nAsha,\n", defaults={"born_on": "01/01/2008", "fee": "500"}
    )

    assert [str(rows[0][name]) for name in ("born_on", "fee")] == ["2008-01-01", "500.00"]
    assert set(rows[0].defaulted) == {"born_on", "fee"}


def test_empty_cell_has_no_value(tmp_path):
    rows, _ = imported(tmp_path, "name,phone\nAsha,\n")

    assert rows == [{"full_name": "Asha"}]


def test_skipped_row_may_be_invalid(tmp_path):
    rows, result = imported(tmp_path, "name,dob\nAsha,x\nRavi,\n", skip=[2, 9])

    assert [row["full_name"] for row in rows] == ["Ravi"]
    assert result.skipped == [2]
    assert result.notes == ["Nothing to skip in row 9."]


def test_unknown_columns_are_reported_and_ignored(tmp_path):
    _, result = imported(tmp_path, "name,Blood Group,mobile,phone\nAsha,B+,1,9876543210\n")

    assert result.unused_columns == ["Blood Group", "mobile"]


def test_progress_is_reported_by_stage(tmp_path):
    steps = []
    content = "name\n" + "".join(f"Person {number}\n" for number in range(2500))

    imported(tmp_path, content, progress=lambda *step: steps.append(step))

    assert steps == [("Checking", 1000, 2500), ("Checking", 1000, 2500)]


def test_any_form_field_can_be_a_column():
    column = ImportColumn("colour", forms.ChoiceField(choices=[("r", "Red")]))

    with pytest.raises(ValidationError):
        column.clean("blue")
    assert column.clean("r") == "r"
