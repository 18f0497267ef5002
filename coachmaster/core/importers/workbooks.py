import datetime

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from .limits import MOST_CHARACTERS, MOST_OF_NAME, MOST_SHEETS, Unreadable
from .packages import BROKEN, Package
from .special_cells import OdsSheets, XlsxSheets


class Workbook:
    """An XLSX or ODS file. Raise `Unreadable` if it is something else, damaged or too large."""

    def __init__(self, path, limits):
        package = Package(path, limits)
        if package.has("[Content_Types].xml"):
            self._sheets: XlsxSheets | OdsSheets = XlsxSheets(package, limits)
        elif package.has("mimetype") and package.has("content.xml"):
            self._sheets = OdsSheets(package, limits)
        else:
            raise Unreadable(
                "This is a packed file, not a workbook. Choose an XLSX, ODS or CSV file."
            )
        try:
            with open(path, "rb") as file:
                self._book = CalamineWorkbook.from_filelike(file)
        except (CalamineError, OSError) as error:
            raise Unreadable(BROKEN) from error

    def sheets(self):
        names = [
            sheet.name
            for sheet in self._book.sheets_metadata
            if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
        ]
        if len(names) != len(set(names)):
            raise Unreadable(BROKEN)
        if len(names) > MOST_SHEETS or any(len(name) > MOST_OF_NAME for name in names):
            raise Unreadable(
                f"More than {MOST_SHEETS} sheets, or a sheet whose name has more than "
                f"{MOST_OF_NAME} characters. Save the sheet as CSV."
            )
        return names

    def rows(self, name):
        """Yield ``(line, texts)`` of each row that is not empty."""
        special_cells = self._sheets.special_cells(name)
        try:
            sheet = self._book.get_sheet_by_name(name)
        except CalamineError as error:
            raise Unreadable(BROKEN) from error
        margin = [""] * (sheet.start[1] if sheet.start else 0)
        line = 0
        for line, values in enumerate(sheet.iter_rows(), start=1):
            texts = margin + [cell_text(value) for value in values]
            _put(special_cells.get(line, {}), texts)
            while texts and not texts[-1]:
                texts.pop()
            if texts:
                yield line, texts
        for later in sorted(special_cells):
            if later > line:
                yield later, _put(special_cells[later], [])


def _put(special_cells, texts):
    for place, text in special_cells.items():
        texts.extend([""] * (place + 1 - len(texts)))
        texts[place] = text
    return texts


def cell_text(value):
    """Return a cell as a CSV file would hold it, `9876543210` or `2026-11-24 17:30`."""
    if isinstance(value, str):
        return value.replace("\0", "")[: MOST_CHARACTERS + 1]
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, datetime.datetime):
        value += datetime.timedelta(microseconds=500_000)
        day, time = value.date().isoformat(), value.time().isoformat("seconds")
        return day if time == "00:00:00" else f"{day} {time.removesuffix(':00')}"
    if isinstance(value, datetime.timedelta):
        minutes = round(value.total_seconds() / 60)
        return f"{minutes // 60:02}:{minutes % 60:02}"
    if isinstance(value, datetime.time):
        return value.isoformat("minutes")
    return value.isoformat()


def number_text(number):
    """Return a number with at most 15 digits, as spreadsheets do.

    `1.23456789012346E+17` shows that the spreadsheet has rounded it.
    """
    try:
        is_whole = number == int(number)
    except (OverflowError, ValueError) as error:
        raise Unreadable(BROKEN) from error
    if is_whole and abs(number) < 1e15:
        return str(int(number))
    short = f"{number:.15G}"
    if "E" in short and abs(number) < 1:
        return f"{number:.20f}".rstrip("0")
    return short
