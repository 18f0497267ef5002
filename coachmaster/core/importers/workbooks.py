"""Sheets of XLSX and ODS workbooks as numbered rows of texts, read as they stream by.

A workbook is XML in a ZIP, and both can be made to swell: a few kilobytes that unpack to gigabytes, two cells that span
seventeen milliards. Here only what is unpacked is counted, what stands in a cell is kept, and entities are refused.

A cell becomes the text that a CSV would hold: a whole number its digits (`9876543210`, never `9876543210.0`), a date
`2026-11-24`, a formula the result that was saved with it.
"""

import datetime
import posixpath
import re
import zipfile
import zlib
from xml.parsers import expat

from .limits import MOST_CELLS, MOST_CHARACTERS, MOST_COLUMNS, Unreadable

MOST_UNPACKED = 400 * 1024 * 1024
MOST_SHARED_CHARACTERS = 80_000_000
_MOST_PARTS = 5_000
_AT_ONCE = 1 << 16
#: What a formula without a saved result reads as; `Column` says what to do.
UNCALCULATED = "#UNCALCULATED!"

_BROKEN = "This workbook is damaged. Open it in the spreadsheet, save it anew, and choose it again."
_LOCKED = "This workbook is protected by a password. Save it without one."


def workbook(path):
    """The workbook at ``path``, or Unreadable. It has ``sheets()`` and ``rows(sheet)``."""
    package = _Package(path)
    if package.has("[Content_Types].xml"):
        return _Xlsx(package)
    if package.has("mimetype") and package.has("content.xml"):
        return _Ods(package)
    raise Unreadable("This is a packed file, not a workbook. Choose an XLSX, ODS or CSV file.")


class _Package:
    """The parts of a workbook, unpacked piece by piece and never beyond what is allowed."""

    def __init__(self, path):
        try:
            self._zip = zipfile.ZipFile(path)
        except (
            zipfile.BadZipFile,
            zipfile.LargeZipFile,
            OSError,
            ValueError,
            NotImplementedError,
        ) as error:
            raise Unreadable(_BROKEN) from error
        names = self._zip.namelist()
        self._names = set(names)
        if len(names) > _MOST_PARTS or len(names) != len(self._names):
            raise Unreadable(_BROKEN)
        self._unpacked = 0

    def has(self, name):
        return name in self._names

    def chunks(self, name):
        """The content of a part in pieces."""
        try:
            with self._zip.open(name) as part:
                while chunk := part.read(_AT_ONCE):
                    self._unpacked += len(chunk)
                    if self._unpacked > MOST_UNPACKED:
                        raise Unreadable(
                            f"This workbook unpacks to more than {MOST_UNPACKED // 1024 // 1024} MB. "
                            "Save the sheet as CSV, or split it."
                        )
                    yield chunk
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            KeyError,
            NotImplementedError,
        ) as error:
            raise Unreadable(_BROKEN) from error
        except RuntimeError as error:  # an encrypted part
            raise Unreadable(_LOCKED) from error

    def parsed(self, name, handler):
        """What ``handler`` makes of the part ``name``: its `taken()` after each piece."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = handler.start
        parser.EndElementHandler = handler.end
        parser.CharacterDataHandler = handler.text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        try:
            for chunk in self.chunks(name):
                parser.Parse(chunk)
                yield from handler.taken()
            parser.Parse(b"", True)
            yield from handler.taken()
        except (expat.ExpatError, ValueError, LookupError, OverflowError) as error:
            raise Unreadable(_BROKEN) from error


def _refuse_doctype(*_):
    raise Unreadable(_BROKEN)


class _Handler:
    """Hears a part's elements (without prefixes), and hands on what they make."""

    def __init__(self):
        self.found = []

    def start(self, tag, attributes):
        pass

    def end(self, tag):
        pass

    def text(self, data):
        pass

    def taken(self):
        found, self.found = self.found, []
        return found


def _bare(name):
    return name.rpartition(":")[2]


class _Elements(_Handler):
    """The named elements of a small part, with their attributes."""

    def __init__(self, *tags):
        super().__init__()
        self._tags = tags

    def start(self, tag, attributes):
        if (tag := _bare(tag)) in self._tags:
            self.found.append((tag, {_bare(name): value for name, value in attributes.items()}))


