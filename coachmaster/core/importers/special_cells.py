"""Cells that calamine does not return as shown.

Errors and formulas without a saved result are empty there, and a number shown as 0042 is 42.
calamine also allocates memory up to the last cell, and for the text of each cell, so both are
checked before.
"""

import collections
import itertools
import posixpath
import re

from coachmaster.core.money import grouped

from .limits import MOST_CELLS, MOST_COLUMNS, MOST_TITLES, Unreadable
from .packages import AMBIGUOUS, BROKEN, LOCKED, unique, without_prefix
from .shared_texts import text_lengths

#: The text of a formula without a saved result.
UNCALCULATED = "#UNCALCULATED!"
_VALUE_TAGS = {"v", "is"}
_MOST_REPEATED = 100_000
#: Of the number of a text: a line break around it, or the end of a chunk of the file, divides it.
_MOST_PIECES = 8


def check_characters(number, limits):
    """Raise `Unreadable` if the cells hold too many; a text is counted for each of its cells."""
    if number > limits.characters:
        raise Unreadable(
            f"The cells of this workbook hold more than {grouped(limits.characters)} characters. "
            "Shorten or remove the longest texts, or split the sheet."
        )


class SpecialCells:
    """``texts`` are ``{line: {place: text}}``."""

    def __init__(self, limits):
        self.texts = collections.defaultdict(dict)
        self._limits = limits
        self._lines = self._columns = self._rows = self._counted_line = 0

    def count(self, line, *, times=1):
        """Count a filled row, which ends ``times`` rows of the same content."""
        if line == self._counted_line:
            return
        self._counted_line = line
        self._rows += times
        # Rows above the table are titles and its header.
        if self._rows > self._limits.rows + MOST_TITLES:
            raise Unreadable(
                f"More than {grouped(self._limits.rows)} rows. Split the file, or ask the person "
                "who runs the server to import it with a command of manage.py."
            )

    def add(self, line, place, text="", *, times=1):
        """Check the place of a filled cell, and add its ``text`` if it is special."""
        if place + times > MOST_COLUMNS:
            raise Unreadable(f"More than {MOST_COLUMNS} columns. Remove those that are not needed.")
        self._lines, self._columns = max(self._lines, line), max(self._columns, place + times)
        if self._lines * self._columns > MOST_CELLS:
            raise Unreadable(
                f"More than {grouped(MOST_CELLS)} cells. Split the sheet into smaller ones, "
                "and delete what lies far from the table."
            )
        if text:
            self.texts[line].update(dict.fromkeys(range(place, place + times), text))


# Excel ----------------------------------------------------------------------------------------


class XlsxSheets:
    def __init__(self, package, limits):
        self._package, self._limits = package, limits
        roots = self._relations("", "_rels/.rels", "officeDocument")
        book = next(iter(roots.values()), "xl/workbook.xml")
        if not package.has(book):
            raise Unreadable("This is a document, not a workbook. Choose an XLSX, ODS or CSV file.")
        self._folder, name = posixpath.split(book)
        # calamine takes the last one, and the workbook.xml in its folder.
        if len(roots) > 1 or name.lower() != "workbook.xml":
            raise Unreadable(AMBIGUOUS)
        parts = self._relations(self._folder, f"{self._folder}/_rels/{name}.rels")
        self._parts = unique(
            (sheet.get("name", ""), parts[sheet["id"]])
            for _, sheet in package.elements(book, "sheet")
            if sheet.get("id") in parts
        )
        # A part that is many sheets would be read as often.
        if len(set(self._parts.values())) != len(self._parts):
            raise Unreadable(BROKEN)
        self._text_lengths = text_lengths(package)
        self._characters: dict[str, int] = {}

    def _relations(self, folder, part, kind=""):
        return unique(
            (
                attributes.get("Id"),
                posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))[1:],
            )
            for _, attributes in self._package.elements(part, "Relationship")
            if attributes.get("Type", "").endswith(kind)
        )

    def special_cells(self, sheet):
        if sheet not in self._parts:
            raise Unreadable(BROKEN)
        cells = _XlsxCells(self._zero_patterns(), self._text_lengths, self._limits)
        self._package.parse(
            self._parts[sheet],
            start=cells.start,
            end=cells.end,
            text=cells.text,
            joins_text=False,
        )
        self._characters[sheet] = cells.characters
        check_characters(sum(self._characters.values()), self._limits)
        return cells.texts

    def _zero_patterns(self):
        """Return ``{style: digits}`` of number formats such as 0000."""
        digits, styles, in_cells = {}, [], False
        for tag, attributes in self._package.elements(
            f"{self._folder}/styles.xml", "numFmt", "cellXfs", "cellStyleXfs", "cellStyles", "xf"
        ):
            if tag == "numFmt" and re.fullmatch("0{2,20}", attributes.get("formatCode", "")):
                digits[attributes.get("numFmtId")] = len(attributes["formatCode"])
            elif tag == "xf" and in_cells:
                styles.append(digits.get(attributes.get("numFmtId")))
            elif tag not in ("numFmt", "xf"):
                in_cells = tag == "cellXfs"
        return {str(style): length for style, length in enumerate(styles) if length}


