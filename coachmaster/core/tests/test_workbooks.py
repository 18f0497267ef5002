import datetime
import io
import time
import zipfile

import pytest

from coachmaster.core.importers import SeveralSheets, Unreadable, limits, open_table
from coachmaster.core.importers.limits import WorkbookLimits
from coachmaster.core.importers.special_cells import UNCALCULATED
from coachmaster.imports.upload_limits import WORKBOOK_LIMITS

from .workbooks import OFFICE, ods, ods_of, packed, xlsx, xlsx_of

DAY = datetime.date(2026, 11, 24)


@pytest.fixture
def rows(tmp_path):
    """Return a function that reads the header and the rows, with their lines."""

    def read(content, sheet=None):
        path = tmp_path / "workbook"
        path.write_bytes(content)
        table = open_table(path, sheet=sheet)
        return [(table.header_line, table.header), *table]

    return read


def cell(xml, **parts):
    """Return an XLSX with a header and one cell below it."""
    return xlsx_of(
        f'<row r="1"><c t="inlineStr"><is><t>A</t></is></c></row><row r="2">{xml}</row>', **parts
    )


# Reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", [lambda table: xlsx(table), lambda table: ods(Sheet=table)], ids=["xlsx", "ods"]
)
def test_workbook_cells_are_read_like_cells_of_a_csv_file(rows, make):
    table = [
        ["Name", "Phone", "Born", "Fee"],
        ["आशा वर्मा", 9876543210, DAY, 125000.5],
        ["O'Brien, “Null”", "098765 43210", DAY, 0.1],
        ["-3", 42.0, DAY, 40000],
    ]

    assert rows(make(table)) == [
        (1, ["Name", "Phone", "Born", "Fee"]),
        (2, ["आशा वर्मा", "9876543210", "2026-11-24", "125000.5"]),
        (3, ["O'Brien, “Null”", "098765 43210", "2026-11-24", "0.1"]),
        (4, ["-3", "42", "2026-11-24", "40000"]),
    ]


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        ("<c><v>9.87654321E9</v></c>", "9876543210"),
        ("<c><v>9876543210.0</v></c>", "9876543210"),
        ("<c><v>45.300000000000004</v></c>", "45.3"),
        ("<c><v>1E-3</v></c>", "0.001"),
        ("<c><v>seven</v></c>", "seven"),
        ("<c><v>-5</v></c>", "-5"),
        ("<c><v>123456789012345678</v></c>", "1.23456789012346E+17"),
        ('<c t="b"><v>1</v></c>', "TRUE"),
        ('<c t="str"><f>A1&amp;"x"</f><v>Ax</v></c>', "Ax"),
        ("<c><f>1+1</f><v>2</v></c>", "2"),
        ("<c><f>1+1</f></c>", UNCALCULATED),
        ('<c t="e"><v>#REF!</v></c>', "#REF!"),
        ('<c t="d"><v>2026-11-24T00:00:00</v></c>', "2026-11-24"),
        ('<c t="d"><v>2026-11-24T17:30:00</v></c>', "2026-11-24 17:30"),
        (
            '<c t="inlineStr"><is><r><t xml:space="preserve">Asha </t></r><r><t>Verma</t></r>'
            "<rPh><t>x</t></rPh></is></c>",
            "Asha Verma",
        ),
        ('<c t="inlineStr"><is><t>A_x000D_B</t></is></c>', "A\rB"),
        ('<x:c t="inlineStr" xmlns:x="x"><x:is><x:t>prefixed</x:t></x:is></x:c>', "prefixed"),
    ],
)
def test_excel_cells_are_read(rows, xml, text):
    assert rows(cell(xml))[1:] == [(2, [text])]