class _Cells(_Handler):
    """What readers of sheets have in common: the texts of a row, each at its place."""

    def __init__(self):
        super().__init__()
        self.cells, self._count = [], 0

    def put(self, place, text):
        """Put a cell at its place; empty ones need none."""
        if not text:
            return
        if place >= MOST_COLUMNS:
            raise Unreadable(f"More than {MOST_COLUMNS} columns. Remove those that are not needed.")
        self._count += 1
        if self._count > MOST_CELLS:
            raise Unreadable(f"More than {MOST_CELLS:,} cells. Split the sheet into smaller ones.")
        self.cells.extend([""] * (place + 1 - len(self.cells)))
        self.cells[place] = text[: MOST_CHARACTERS + 1]


# Excel ----------------------------------------------------------------------------------------------------------


class _Xlsx:
    """A workbook as Excel saves it (Office Open XML)."""

    def __init__(self, package):
        self._package = package
        roots = self._relations("", "_rels/.rels", "officeDocument")
        self._book = next(iter(roots.values()), "xl/workbook.xml")
        if not package.has(self._book):
            raise Unreadable("This is a document, not a workbook. Choose an XLSX, ODS or CSV file.")
        folder, name = posixpath.split(self._book)
        relations = self._relations(folder, f"{folder}/_rels/{name}.rels")
        self._counts_from_1904, self._parts = False, {}
        for tag, attributes in self._elements(self._book, "workbookPr", "sheet"):
            if tag == "workbookPr":
                self._counts_from_1904 = attributes.get("date1904") in ("1", "true")
            elif (
                attributes.get("state", "visible") == "visible"
                and attributes.get("id") in relations
            ):
                self._parts[attributes.get("name", "")] = relations[attributes["id"]]
        self._shared, self._formats = None, None

    def _elements(self, part, *tags):
        return self._package.parsed(part, _Elements(*tags)) if self._package.has(part) else ()

    def _relations(self, folder, part, kind=""):
        """``{id: part}`` of what a part refers to."""
        return {
            attributes.get("Id"): posixpath.normpath(
                posixpath.join("/", folder, attributes.get("Target", ""))
            )[1:]
            for _, attributes in self._elements(part, "Relationship")
            if attributes.get("Type", "").endswith(kind)
        }

    def sheets(self):
        """The names of the sheets that are not hidden."""
        return [
            name
            for name, part in self._parts.items()
            if "worksheet" in part or self._package.has(part)
        ]

    def rows(self, sheet):
        """``(line, cells)`` of each row of a sheet in which something stands."""
        if self._shared is None:
            folder = posixpath.dirname(self._book)
            strings = f"{folder}/sharedStrings.xml"
            self._shared = (
                list(self._package.parsed(strings, _Strings()))
                if self._package.has(strings)
                else []
            )
            self._formats = self._number_formats(f"{folder}/styles.xml")
        return self._package.parsed(
            self._parts[sheet],
            _SheetRows(self._shared, self._formats, counts_from_1904=self._counts_from_1904),
        )

    def _number_formats(self, part):
        """How the cells of each style show a number: `date`, a pattern of zeros, or None."""
        own, styles, inside = {}, [], False
        for tag, attributes in self._elements(
            part, "numFmt", "cellXfs", "cellStyleXfs", "dxfs", "cellStyles", "xf"
        ):
            if tag == "numFmt":
                own[attributes.get("numFmtId")] = attributes.get("formatCode", "")
            elif tag == "xf" and inside:
                styles.append(_kind_of_number(attributes.get("numFmtId", "0"), own))
            elif tag != "xf":
                inside = tag == "cellXfs"
        return styles


_DATE_FORMATS = {
    str(number) for number in (*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59))
}
_NOT_SHOWN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)


def _kind_of_number(number, own):
    pattern = own.get(number, "")
    if re.fullmatch("0{2,20}", pattern):
        return pattern
    is_date = (
        re.search("[ymdhs]", _NOT_SHOWN.sub("", pattern), re.IGNORECASE)
        if pattern
        else number in _DATE_FORMATS
    )
    return "date" if is_date and pattern.lower() != "general" else None


class _Strings(_Handler):
    """The texts that cells share."""

    def __init__(self):
        super().__init__()
        self._parts, self._listens, self._is_sound, self._characters = [], False, False, 0

    def start(self, tag, attributes):
        tag = _bare(tag)
        if tag == "si":
            self._parts = []
        elif tag == "rPh":
            self._is_sound = True
        elif tag == "t":
            self._listens = not self._is_sound

    def end(self, tag):
        tag = _bare(tag)
        if tag == "si":
            self.found.append(_unescaped("".join(self._parts))[: MOST_CHARACTERS + 1])
        elif tag == "rPh":
            self._is_sound = False
        elif tag == "t":
            self._listens = False

    def text(self, data):
        if self._listens:
            self._parts.append(data)
            self._characters += len(data)
            if self._characters > MOST_SHARED_CHARACTERS:
                raise Unreadable(
                    "This workbook holds too much text. Save the sheet as CSV, or split it."
                )


