import io
import zipfile
from xml.sax.saxutils import quoteattr

import xlsxwriter

_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_ODS = f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="{_OASIS}:office:1.0" xmlns:table="{_OASIS}:table:1.0"
 xmlns:text="{_OASIS}:text:1.0"><office:body><office:spreadsheet>
%s</office:spreadsheet></office:body></office:document-content>"""
_ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_MANIFEST = f"""<manifest:manifest xmlns:manifest="{_OASIS}:manifest:1.0">
<manifest:file-entry manifest:full-path="/" manifest:media-type="{_ODS_TYPE}"/>
</manifest:manifest>"""
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_XLSX = {
    "[Content_Types].xml": "<Types/>",
    "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r"'
    f' Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{OFFICE}"><sheets>'
    '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r1"'
    f' Type="{OFFICE}/worksheet" Target="worksheets/s.xml"/></Relationships>',
}


def xlsx(*sheets, formats=None, **named):
    """Return an XLSX of sheets, as lists of rows; ``formats`` are number formats by column."""
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
    """Return an XLSX with one sheet, given as XML."""
    return packed(
        {
            **_XLSX,
            "xl/worksheets/s.xml": (
                f'<worksheet xmlns="{_MAIN}"><sheetData>{sheet}</sheetData></worksheet>'
            ),
            **parts,
        }
    )


def ods(**sheets):
    """Return an ODS of sheets, as lists of rows; a cell may be XML."""
    return ods_of(
        "".join(
            f"<table:table table:name={quoteattr(n)}>{_rows(r)}</table:table>"
            for n, r in sheets.items()
        )
    )


def ods_of(tables, **parts):
    """Return an ODS with tables given as XML."""
    return packed(
        {
            "mimetype": _ODS_TYPE,
            "META-INF/manifest.xml": _MANIFEST,
            "content.xml": _ODS % tables,
            **parts,
        }
    )


def _rows(rows):
    return "".join(f"<table:table-row>{''.join(map(_cell, row))}</table:table-row>" for row in rows)


def _cell(value):
    if isinstance(value, str) and value.startswith("<"):
        return value
    if isinstance(value, int | float):
        return (
            f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>'
            f"?</text:p></table:table-cell>"
        )
    if isinstance(value, str):
        return (
            f'<table:table-cell office:value-type="string"><text:p>{value}</text:p>'
            f"</table:table-cell>"
        )
    return (
        f'<table:table-cell office:value-type="date" office:date-value="{value.isoformat()}">'
        f"<text:p>?</text:p>"
        "</table:table-cell>"
    )


def packed(parts):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return content.getvalue()
