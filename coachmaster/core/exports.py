"""Export of lists as CSV and XLSX, row by row, so that long lists need no more memory."""

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import xlsxwriter
from django.http import FileResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from .logs import log_event
from .money import plain, to_paise


class CellType(Enum):
    """Type of the values of a column. None is an empty cell."""

    TEXT = "text"
    #: Decimal rupees: `125000.00` in CSV, a number with Indian commas in XLSX.
    AMOUNT = "amount"
    #: A count or a percentage.
    NUMBER = "number"
    #: `2026-11-24` in CSV.
    DATE = "date"
    #: Local time: `2026-11-24 17:30:05` in CSV.
    DATETIME = "datetime"


@dataclass(frozen=True)
class ExportColumn:
    heading: str
    type: CellType
    value: Callable[[Any], Any]


#: Characters that start a formula in a spreadsheet, or that it skips before one.
_FORMULA_STARTS = tuple("=+-@\t\r\n\0＝＋－＠")

_CHUNK = 500
_FORMATS = {
    # A number format has three cases, so negative amounts get no Indian commas.
    CellType.AMOUNT: r"[>=10000000]##\,##\,##\,##0.00;[>=100000]##\,##\,##0.00;#,##0.00",
    CellType.DATE: "dd/mm/yyyy",
    CellType.DATETIME: "dd/mm/yyyy hh:mm",
}
_WIDTHS = {CellType.AMOUNT: 16, CellType.NUMBER: 8, CellType.DATE: 12, CellType.DATETIME: 18}
_MAX_WIDTH = 50


def requested_export(request, name: str, columns: list[ExportColumn], rows: Iterable):
    """Return a download named ``name`` with today's date; None if a page is requested."""
    if file_format := export_format(request):
        filename = f"{name}-{timezone.localdate()}"
        return export_response(filename, columns, rows, file_format=file_format)
    return None


def export_format(request):
    """Return "csv", "xlsx" or None for a page, and log exports."""
    file_format = request.GET.get("as")
    if file_format not in ("csv", "xlsx"):
        return None
    log_event("list exported", path=request.path, format=file_format)
    return file_format


def export_response(
    filename: str, columns: list[ExportColumn], rows: Iterable, *, file_format: str = "csv"
):
    if file_format == "csv":
        response = StreamingHttpResponse(
            _csv(columns, rows), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = content_disposition_header(True, f"{filename}.csv")
        return response
    if file_format == "xlsx":
        return FileResponse(
            _xlsx(columns, rows),
            as_attachment=True,
            filename=f"{filename}.xlsx",
            content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        )
    raise ValueError(f"Unknown file format: {file_format}")


def escape_formula(text) -> str:
    """Put `'` before text that a spreadsheet could run as a formula."""
    text = str(text)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _csv(columns, rows) -> Iterator[bytes]:
    page = io.StringIO(newline="")
    writer = csv.writer(page)
    writer.writerow([escape_formula(column.heading) for column in columns])
    yield b"\xef\xbb\xbf"  # Without this byte order mark, Excel guesses another encoding.
    for count, row in enumerate(rows, start=1):
        writer.writerow([_csv_cell(column.type, column.value(row)) for column in columns])
        if count % _CHUNK == 0:
            yield page.getvalue().encode()
            page.seek(0)
            page.truncate()
    yield page.getvalue().encode()


def _csv_cell(cell_type, value):
    if value is None:
        return ""
    if cell_type is CellType.AMOUNT:
        to_paise(value)  # Raise an error for parts of a paisa instead of rounding.
        return plain(value)
    if cell_type is CellType.NUMBER:
        return value
    if cell_type is CellType.DATE:
        return value.isoformat()
    if cell_type is CellType.DATETIME:
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
    return escape_formula(value)


def _xlsx(columns, rows):
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        _write_workbook(file, columns, rows)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _write_workbook(file, columns, rows):
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        formats = {
            cell_type: book.add_format({"num_format": pattern})
            for cell_type, pattern in _FORMATS.items()
        }
        heading = book.add_format({"bold": True, "bottom": 1})
        # Four characters more than the heading leave room for the filter button.
        widths = [max(len(column.heading) + 4, _WIDTHS.get(column.type, 0)) for column in columns]
        for place, column in enumerate(columns):
            sheet.write_string(0, place, column.heading, heading)
        last = 0
        for last, row in enumerate(rows, start=1):
            _write_row(sheet, last, columns, row, formats, widths)
        for place, width in enumerate(widths):
            sheet.set_column(place, place, min(width, _MAX_WIDTH))
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, last, len(columns) - 1)


def _write_row(sheet, number, columns, row, formats, widths):
    for place, column in enumerate(columns):
        value = column.value(row)
        if value is None:
            continue
        if column.type is CellType.AMOUNT:
            to_paise(value)
            sheet.write_number(number, place, value, formats[CellType.AMOUNT])
        elif column.type is CellType.NUMBER:
            sheet.write_number(number, place, value)
        elif column.type is CellType.DATE:
            sheet.write_datetime(number, place, value, formats[CellType.DATE])
        elif column.type is CellType.DATETIME:
            local = timezone.localtime(value).replace(tzinfo=None)
            sheet.write_datetime(number, place, local, formats[CellType.DATETIME])
        else:
            text = str(value)
            sheet.write_string(number, place, text)
            widths[place] = max(widths[place], len(text) + 1)
