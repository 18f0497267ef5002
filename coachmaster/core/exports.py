"""Lists as files: CSV for other programs, XLSX for people.

Both read their rows one by one and keep none, so a list of a hundred thousand rows needs no more memory than a short one
(give them `queryset.iterator()`). Text from people never becomes a formula.
"""

import csv
import io
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import xlsxwriter
from django.http import FileResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from .money import plain, to_paise

logger = logging.getLogger(__name__)


class Kind(Enum):
    """What a column holds, and so how each file writes it. None is an empty cell in all of them."""

    TEXT = "text"
    #: Decimal rupees: `125000.00` in CSV, a number with Indian commas in XLSX.
    AMOUNT = "amount"
    #: A count or a percentage.
    NUMBER = "number"
    #: A date: `2026-11-24` in CSV, a date in XLSX.
    DAY = "day"
    #: A moment, told in local time: `2026-11-24 17:30:05` in CSV, a date with time in XLSX.
    MOMENT = "moment"


@dataclass(frozen=True)
class Column:
    """One column: its heading, what it holds, and how a row answers for it."""

    heading: str
    kind: Kind
    value: Callable[[Any], Any]


#: What a spreadsheet may take for the beginning of a formula, full-width twins included, or skip to reach one.
_FORMULA_STARTS = tuple("=+-@\t\r\n\0＝＋－＠")

_ROWS_A_CHUNK = 500
_FORMATS = {
    # Lakhs and crores: a number format knows three cases, so a negative amount beyond a lakh has commas in threes.
    Kind.AMOUNT: r"[>=10000000]##\,##\,##\,##0.00;[>=100000]##\,##\,##0.00;#,##0.00",
    Kind.DAY: "dd/mm/yyyy",
    Kind.MOMENT: "dd/mm/yyyy hh:mm",
}
_WIDTHS = {Kind.AMOUNT: 16, Kind.NUMBER: 8, Kind.DAY: 12, Kind.MOMENT: 18}
_WIDEST = 50


def list_file(request, name: str, columns: list[Column], rows: Iterable):
    """The list at hand as the file that is asked for, called by ``name`` and the day; None when the page is asked for.

    ``rows`` are not looked at before.
    """
    form = asked_form(request)
    return (
        table_answer(f"{name}-{timezone.localdate()}", columns, rows, form=form) if form else None
    )


def asked_form(request):
    """The form of file that `?as=csv` or `?as=xlsx` asks for; None for the page. Who takes what out is logged."""
    form = request.GET.get("as")
    if form not in ("csv", "xlsx"):
        return None
    logger.info("user %s takes out %s", request.user.pk, request.get_full_path())
    return form


def table_answer(name: str, columns: list[Column], rows: Iterable, *, form: str = "csv"):
    """The response that downloads ``rows`` as ``name``.csv or ``name``.xlsx (``form``); the name is the server's own.

    Raises ValueError for another form. A row that cannot be read ends the download of a CSV half-way, since it is on
    its way already; of an XLSX it raises before anything was sent.
    """
    if form == "csv":
        answer = StreamingHttpResponse(_csv(columns, rows), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = content_disposition_header(True, f"{name}.csv")
        return answer
    if form == "xlsx":
        return FileResponse(
            _xlsx(columns, rows),
            as_attachment=True,
            filename=f"{name}.xlsx",
            content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        )
    raise ValueError(f"{form} is no form of a table")


def harmless(text) -> str:
    """Text as a cell of a CSV that no spreadsheet runs: what could start a formula gets a `'` in front."""
    text = str(text)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _csv(columns, rows) -> Iterator[bytes]:
    """The file in chunks: UTF-8 with a byte order mark, without which Excel would guess another encoding."""
    page = io.StringIO(newline="")
    writer = csv.writer(page)
    writer.writerow([harmless(column.heading) for column in columns])
    yield b"\xef\xbb\xbf"
    for count, row in enumerate(rows, start=1):
        writer.writerow([_csv_cell(column.kind, column.value(row)) for column in columns])
        if count % _ROWS_A_CHUNK == 0:
            yield page.getvalue().encode()
            page.seek(0)
            page.truncate()
    yield page.getvalue().encode()


def _csv_cell(kind, value):
    if value is None:
        return ""
    if kind is Kind.AMOUNT:
        to_paise(value)  # refuses parts of a paisa rather than round them away
        return plain(value)
    if kind is Kind.NUMBER:
        return value
    if kind is Kind.DAY:
        return value.isoformat()
    if kind is Kind.MOMENT:
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
    return harmless(value)


def _xlsx(columns, rows):
    """A temporary file with the workbook, which is gone when it is closed."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        _write_workbook(file, columns, rows)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _write_workbook(file, columns, rows):
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet()
        formats = {
            kind: book.add_format({"num_format": pattern}) for kind, pattern in _FORMATS.items()
        }
        heading = book.add_format({"bold": True, "bottom": 1})
        widths = [
            max(len(column.heading) + 4, _WIDTHS.get(column.kind, 0)) for column in columns
        ]  # 4: filter's arrow
        for at, column in enumerate(columns):
            sheet.write_string(0, at, column.heading, heading)
        last = 0
        for last, row in enumerate(rows, start=1):
            for at, column in enumerate(columns):
                value = column.value(row)
                if value is None:
                    continue
                if column.kind is Kind.AMOUNT:
                    to_paise(value)
                    sheet.write_number(last, at, value, formats[Kind.AMOUNT])
                elif column.kind is Kind.NUMBER:
                    sheet.write_number(last, at, value)
                elif column.kind is Kind.DAY:
                    sheet.write_datetime(last, at, value, formats[Kind.DAY])
                elif column.kind is Kind.MOMENT:
                    local = timezone.localtime(value).replace(tzinfo=None)
                    sheet.write_datetime(last, at, local, formats[Kind.MOMENT])
                else:
                    text = str(value)
                    sheet.write_string(last, at, text)
                    widths[at] = max(widths[at], len(text) + 1)
        for at, width in enumerate(widths):
            sheet.set_column(at, at, min(width, _WIDEST))
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, last, len(columns) - 1)