class _XlsxCells(SpecialCells):
    def __init__(self, zero_patterns, text_lengths, limits):
        super().__init__(limits)
        self._zero_patterns, self._text_lengths = zero_patterns, text_lengths
        #: Of the texts that cells refer to by number, counted for each cell.
        self.characters = 0
        self._line = self._place = 0
        self._type, self._digits = "n", None
        self._characters: list[str] | None = None
        self._is_formula = self._is_filled = False

    def start(self, tag, attributes):
        tag = without_prefix(tag)
        if tag == "c":
            name = attributes.get("r")
            self._place = _column_number(name) if name else self._place + 1
            self._type = attributes.get("t", "n")
            self._digits = self._zero_patterns.get(attributes.get("s"))
            self._is_formula = self._is_filled = False
        elif tag in _VALUE_TAGS:
            self._is_filled = True
            if self._type in ("e", "s") or self._digits or self._is_formula:
                self._characters = []
        elif tag == "f":
            self._is_formula = True
        elif tag == "row":
            line = int(attributes.get("r", self._line + 1))
            if line <= self._line:
                raise Unreadable(BROKEN)
            self._line, self._place = line, -1

    def text(self, data):
        if self._characters is not None:
            self._characters.append(data)

    def end(self, tag):
        tag = without_prefix(tag)
        if tag == "v" and self._type == "s":
            self.characters += self._text_length()
        if tag != "c":
            return
        if self._is_filled or self._is_formula:
            self.count(self._line)
            self.add(self._line, self._place, self._special_text())
        self._characters = None

    def _text_length(self):
        """Return the longest that calamine may take: it stops at a comment or an entity."""
        pieces = self._characters or []
        if len(pieces) > _MOST_PIECES:
            raise Unreadable(BROKEN)
        numbers = [text.strip() for text in itertools.accumulate(pieces)]
        if any(not number.isdecimal() for number in numbers if number):
            raise Unreadable(BROKEN)
        try:
            return max((self._text_lengths[int(n)] for n in numbers if n), default=0)
        except IndexError as error:
            raise Unreadable(BROKEN) from error

    def _special_text(self):
        text = "".join(self._characters or [])
        if self._type == "e":
            return text
        if self._is_formula and not text and self._type != "str":
            return UNCALCULATED
        if self._digits and self._type == "n" and text.isdigit():
            return text.zfill(self._digits)
        return ""


def _column_number(name):
    """Return the number of a cell's column, from 0: `AB12` → 27."""
    number = 0
    for letter in name:
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - 64
    if not 0 < number <= 16_384:
        raise Unreadable(BROKEN)
    return number - 1


# OpenDocument ---------------------------------------------------------------------------------


class OdsSheets:
    def __init__(self, package, limits):
        kind = package.read("mimetype")[:200].decode("ascii", "replace").strip()
        if not kind.startswith("application/vnd.oasis.opendocument.spreadsheet"):
            raise Unreadable("This is a document, not a workbook. Choose an XLSX, ODS or CSV file.")
        if package.elements("META-INF/manifest.xml", "encryption-data"):
            raise Unreadable(LOCKED)
        self._tables = {}
        reader = _OdsTables(self._tables, limits)
        package.parse("content.xml", start=reader.start, end=reader.end, text=reader.text)

    def special_cells(self, sheet):
        return self._tables[sheet].texts if sheet in self._tables else {}


class _OdsTables:
    """Reads all tables; calamine reads tables and cells within others in its own way."""

    _CELLS = ("table:table-cell", "table:covered-table-cell")
    _VALUES = {
        "office:value-type",
        "office:value",
        "office:string-value",
        "office:date-value",
        "office:time-value",
        "office:boolean-value",
        "table:formula",
    }

    def __init__(self, tables, limits):
        self._tables, self._limits = tables, limits
        self._line = self._place = self._times = 0
        self._cell: dict = {}
        self._characters: list[str] = []
        self._is_in_table = self._is_in_cell = False
        self._length = self._total = 0

    def start(self, tag, attributes):
        if tag == "text:s":
            self._length += max(0, int(attributes.get("text:c", 1)))
        if tag == "table:table":
            if self._is_in_table:
                raise Unreadable(BROKEN)
            self._is_in_table = True
            name = attributes.get("table:name", "")
            self._table = self._tables[name] = SpecialCells(self._limits)
            self._line = 0
        elif not self._is_in_table:
            return
        elif tag == "table:table-row":
            self._place = 0
            self._times = max(1, int(attributes.get("table:number-rows-repeated", 1)))
        elif tag in self._CELLS:
            if self._is_in_cell:
                raise Unreadable(BROKEN)
            self._cell, self._characters, self._is_in_cell = attributes, [], True
            self._length = sum(map(len, attributes.values()))

    def text(self, data):
        self._length += len(data)
        if self._is_in_cell and len(self._characters) < 100:
            self._characters.append(data)

    def end(self, tag):
        if tag == "table:table":
            self._is_in_table = False
        elif not self._is_in_table:
            return
        elif tag in self._CELLS:
            self._end_cell()
        elif tag == "table:table-row":
            self._line += self._times

    def _end_cell(self):
        cell, self._is_in_cell = self._cell, False
        times = max(1, int(cell.get("table:number-columns-repeated", 1)))
        kind, shown = cell.get("office:value-type"), "".join(self._characters)
        if not self._VALUES.isdisjoint(cell):
            self._total += self._length * times * self._times
            check_characters(self._total, self._limits)
            text = ""
            if kind is None and "table:formula" in cell:
                text = shown or UNCALCULATED
            elif kind == "float" and shown.isdigit() and shown.startswith("0") and len(shown) > 1:
                text = shown
            last = self._line + self._times
            self._table.count(last, times=self._times)
            self._table.add(last, self._place, times=times)
            if text and times * self._times > _MOST_REPEATED:
                raise Unreadable(BROKEN)
            if text:
                for line in range(self._line + 1, last + 1):
                    self._table.add(line, self._place, text, times=times)
        self._place += times
