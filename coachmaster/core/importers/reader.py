import codecs
import csv
import io
import itertools
import stat
import tempfile
from pathlib import Path

from coachmaster.core.money import grouped

from .limits import (
    MOST_CHARACTERS,
    MOST_COLUMNS,
    MOST_OF_NAME,
    MOST_TITLES,
    SeveralSheets,
    Unreadable,
    WorkbookLimits,
)
from .workbooks import Workbook

_NOT_A_TABLE = {
    b"\xd0\xcf\x11\xe0": "This is an old Excel workbook, or one that is protected by a password. "
    "Save it as XLSX, without a password.",
    b"%PDF": "This is a PDF, not a table. Choose an XLSX, ODS or CSV file.",
    b"\x1f\x8b": "This is a compressed file. Unpack it first.",
}
ZIP_START = b"PK\x03\x04"
_HOW_TO_SAVE = "In the spreadsheet choose “Save as”, “CSV UTF-8”, or choose the workbook itself."
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def check_encoding(name):
    """Raise ValueError if Python cannot read text in this encoding."""
    try:
        info = codecs.lookup(name)
        info.incrementaldecoder().decode(b"a", False)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"There is no encoding “{name}”. Usual ones are utf-8, cp1252 and utf-16."
        ) from error
    if not getattr(info, "_is_text_encoding", True):
        raise ValueError(f"“{name}” is not an encoding of text.")


def open_table(path, encoding=None, sheet=None, *, limits=None):
    """Open a CSV file, or a sheet of an XLSX or ODS workbook. Raise `Unreadable`."""
    path = Path(path)
    if _first_bytes(path) == ZIP_START:
        return SheetTable(path, sheet, limits)
    if sheet is not None:
        raise Unreadable("A CSV file has no sheets. Choose a workbook, or name no sheet.")
    return CsvTable(path, encoding)


