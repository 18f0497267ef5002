"""The parts of a workbook, which is XML in a ZIP file."""

import posixpath
import zipfile
import zlib
from xml.parsers import expat

from .limits import Unreadable

_MOST_PARTS = 5_000
#: Of the lists of parts and of formats; Excel has at most 65,490 formats.
_MOST_ELEMENTS = 100_000
_CHUNK = 1 << 16
BROKEN = "This workbook is damaged. Open it in the spreadsheet, save it again, and upload it again."
AMBIGUOUS = (
    "This file can be read as two different workbooks. Open it in the spreadsheet, save it again, "
    "and upload it again."
)
XLSB = "This is a workbook in the XLSB format. Save it as XLSX."
LOCKED = "This workbook is protected by a password. Save it without one."


class Package:
    """A ZIP file that is not too large when unpacked. Raise `Unreadable` otherwise."""

    def __init__(self, path, limits):
        try:
            self._zip = zipfile.ZipFile(path)
        except (
            zipfile.BadZipFile,
            zipfile.LargeZipFile,
            OSError,
            ValueError,
            NotImplementedError,
        ) as error:
            raise Unreadable(BROKEN) from error
        parts = self._zip.infolist()
        self.names = {part.filename for part in parts}
        if len(parts) > _MOST_PARTS or len(parts) != len(self.names):
            raise Unreadable(BROKEN)
        if any(part.flag_bits & 1 for part in parts):
            raise Unreadable(LOCKED)
        self._check_names()
        self._check_sizes(parts, limits)

    def _check_names(self):
        """Refuse names by which calamine, which ignores their case, could read other parts."""
        plain = {
            posixpath.normpath("/" + name.replace("\\", "/").lstrip("/")).lower()
            for name in self.names
        }
        is_excel = any(name.startswith(("/xl/", "/_rels/", "/[content_types]")) for name in plain)
        if len(plain) != len(self.names) or (is_excel and "/content.xml" in plain):
            raise Unreadable(AMBIGUOUS)
        # Nor does it decode the names in lists of parts; Excel needs ASCII only.
        if is_excel and not all(n.isascii() and n.isprintable() and "&" not in n for n in plain):
            raise Unreadable(AMBIGUOUS)
        if any(name.endswith("/workbook.bin") for name in plain):
            raise Unreadable(XLSB)

    def _check_sizes(self, parts, limits):
        """Unpack all parts once: what their directory says can be wrong, and XML costs time."""
        unpacked = sum(part.file_size for part in parts)
        tags = 0
        for part in parts:
            if unpacked > limits.unpacked:
                raise Unreadable(
                    f"This workbook unpacks to more than {limits.unpacked // 1024 // 1024} MB. "
                    "Save the sheet as CSV, or split it."
                )
            if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Unreadable(BROKEN)
            # Without a size, all of a part is read.
            size, part.file_size = part.file_size, limits.unpacked + 1
            for chunk in self._chunks(part):
                size -= len(chunk)
                tags += chunk.count(b"<")
                if size < 0:
                    raise Unreadable(BROKEN)
                if tags > limits.tags:
                    raise Unreadable(
                        "This workbook has too many cells. Save the sheet as CSV, or split it."
                    )
            if size:
                raise Unreadable(BROKEN)

    def has(self, name):
        return name in self.names

    def read(self, name):
        return b"".join(self._chunks(name))

    def elements(self, name, *tags):
        """Return ``(tag, attributes)`` of the elements with these tags, names without prefix."""
        found = []

        def start(tag, attributes):
            if (tag := without_prefix(tag)) in tags:
                if len(found) == _MOST_ELEMENTS:
                    raise Unreadable(BROKEN)
                found.append((tag, unique((without_prefix(k), v) for k, v in attributes.items())))

        if self.has(name):
            self.parse(name, start=start)
        return found

    def parse(self, name, *, start, end=None, text=None, joins_text=True):
        """Call the handlers of an XML parser for each element of a part."""
        parser = expat.ParserCreate()
        parser.buffer_text = joins_text
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        try:
            for chunk in self._chunks(name):
                parser.Parse(chunk)
            parser.Parse(b"", True)
        except (expat.ExpatError, ValueError, LookupError, OverflowError) as error:
            raise Unreadable(BROKEN) from error

    def _chunks(self, name):
        try:
            with self._zip.open(name) as part:
                while chunk := part.read(_CHUNK):
                    yield chunk
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            KeyError,
            RuntimeError,
        ) as error:
            raise Unreadable(BROKEN) from error


def unique(pairs):
    """Return a dictionary. Of two values with one key, calamine could take the other one."""
    pairs = list(pairs)
    if len(dict(pairs)) != len(pairs):
        raise Unreadable(AMBIGUOUS)
    return dict(pairs)


def without_prefix(name):
    return name.rpartition(":")[2]


def _refuse_doctype(*_):
    raise Unreadable(BROKEN)  # entities can make a small file huge