@pytest.mark.parametrize(
    ("pattern", "value", "text"),
    [
        ("dd/mm/yyyy", 46350, "2026-11-24"),
        ("d-mmm-yy", 46350, "2026-11-24"),
        ("[$-4009]d mmmm yyyy", 46350, "2026-11-24"),
        ("dd/mm/yyyy hh:mm", 46350.75, "2026-11-24 18:00"),
        ("hh:mm", 0.75, "18:00"),
        ("dd/mm/yyyy", 1, "1900-01-01"),
        ("dd/mm/yyyy", 61, "1900-03-01"),
        ('#,##0.00 "days"', 12.5, "12.5"),
        ("[Red]0.00", 12.5, "12.5"),
        ("0.00E+00", 46350, "46350"),
        ("000000", 42, "000042"),
        ("0%", 0.5, "0.5"),
        ("dd/mm/yyyy hh:mm:ss", 46350.75001, "2026-11-24 18:00:01"),
        ("[h]:mm", 1.75, "42:00"),
    ],
)
def test_number_formats_decide_about_dates(rows, pattern, value, text):
    assert rows(xlsx([["A"], [value]], formats={0: pattern}))[1:] == [(2, [text])]


def test_days_from_1904_are_read(rows):
    book = (
        '<workbook xmlns:r="r"><workbookPr date1904="1"/><sheets><sheet name="S" r:id="r1"/>'
        "</sheets></workbook>"
    )
    styles = '<styleSheet><cellXfs><xf numFmtId="14"/></cellXfs></styleSheet>'

    content = cell(
        '<c s="0"><v>44888</v></c>', **{"xl/workbook.xml": book, "xl/styles.xml": styles}
    )

    assert rows(content)[1:] == [(2, ["2026-11-24"])]


def test_rows_of_a_sheet_have_the_numbers_of_the_spreadsheet(rows):
    assert rows(xlsx([[], ["A", "B"], [], [None, "x"], ["y"]])) == [
        (2, ["A", "B"]),
        (4, ["", "x"]),
        (5, ["y", ""]),
    ]


def test_titles_above_the_header_are_ignored(rows):
    table = [
        ["Sunrise Academy"],
        ["Fee register 2026-27"],
        [],
        ["Name", "Batch", "Paid"],
        ["Asha"],
        ["Ravi", "M1", 5],
    ]

    assert rows(xlsx(table)) == [
        (4, ["Name", "Batch", "Paid"]),
        (5, ["Asha", "", ""]),
        (6, ["Ravi", "M1", "5"]),
    ]


def test_sheet_of_one_column_has_its_header_in_the_first_row(rows):
    assert rows(xlsx([["Name"], ["Asha"], ["Ravi"]])) == [
        (1, ["Name"]),
        (2, ["Asha"]),
        (3, ["Ravi"]),
    ]


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (
            '<table:table-cell office:value-type="string"><text:p>MG<text:s text:c="2"/>'
            "Road</text:p><text:p>Pune</text:p>"
            "</table:table-cell>",
            "MG  Road\nPune",
        ),
        (
            '<table:table-cell office:value-type="string"><office:annotation><text:p>'
            "note</text:p></office:annotation>"
            "<text:p>x</text:p></table:table-cell>",
            "x",
        ),
        (
            '<table:table-cell table:formula="of:=1+1" office:value-type="float" '
            'office:value="2"/>',
            "2",
        ),
        ('<table:table-cell table:formula="of:=1+1"/>', UNCALCULATED),
        (
            '<table:table-cell table:formula="of:=X" office:value-type="string"><text:p>'
            "#REF!</text:p></table:table-cell>",
            "#REF!",
        ),
        (
            '<table:table-cell office:value-type="float" office:value="42"><text:p>'
            "0042</text:p></table:table-cell>",
            "0042",
        ),
        (
            '<table:table-cell office:value-type="currency" office:value="125000.5"><text:p>'
            "₹1</text:p></table:table-cell>",
            "125000.5",
        ),
        ('<table:table-cell office:value-type="boolean" office:boolean-value="true"/>', "TRUE"),
    ],
)
def test_libreoffice_cells_are_read(rows, xml, text):
    assert rows(ods(S=[["A"], [xml]]))[1:] == [(2, [text])]


