"""A file as numbered rows of cells. Nothing is guessed: what cannot be read exactly is refused with a sentence."""

import codecs
import csv
import io
import itertools
import stat
import tempfile
from pathlib import Path

from . import limits
from .limits import MOST_CHARACTERS, SeveralSheets, Unreadable
from .workbooks import workbook

_NOT_TEXT = {
    b"\xd0\xcf\x11\xe0": "This is an old Excel workbook, or one that is protected by a password. "
    "Save it as XLSX, without a password.",
    b"%PDF": "This is a PDF, not a table. Choose an XLSX, ODS or CSV file.",
    b"\x1f\x8b": "This is a compressed file. Unpack it first.",
}
#: Among so many lines of a sheet the header is looked for.
MOST_TITLES = 10
_WORKBOOK = b"PK\x03\x04"
_HOW_TO_SAVE = "In the spreadsheet choose “Save as”, “CSV UTF-8”, or choose the workbook itself."
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def check_encoding(name):
    """``name`` when Python can read text in it, else ValueError."""
    try:
        info = codecs.lookup(name)
        info.incrementaldecoder().decode(b"a", False)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"There is no encoding “{name}”. Usual ones are utf-8, cp1252 and utf-16."
        ) from error
    if not getattr(info, "_is_text_encoding", True):
        raise ValueError(f"“{name}” is not an encoding of text.")
    return name


def open_table(path, encoding=None, sheet=None):
    """The table in a CSV file or in a sheet of an XLSX or ODS workbook; what it is, its first bytes say.

    ``encoding`` is for CSV alone, ``sheet`` names a workbook's sheet where several are filled. Raises `Unreadable`.
    """
    path = Path(path)
    if _first_bytes(path) == _WORKBOOK:
        return SheetTable(path, sheet)
    if sheet is not None:
        raise Unreadable("A CSV file has no sheets. Choose a workbook, or name no sheet.")
    return CsvTable(path, encoding)


def _first_bytes(path):
    """How the file begins. Raises `Unreadable` for what is no file, too large, or of a kind that is never read."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise Unreadable("This is a folder. Name the file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("This is not a file that can be read twice. Save it as a file first.")
        if status.st_size > limits.MOST_BYTES:
            raise Unreadable(
                f"More than {limits.MOST_BYTES // 1024 // 1024} MB. Split the file into smaller ones."
            )
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
    for magic, sentence in _NOT_TEXT.items():
        if start.startswith(magic):
            raise Unreadable(sentence)
    return start


class Table:
    """``header`` (texts), then by iteration ``(line, cells)``, as often as wanted.

    Lines are numbered as a spreadsheet shows them: the first one is 1, blank ones count. Raises `Unreadable`.
    """

    def _find_header(self):
        """Take the first line that is not blank as the header."""
        for line, cells in self._records():
            if any(cell.strip() for cell in cells):
                self.header_line, self.header = line, [cell.strip() for cell in cells]
                return
        raise Unreadable("The file is empty.")

    def _records(self):
        """Every record with its number, blank ones too."""
        raise NotImplementedError

    def __iter__(self):
        for line, cells in self._records():
            if line > self.header_line and any(cell.strip() for cell in cells):
                yield line, cells

    def count(self):
        """How many rows stand below the header, as far as the file can be read. Raises `Unreadable` when too many."""
        rows = 0
        try:
            for line, cells in self._records():
                rows += line > self.header_line and bool(cells)
                if rows > limits.MOST_ROWS:
                    break
        except Unreadable:
            return rows  # said again, with its line, when the rows are read
        if rows > limits.MOST_ROWS:
            raise Unreadable(
                f"More than {limits.MOST_ROWS:,} rows. Split the file into smaller ones."
            )
        return rows


class SheetTable(Table):
    """One sheet of a workbook. It is unpacked once, into a file of its own that nobody else sees."""

    header: list[str] = []

    def __init__(self, path, sheet=None):
        book = workbook(path)
        self.sheet = self._picked(book, sheet)
        self._file = tempfile.TemporaryFile(  # noqa: SIM115
            "w+", encoding="utf-8", errors="surrogatepass", newline=""
        )
        writer = csv.writer(self._file)
        for count, (line, cells) in enumerate(book.rows(self.sheet)):
            if count > limits.MOST_ROWS:
                raise Unreadable(
                    f"More than {limits.MOST_ROWS:,} rows. Split the sheet into smaller ones."
                )
            writer.writerow([line, *cells])
        self._find_header()

    def _picked(self, book, sheet):
        sheets = book.sheets()
        if sheet is not None:
            if sheet not in sheets:
                raise Unreadable(f"There is no sheet “{sheet}”. Sheets: {', '.join(sheets)}.")
            return sheet
        filled = (
            [name for name in sheets if next(iter(book.rows(name)), None)]
            if len(sheets) > 1
            else sheets
        )
        if not filled:
            raise Unreadable("The file is empty.")
        if len(filled) > 1:
            raise SeveralSheets(
                f"Several sheets are filled: {', '.join(filled)}. Say which one is meant.", filled
            )
        return filled[0]

    def _find_header(self):
        """The first line that is not blank; lines of one cell above one of several are titles, and left out."""
        filled = [
            (line, cells)
            for line, cells in itertools.islice(self._records(), MOST_TITLES)
            if any(cell.strip() for cell in cells)
        ]
        if not filled:
            raise Unreadable("The file is empty.")
        headers = (one for one in filled if sum(bool(cell.strip()) for cell in one[1]) > 1)
        self.header_line, cells = next(headers, filled[0])
        self.header = [cell.strip() for cell in cells]

    def _records(self):
        self._file.seek(0)
        width = len(self.header)
        for line, *cells in csv.reader(self._file):
            # A sheet leaves out the empty cells at the end of a line.
            yield int(line), [*cells, *itertools.repeat("", width - len(cells))]


class CsvTable(Table):
    """A CSV file. Commas, semicolons or tabs part the cells, as in the header; a cell with line breaks is one line."""

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
        """What parts the cells of the first line that is not blank."""
        try:
            with self.path.open(encoding=self.encoding, newline="") as file:
                first = next(
                    (
                        line
                        for line in iter(lambda: file.readline(MOST_CHARACTERS), "")
                        if line.strip()
                    ),
                    "",
                )
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
                    if len(cells) > limits.MOST_COLUMNS:
                        raise Unreadable(
                            f"More than {limits.MOST_COLUMNS} columns. Remove those not needed.",
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
            f"This is not text in UTF-8. {_HOW_TO_SAVE} Or, when it comes from an older Excel, say so.",
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
    """What Python's reader found, said for people."""
    if "unexpected end" in str(error):
        return 'A quote (") is opened on this line and never closed. Close it, or write it twice ("") when it is meant.'
    if "field larger" in str(error):
        return (
            f"A cell that begins on this line has more than {MOST_CHARACTERS:,} characters. "
            'Shorten it, or close its quote (").'
        )
    return (
        'A quote (") in this line is closed before its cell ends. '
        "Put the whole cell in quotes, and write a quote inside it twice."
    )
