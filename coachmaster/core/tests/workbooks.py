"""Workbooks for tests: made by a library as Excel does, and by hand where no library would."""

import io
import zipfile
from xml.sax.saxutils import quoteattr

import xlsxwriter

_ODS = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x"><office:body><office:spreadsheet>
{}</office:spreadsheet></office:body></office:document-content>"""
_XLSX = {
    "[Content_Types].xml": "<Types/>",
    "_rels/.rels": '<Relationships><Relationship Id="r" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="r1" Type="x/worksheet" Target="s.xml"/></Relationships>',
}


def xlsx(*sheets, formats=None, **named):
    """An XLSX of sheets, each a list of rows; ``formats`` are number formats by column."""
    content = io.BytesIO()
    named = {**{f"Sheet{count}": rows for count, rows in enumerate(sheets, 1)}, **named}
    with xlsxwriter.Workbook(content, {"default_date_format": "dd/mm/yyyy"}) as book:
        for name, rows in named.items():
            sheet = book.add_worksheet(name)
            for column, pattern in (formats or {}).items():
                sheet.set_column(column, column, None, book.add_format({"num_format": pattern}))
            for line, row in enumerate(rows):
                for place, value in enumerate(row):
                    pattern = (formats or {}).get(place)
                    sheet.write(
                        line,
                        place,
                        value,
                        *([book.add_format({"num_format": pattern})] if pattern else []),
                    )
    return content.getvalue()


def xlsx_of(sheet, **parts):
    """An XLSX whose one sheet is the given XML: rows of cells, or something else."""
    return packed(
        {**_XLSX, "xl/s.xml": f"<worksheet><sheetData>{sheet}</sheetData></worksheet>", **parts}
    )


def ods(**sheets):
    """An ODS of sheets, each a list of rows; a pair is `(value type, attributes and text)`."""
    return ods_of(
        "".join(
            f"<table:table table:name={quoteattr(n)}>{_rows(r)}</table:table>"
            for n, r in sheets.items()
        )
    )


def ods_of(tables):
    """An ODS whose tables are the given XML."""
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return packed({"mimetype": kind, "content.xml": _ODS.format(tables)})


def _rows(rows):
    return "".join(f"<table:table-row>{''.join(map(_cell, row))}</table:table-row>" for row in rows)


def _cell(value):
    if isinstance(value, str) and value.startswith("<"):
        return value
    if isinstance(value, int | float):
        return f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>?</text:p></table:table-cell>'
    if isinstance(value, str):
        return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
    return (
        f'<table:table-cell office:value-type="date" office:date-value="{value.isoformat()}"><text:p>?</text:p>'
        "</table:table-cell>"
    )


def packed(parts):
    """A ZIP of the named parts."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return content.getvalue()