def test_repeated_rows_and_cells_of_an_ods_file_are_read(rows):
    head = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{name}</text:p></table:table-cell>'
        for name in "AB"
    )
    head = f"<table:table-row>{head}</table:table-row>"
    twice = (
        '<table:table-row table:number-rows-repeated="2"><table:table-cell '
        'office:value-type="string" table:number-columns-repeated="2">'
        "<text:p>x</text:p></table:table-cell></table:table-row>"
    )
    rest = (
        '<table:table-row table:number-rows-repeated="1048000"><table:table-cell '
        'table:number-columns-repeated="16384"/>'
        "</table:table-row>"
    )

    content = ods_of(f'<table:table table:name="S">{head}{twice}{rest}</table:table>')

    assert rows(content) == [(1, ["A", "B"]), (2, ["x", "x"]), (3, ["x", "x"])]


def test_table_of_a_link_to_another_file_is_not_a_sheet(rows):
    linked = f"<table:table><table:table-row>{ODS_VALUE}</table:table-row></table:table>"
    sheet = (
        f'<table:table table:name="S"><table:table-row>{ODS_VALUE}</table:table-row></table:table>'
    )

    assert rows(ods_of(f"{sheet}<table:dde-link>{linked}</table:dde-link>")) == [(1, ["1"])]


# Sheets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [xlsx, ods])
def test_one_of_several_filled_sheets_must_be_named(rows, make):
    content = make(Students=[["A"], ["x"]], Fees=[["B"], ["y"]], Empty=[])

    with pytest.raises(SeveralSheets) as several:
        rows(content)

    assert several.value.sheets == ["Students", "Fees"]
    assert rows(content, sheet="Fees") == [(1, ["B"]), (2, ["y"])]
    with pytest.raises(Unreadable, match="There is no sheet “fees”"):
        rows(content, sheet="fees")


@pytest.mark.parametrize("make", [xlsx, ods])
def test_only_filled_sheet_needs_no_name(rows, make):
    assert rows(make(Empty=[], Students=[["A"], ["x"]])) == [(1, ["A"]), (2, ["x"])]


@pytest.mark.parametrize("names", [["S" * 201], [f"S{number}" for number in range(201)]])
def test_workbook_with_long_names_or_many_sheets_is_refused(rows, names):
    with pytest.raises(Unreadable, match="More than 200 sheets, or a sheet whose name has more"):
        rows(ods(**{name: [["A"], ["x"]] for name in names}))