def _unescaped(text):
    """Excel writes what XML cannot hold as `_x000D_`."""
    if "_x" not in text:
        return text
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text).replace(
        "\0", ""
    )


class _SheetRows(_Cells):
    """The rows of an Excel sheet."""

    def __init__(self, shared, formats, *, counts_from_1904):
        super().__init__()
        self._shared, self._formats = shared, formats
        self._first_day = (
            datetime.datetime(1904, 1, 1) if counts_from_1904 else datetime.datetime(1899, 12, 30)
        )
        self._line = self._place = 0
        self._listens = self._is_formula = self._is_sound = False
        self._parts, self._length, self._kind, self._style = [], 0, "n", "0"

    def start(self, tag, attributes):
        tag = _bare(tag)
        if tag == "c":
            place = attributes.get("r")
            self._place = _column_number(place) if place else self._place + 1
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "0")
            self._parts, self._length, self._is_formula = [], 0, False
        elif tag == "v" or (tag == "t" and not self._is_sound):
            self._listens = True
        elif tag == "f":
            self._is_formula = True
        elif tag == "rPh":
            self._is_sound = True
        elif tag == "row":
            line = int(attributes.get("r", self._line + 1))
            if line <= self._line:
                raise Unreadable(_BROKEN)
            self._line, self._place, self.cells = line, -1, []

    def text(self, data):
        if self._listens:
            if self._length <= MOST_CHARACTERS:
                self._parts.append(data)
            self._length += len(data)

    def end(self, tag):
        tag = _bare(tag)
        if tag in ("v", "t"):
            self._listens = False
        elif tag == "c":
            self.put(self._place, self._value())
        elif tag == "rPh":
            self._is_sound = False
        elif tag == "row" and self.cells:
            self.found.append((self._line, self.cells))

    def _value(self):
        text = "".join(self._parts)
        if not text:
            return UNCALCULATED if self._is_formula and self._kind != "str" else ""
        if self._kind == "s":
            return self._shared[int(text)]
        if self._kind == "n":
            style = int(self._style)
            shown_as = self._formats[style] if style < len(self._formats) else None
            if shown_as == "date":
                return _moment_text(self._first_day, float(text))
            number = number_text(text)
            return number.zfill(len(shown_as)) if shown_as and number.isdigit() else number
        if self._kind == "b":
            return "TRUE" if text == "1" else "FALSE"
        if self._kind == "d":
            return _iso_text(text)
        return _unescaped(text)


def _column_number(place):
    """The number of a cell's column, from 0: `AB12` → 27."""
    number = 0
    for letter in place:
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - 64
    if not 0 < number <= 16_384:
        raise Unreadable(_BROKEN)
    return number - 1


def number_text(text):
    """A number as people write it: whole ones without a point, others with at most 15 digits, as spreadsheets count.

    One of more digits was rounded by the spreadsheet and stays in the form that says so, `1.23456789012346E+17`.
    """
    if text.isdigit() and len(text) <= 15:
        return text
    number = float(text)
    if number == int(number) and abs(number) < 1e15:
        return str(int(number))
    short = f"{number:.15G}"
    if "E" in short and abs(number) < 1:
        return f"{number:.20f}".rstrip("0")
    return short


def _moment_text(first_day, number):
    """A date, a time, or both, from Excel's count of days."""
    if number < 0:
        return number_text(repr(number))
    if first_day.year == 1899 and 1 <= number < 60:
        number += 1  # Excel believes in 29 February 1900
    moment = first_day + datetime.timedelta(seconds=round(number * 86_400))
    if number < 1:
        return f"{moment:%H:%M}"
    return _iso_text(moment.isoformat())


def _iso_text(text):
    """`2026-11-24T00:00:00` → `2026-11-24`, with the time only when it is one."""
    day, _, time = text.partition("T")
    time = re.sub(r"(:00)?(\.0*)?Z?$", "", time)
    return day if time in ("", "00:00") else f"{day} {time}"


# OpenDocument ---------------------------------------------------------------------------------------------------