def _first_bytes(path):
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise Unreadable("This is a folder. Name the file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("This is not a file that can be read twice. Save it as a file first.")
        with path.open("rb") as file:
            start = file.read(4)
    except FileNotFoundError as error:
        raise Unreadable("There is no such file. Check the name and the folder.") from error
    except PermissionError as error:
        raise Unreadable("You may not read this file. Ask its owner, or copy it.") from error
    except (OSError, ValueError) as error:
        raise Unreadable(
            "This file cannot be read. Check its name, or copy it to another place."
        ) from error
    for magic, sentence in _NOT_A_TABLE.items():
        if start.startswith(magic):
            raise Unreadable(sentence)
    return start


class FileTable:
    """Has a ``header``, and yields ``(line, cells)`` of each row that is not blank.

    Lines are numbered as in a spreadsheet, from 1 and with blank ones.
    """

    def _find_header(self):
        for line, cells in self._records():
            if any(cell.strip() for cell in cells):
                self._set_header(line, cells)
                return
        raise Unreadable("The file is empty.")

    def _set_header(self, line, cells):
        self.header_line, self.header = line, [cell.strip() for cell in cells]
        if any(len(name) > MOST_OF_NAME for name in self.header):
            raise Unreadable(
                f"The name of a column has more than {MOST_OF_NAME} characters. Shorten it.",
                line=line,
            )

    def _records(self):
        raise NotImplementedError

    def __iter__(self):
        for line, cells in self._records():
            if line > self.header_line and any(cell.strip() for cell in cells):
                yield line, cells

    def count(self):
        """Count the rows below the header, as far as the file can be read."""
        rows = 0
        try:
            for line, cells in self._records():
                rows += line > self.header_line and bool(cells)
        except Unreadable:
            pass  # reported with its line when the rows are read
        return rows


class SheetTable(FileTable):
    """A sheet of a workbook, copied to a temporary file since it is read several times."""

    header: list[str] = []

    def __init__(self, path, sheet=None, limits=None):
        book = Workbook(path, limits or WorkbookLimits())
        self.sheet = self._pick(book, sheet)
        self._file = tempfile.TemporaryFile(  # noqa: SIM115
            "w+", encoding="utf-8", errors="surrogatepass", newline=""
        )
        writer = csv.writer(self._file)
        writer.writerows([line, *cells] for line, cells in book.rows(self.sheet))
        self._find_header()

    def _pick(self, book, sheet):
        sheets = book.sheets()
        if sheet is not None:
            if sheet not in sheets:
                raise Unreadable(f"There is no sheet “{sheet}”. Sheets: {', '.join(sheets)}.")
            return sheet
        if len(sheets) > 1:
            sheets = [name for name in sheets if next(book.rows(name), None)]
        if not sheets:
            raise Unreadable("The file is empty.")
        if len(sheets) > 1:
            raise SeveralSheets(
                f"Several sheets are filled: {', '.join(sheets)}. Choose a sheet.", sheets
            )
        return sheets[0]

    def _find_header(self):
        """Take the first row of several cells. Rows of one cell above it are titles."""
        filled = [
            (line, cells)
            for line, cells in itertools.islice(self._records(), MOST_TITLES)
            if any(cell.strip() for cell in cells)
        ]
        if not filled:
            raise Unreadable("The file is empty.")
        headers = (row for row in filled if sum(bool(cell.strip()) for cell in row[1]) > 1)
        self._set_header(*next(headers, filled[0]))

    def _records(self):
        self._file.seek(0)
        width = len(self.header)
        for line, *cells in csv.reader(self._file):
            # Empty cells at the end of a row are left out.
            yield int(line), [*cells, *itertools.repeat("", width - len(cells))]


class CsvTable(FileTable):
    """A CSV file with commas, semicolons or tabs."""

    def __init__(self, path, encoding=None):
        self.path = Path(path)
        self.encoding = "utf-8-sig" if encoding is None or _is_utf_8(encoding) else encoding
        start = _first_bytes(self.path)
        if start.startswith(_UTF_16) and encoding is None:
            raise Unreadable(
                f"This file is in UTF-16. {_HOW_TO_SAVE} Or say that it is.",
                option="--encoding utf-16",
            )
        self._delimiter = self._find_delimiter()
        self._find_header()
        if any("\0" in cell for cell in self.header):
            raise Unreadable(
                f"This is not text in UTF-8, it looks like UTF-16. {_HOW_TO_SAVE}",
                line=self.header_line,
            )

    def _find_delimiter(self):
        try:
            with self.path.open(encoding=self.encoding, newline="") as file:
                lines = iter(lambda: file.readline(MOST_CHARACTERS), "")
                first = next((line for line in lines if line.strip()), "")
        except OSError as error:
            raise Unreadable("This file cannot be read. Copy it to another place.") from error
        except UnicodeError as error:
            raise self._wrong_encoding() from error

        def cells(delimiter):
            return len(next(csv.reader([first], delimiter=delimiter), []))

        return max(",;\t", key=cells) if first else ","

    def _records(self):
        line = 0
        try:
            with io.TextIOWrapper(self.path.open("rb"), encoding=self.encoding, newline="") as file:
                reader = csv.reader(file, delimiter=self._delimiter, strict=True)
                while True:
                    line += 1
                    cells = next(reader, None)
                    if cells is None:
                        return
                    if len(cells) > MOST_COLUMNS:
                        raise Unreadable(
                            f"More than {MOST_COLUMNS} columns. Remove those not needed.",
                            line=line,
                        )
                    yield line, cells
        except csv.Error as error:
            raise Unreadable(_csv_sentence(error), line=line) from error
        except UnicodeError as error:
            raise self._wrong_encoding() from error
        except OSError as error:
            raise Unreadable(
                "The file could not be read to its end. Copy it to another place."
            ) from error

    def _wrong_encoding(self):
        if self.encoding != "utf-8-sig":
            return Unreadable(f"This file is not in {self.encoding}. {_HOW_TO_SAVE}")
        with self.path.open("rb") as file:
            line = next((number for number, text in enumerate(file, 1) if not _decodes(text)), None)
        return Unreadable(
            f"This is not text in UTF-8. {_HOW_TO_SAVE} "
            "Or, when it comes from an older Excel, say so.",
            line=line,
            option="--encoding cp1252",
        )


def _is_utf_8(encoding):
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def _decodes(text):
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _csv_sentence(error):
    if "unexpected end" in str(error):
        return (
            'A quote (") is opened in this row and never closed. Close it, or write it twice '
            '("") when it is meant.'
        )
    if "field larger" in str(error):
        return (
            f"A cell that begins in this row has more than {grouped(MOST_CHARACTERS)} characters. "
            'Shorten it, or close its quote (").'
        )
    return (
        'A quote (") in this row is closed before its cell ends. '
        "Put the whole cell in quotes, and write a quote inside it twice."
    )