# Refused files --------------------------------------------------------------------------------

ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaa">]>'
BROKEN = {
    "cut off": xlsx([["A"], ["x"]])[:-200],
    "no workbook": packed({"a.txt": "x"}),
    "a document": packed(
        {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<a/>"}
    ),
    "not XML": packed({"[Content_Types].xml": "", "xl/workbook.xml": "<workbook"}),
    "entities": xlsx_of("", **{"xl/s.xml": f"{ENTITIES}<worksheet>&a;</worksheet>"}),
    "a text that is not there": cell('<c t="s"><v>7</v></c>'),
    "a number beyond all": cell("<c><v>1e999</v></c>"),
    "not a number": cell("<c><v>nan</v></c>"),
    "lines that run backwards": xlsx_of(
        '<row r="3"><c><v>1</v></c></row><row r="2"><c><v>1</v></c></row>'
    ),
    "a text within a text": cell("", **{"xl/sharedStrings.xml": "<sst><si><si/></si></sst>"}),
    "two lists of texts": cell(
        "", **dict.fromkeys(("xl/sharedStrings.xml", "x/sharedStrings.xml"), "<sst/>")
    ),
    "a table within a table": ods(S=[["A", "<table:table table:name='T'/>"]]),
    "a cell within a cell": ods(
        S=[["A", "<table:table-cell><table:table-cell/></table:table-cell>"]]
    ),
    "a column beyond all": cell('<c r="XFE1"><v>1</v></c>'),
    "empty": xlsx([]),
    "the same part twice": None,
    "a password": packed(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": "\x01",
            "META-INF/manifest.xml": "<m><e><manifest:encryption-data xmlns:manifest='m'/></e></m>",
        }
    ),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("broken", BROKEN)
def test_broken_workbook_is_refused_with_a_sentence(rows, tmp_path, broken):
    content = BROKEN[broken]
    if content is None:
        import zipfile

        path = tmp_path / "twice.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for _ in range(2):
                archive.writestr("[Content_Types].xml", "<Types/>")
        content = path.read_bytes()

    with pytest.raises(Unreadable) as unreadable:
        rows(content)

    assert unreadable.value.sentence.endswith(".")


def related(*relations):
    """Return a list of parts, of (kind, id, target)."""
    parts = (
        f'<Relationship Type="{OFFICE}/{kind}" Id="{id}" Target="{target}"/>'
        for kind, id, target in relations
    )
    return f"<Relationships>{''.join(parts)}</Relationships>"


SHORT = "<worksheet><sheetData/></worksheet>"
OTHER_SHEET = '<sheet name="S" sheetId="2" r:id="r2"/>'
OTHER_BOOK = f'<workbook xmlns:r="{OFFICE}"><sheets>{OTHER_SHEET}</sheets></workbook>'
LONG_SHEET, SHORT_SHEET = ("worksheet", "r1", "worksheets/s.xml"), ("worksheet", "r1", "t.xml")
AMBIGUOUS = {
    "sheets that differ in case": {"xl/worksheets/S.xml": SHORT},
    "workbooks that differ in case": {"xl/WORKBOOK.xml": OTHER_BOOK},
    "dots in a name": {"xl/../xl/worksheets/s.xml": SHORT},
    "backslashes in a name": {"xl\\worksheets\\s.xml": SHORT},
    "a slash before a name": {"/xl/worksheets/s.xml": SHORT},
    "XLSX that is also ODS": {"content.xml": "<a/>"},
    "an entity in a name": {"xl/worksheets/&#115;.xml": SHORT},
    "letters of a code page in a name": {"xl/worksheets/ä.xml": SHORT},
    "a workbook of another name": {
        "_rels/.rels": related(("officeDocument", "r", "xl/book.xml")),
        "xl/book.xml": OTHER_BOOK,
    },
    "two workbooks": {
        "_rels/.rels": related(
            ("officeDocument", "q", "yl/workbook.xml"), ("officeDocument", "r", "xl/workbook.xml")
        ),
        "yl/workbook.xml": OTHER_BOOK,
    },
    "two parts with one id": {
        "xl/_rels/workbook.xml.rels": related(LONG_SHEET, SHORT_SHEET),
        "xl/t.xml": SHORT,
    },
    "a target with a prefix": {
        "xl/_rels/workbook.xml.rels": related(("worksheet", "r1", 'worksheets/s.xml" x:Target="t')),
        "xl/t": SHORT,
    },
    "two sheets of one name": {
        "xl/workbook.xml": OTHER_BOOK.replace(
            OTHER_SHEET, OTHER_SHEET.replace("2", "1") + "<workbook/>" + OTHER_SHEET
        ),
        "xl/_rels/workbook.xml.rels": related(LONG_SHEET, ("worksheet", "r2", "t.xml")),
        "xl/t.xml": SHORT,
    },
}


@pytest.mark.parametrize("parts", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_file_that_programs_read_differently_is_refused(rows, parts):
    with pytest.raises(Unreadable, match="This file can be read as two different workbooks"):
        rows(cell("<c><v>1</v></c>", **parts))


@pytest.mark.parametrize("part", ["xl/workbook.xml", "_rels/.rels", "[Content_Types].xml"])
def test_ods_file_with_a_part_of_excel_is_refused(rows, part):
    with pytest.raises(Unreadable, match="This file can be read as two different workbooks"):
        rows(ods_of('<table:table table:name="S"/>', **{part: "<a/>"}))


def test_xlsb_workbook_is_refused(rows):
    with pytest.raises(Unreadable, match="This is a workbook in the XLSB format"):
        rows(cell("<c><v>1</v></c>", **{"xl/workbook.bin": "x"}))


def refusal_of(tmp_path, content, upload_limits=WORKBOOK_LIMITS):
    """Return the sentence by which a file is refused, and the seconds of processor time."""
    path = tmp_path / "bomb.xlsx"
    path.write_bytes(content)
    started = time.process_time()
    with pytest.raises(Unreadable) as refusal:
        open_table(path, limits=upload_limits)
    return refusal.value.sentence, time.process_time() - started


def test_workbook_that_unpacks_to_too_much_is_refused(tmp_path):
    bomb = cell("", **{"xl/sharedStrings.xml": f"<sst><si><t>{'x' * 2_000_000}</t></si></sst>"})
    sentence, _ = refusal_of(tmp_path, bomb, WorkbookLimits(unpacked=1024 * 1024))

    assert len(bomb) < 50_000
    assert sentence.startswith("This workbook unpacks to more than 1 MB.")


ODS_VALUE = '<table:table-cell office:value-type="float" office:value="1"/>'
BOMBS = {
    "a million rows": lambda: xlsx_of("<row><c><v>1</v></c></row>" * 1_000_000),
    "wide rows": lambda: xlsx_of(("<row>" + "<c><v>1</v></c>" * 490 + "</row>") * 8_700),
    "empty cells": lambda: xlsx_of(("<row>" + "<c/>" * 400 + "</row>") * 30_000),
    "texts": lambda: cell(
        "", **{"xl/sharedStrings.xml": "<sst>" + "<si><t>x</t></si>" * 3_000_000}
    ),
    "formats": lambda: cell("", **{"xl/styles.xml": "<a><cellXfs>" + "<xf/>" * 5_000_000}),
    "rows of ODS": lambda: ods_of(
        '<table:table table:name="S">'
        + f"<table:table-row>{ODS_VALUE}</table:table-row>" * 400_000
        + "</table:table>"
    ),
    "repeated row of ODS": lambda: ods_of(
        '<table:table table:name="S"><table:table-row table:number-rows-repeated="1000000">'
        f"{ODS_VALUE}</table:table-row></table:table>"
    ),
    "number of texts": lambda: cell(
        "", **{"xl/sharedStrings.xml": '<sst uniqueCount="10000000000000"/>'}
    ),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_small_file_of_many_rows_or_cells_is_refused_at_once(tmp_path, bomb):
    content = bomb()
    assert len(content) < 150_000

    sentence, seconds = refusal_of(tmp_path, content)

    assert sentence.startswith(
        ("This workbook has too many cells.", "More than 50,000 rows.", "This workbook is damaged.")
    )
    assert seconds < 0.6


LONG_TEXT = "x" * 32_000
ODS_TEXT = '<table:table-cell office:value-type="string" table:number-columns-repeated="20"'
COPIED_TEXTS = {
    "text of Excel": lambda: xlsx_of(
        ("<row>" + '<c t="s"><v>1</v></c>' * 20 + "</row>") * 200,
        **{"xl/sharedStrings.xml": f"<sst><si/><si><t>{LONG_TEXT}</t></si></sst>"},
    ),
    "text of Excel, with an entity in its number": lambda: xlsx_of(
        ("<row>" + '<c t="s"><v>1&#48;</v></c>' * 20 + "</row>") * 200,
        **{"xl/sharedStrings.xml": f"<sst><si/><si><t>{LONG_TEXT}</t></si>{'<si/>' * 9}</sst>"},
    ),
    "text of ODS": lambda: ods_of(
        '<table:table table:name="S"><table:table-row table:number-rows-repeated="200">'
        f"{ODS_TEXT}><text:p>{LONG_TEXT}</text:p></table:table-cell></table:table-row></table:table>"
    ),
    "attribute of ODS": lambda: ods_of(
        '<table:table table:name="S"><table:table-row table:number-rows-repeated="200">'
        f'{ODS_TEXT} office:string-value="{LONG_TEXT}"/></table:table-row></table:table>'
    ),
    "attribute of ODS without a type": lambda: ods_of(
        '<table:table table:name="S"><table:table-row table:number-rows-repeated="200">'
        f'<table:table-cell table:number-columns-repeated="20" office:string-value="{LONG_TEXT}"/>'
        "</table:table-row></table:table>"
    ),
    "spaces of ODS": lambda: ods_of(
        '<table:table table:name="S"><table:table-row><table:table-cell office:value-type="string">'
        '<text:p>A<text:s text:c="200000000"/></text:p></table:table-cell></table:table-row>'
        "</table:table>"
    ),
}


@pytest.mark.parametrize("bomb", COPIED_TEXTS.values(), ids=COPIED_TEXTS)
def test_small_file_whose_cells_hold_the_same_long_text_is_refused_at_once(tmp_path, bomb):
    content = bomb()
    assert len(content) < 10_000

    sentence, seconds = refusal_of(tmp_path, content)

    assert sentence.startswith("The cells of this workbook hold more than 10,00,00,000 characters.")
    assert seconds < 0.6


def test_same_long_text_of_many_sheets_is_counted_for_each(tmp_path):
    content = xlsx(*[[["x" * 1_000] * 6] * 2] * 9)

    sentence, _ = refusal_of(tmp_path, content, WorkbookLimits(characters=100_000))

    assert sentence.startswith("The cells of this workbook hold more than 1,00,000 characters.")


def lying(content, part):
    """Return the ZIP file with the size of a part given as 1 byte in its directory."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo(part).file_size
    directory = content.index(b"PK\x01\x02")
    place = content.index(size.to_bytes(4, "little"), directory)
    return content[:place] + (1).to_bytes(4, "little") + content[place + 4 :]


def test_sizes_in_the_directory_are_not_believed(tmp_path):
    bomb = cell("", **{"xl/sharedStrings.xml": f"<sst><si><t>{'x' * 99_000_000}</t></si></sst>"})

    sentence, seconds = refusal_of(tmp_path, lying(bomb, "xl/sharedStrings.xml"))

    assert sentence.startswith("This workbook is damaged.")
    assert seconds < 0.6


def test_part_that_is_many_sheets_is_refused(tmp_path):
    sheets = "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="r1"/>' for n in range(1, 999))
    book = f'<workbook xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>'

    sentence, seconds = refusal_of(tmp_path, cell("", **{"xl/workbook.xml": book}))

    assert sentence.startswith("This workbook is damaged.")
    assert seconds < 0.6


def test_as_many_rows_as_allowed_are_read(tmp_path):
    path = tmp_path / "rows.xlsx"
    path.write_bytes(xlsx([["name"], *[["x"]] * 50]))

    assert open_table(path, limits=WorkbookLimits(rows=50)).count() == 50


def test_far_column_is_refused(rows):
    with pytest.raises(Unreadable, match="More than 500 columns"):
        rows(cell('<c r="A2"><v>1</v></c><c r="XFD2"><v>1</v></c>'))


def test_far_row_is_read(rows):
    assert rows(
        xlsx_of('<row r="1"><c><v>1</v></c></row><row r="1048576"><c><v>2</v></c></row>')
    ) == [(1, ["1"]), (1_048_576, ["2"])]


def test_far_cell_of_excel_is_refused_before_memory_is_allocated(rows):
    far = '<row r="1"><c><v>1</v></c></row><row r="1048576"><c r="J1048576"><v>1</v></c></row>'

    with pytest.raises(Unreadable, match="More than 1,00,00,000 cells"):
        rows(xlsx_of(far))


def test_repeated_cells_are_refused_before_memory_is_allocated(rows):
    value = '<table:table-cell office:value-type="float" office:value="1"'
    row = f'<table:table-row table:number-rows-repeated="1048576">{value}/></table:table-row>'
    wide = f'{value} table:number-columns-repeated="501"/>'

    with pytest.raises(Unreadable, match="More than 1,00,00,000 cells"):
        rows(ods_of(f'<table:table table:name="S">{row * 10}</table:table>'))
    with pytest.raises(Unreadable, match="More than 500 columns"):
        rows(ods(S=[["A"], [wide]]))


def test_long_cell_is_cut(rows):
    long = f"<c t='inlineStr'><is><t>{'x' * 2_000_000}</t></is></c>"

    assert len(rows(cell(long))[1][1][0]) == limits.MOST_CHARACTERS + 1


def test_csv_file_has_no_sheets(rows):
    with pytest.raises(Unreadable, match="no sheets"):
        rows(b"A\nx\n", sheet="S")