class _Ods:
    """A workbook as LibreOffice saves it (OpenDocument)."""

    def __init__(self, package):
        self._package = package
        kind = b"".join(package.chunks("mimetype"))[:200].decode("ascii", "replace").strip()
        if not kind.startswith("application/vnd.oasis.opendocument.spreadsheet"):
            raise Unreadable("This is a document, not a workbook. Choose an XLSX, ODS or CSV file.")
        if package.has("META-INF/manifest.xml"):
            for _ in package.parsed("META-INF/manifest.xml", _Elements("encryption-data")):
                raise Unreadable(_LOCKED)

    def sheets(self):
        """The names of the sheets."""
        handler = _TableNames()
        return list(self._package.parsed("content.xml", handler))

    def rows(self, sheet):
        """``(line, cells)`` of each row of a sheet in which something stands."""
        return self._package.parsed("content.xml", _TableRows(sheet))


class _TableNames(_Handler):
    """The names of the tables that are sheets."""

    def __init__(self):
        super().__init__()
        self._depth = 0

    def start(self, tag, attributes):
        if tag == "table:table":
            self._depth += 1
            if self._depth == 1:
                self.found.append(attributes.get("table:name", ""))

    def end(self, tag):
        if tag == "table:table":
            self._depth -= 1


class _TableRows(_Cells):
    """The rows of one table; what stands in notes and in tables within cells is left out."""

    _aside = ("office:annotation", "table:tracked-changes", "draw:frame", "draw:g")

    def __init__(self, sheet):
        super().__init__()
        self._sheet = sheet
        self._depth = self._left_out = self._line = self._place = self._times = 0
        self._is_ours = self._listens = False
        self._paragraphs, self._length, self._attributes = [], 0, {}

    def start(self, tag, attributes):
        if self._left_out or tag in self._aside:
            self._left_out += 1
        elif tag == "table:table":
            self._depth += 1
            if self._depth == 1:
                self._is_ours = attributes.get("table:name", "") == self._sheet
        elif not self._is_ours:
            return
        elif tag == "table:table-row":
            self.cells, self._place = [], 0
            self._times = max(1, int(attributes.get("table:number-rows-repeated", 1)))
        elif tag in ("table:table-cell", "table:covered-table-cell"):
            self._attributes, self._paragraphs, self._length = attributes, [], 0
        elif tag == "text:p":
            self._paragraphs.append([])
            self._listens = True
        elif self._listens and tag == "text:s":
            self.text(" " * min(int(attributes.get("text:c", 1)), 100))
        elif self._listens and tag in ("text:tab", "text:line-break"):
            self.text("\n" if tag == "text:line-break" else " ")

    def text(self, data):
        if self._listens and not self._left_out:
            if self._length <= MOST_CHARACTERS:
                self._paragraphs[-1].append(data)
            self._length += len(data)

    def end(self, tag):
        if self._left_out:
            self._left_out -= 1
        elif tag == "table:table":
            self._depth -= 1
            self._is_ours = self._is_ours and self._depth > 0
        elif not self._is_ours:
            return
        elif tag == "text:p":
            self._listens = False
        elif tag in ("table:table-cell", "table:covered-table-cell"):
            times = max(1, int(self._attributes.get("table:number-columns-repeated", 1)))
            if text := self._value():
                for place in range(self._place, min(self._place + times, MOST_COLUMNS + 1)):
                    self.put(place, text)
            self._place += times
        elif tag == "table:table-row":
            if self.cells:
                for line in range(self._line + 1, self._line + 1 + self._times):
                    self.found.append((line, self.cells))
                    if len(self.found) > MOST_CELLS:
                        raise Unreadable(_BROKEN)
            self._line += self._times

    def _value(self):
        shown = "\n".join("".join(parts) for parts in self._paragraphs)
        kind = self._attributes.get("office:value-type")
        if shown.startswith(("#", "Err:")) or (
            kind is None and self._attributes.get("table:formula") is None
        ):
            return shown
        if kind is None:
            return shown or UNCALCULATED
        if kind in ("float", "currency", "percentage"):
            number = number_text(self._attributes.get("office:value", ""))
            # An own pattern like 000042 shows zeros that count.
            return shown if shown.isdigit() and shown.lstrip("0") == number else number
        if kind == "date":
            return _iso_text(self._attributes.get("office:date-value", ""))
        if kind == "boolean":
            return self._attributes.get("office:boolean-value", "").upper()
        return shown
