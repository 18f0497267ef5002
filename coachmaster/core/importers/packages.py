"""The parts of a workbook, which is XML in a ZIP file."""

import zipfile
import zlib
from xml.parsers import expat

from .limits import MOST_UNPACKED, Unreadable

_MOST_PARTS = 5_000
_CHUNK = 1 << 16
BROKEN = "This workbook is damaged. Open it in the spreadsheet, save it again, and upload it again."
LOCKED = "This workbook is protected by a password. Save it without one."


class Package:
    """A ZIP file that is not too large when unpacked. Raise `Unreadable` otherwise."""

    def __init__(self, path, most_unpacked=MOST_UNPACKED):
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
        self._names = {part.filename for part in parts}
        if len(parts) > _MOST_PARTS or len(parts) != len(self._names):
            raise Unreadable(BROKEN)
        if any(part.flag_bits & 1 for part in parts):
            raise Unreadable(LOCKED)
        if sum(part.file_size for part in parts) > most_unpacked:
            raise Unreadable(
                f"This workbook unpacks to more than {most_unpacked // 1024 // 1024} MB. "
                "Save the sheet as CSV, or split it."
            )

    def has(self, name):
        return name in self._names

    def read(self, name):
        return b"".join(self._chunks(name))

    def elements(self, name, *tags):
        """Return ``(tag, attributes)`` of the elements with these tags, names without prefix."""
        found = []

        def start(tag, attributes):
            if (tag := without_prefix(tag)) in tags:
                found.append((tag, {without_prefix(key): attributes[key] for key in attributes}))

        if self.has(name):
            self.parse(name, start=start)
        return found

    def parse(self, name, *, start, end=None, text=None):
        """Call the handlers of an XML parser for each element of a part."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
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


def without_prefix(name):
    return name.rpartition(":")[2]


def _refuse_doctype(*_):
    raise Unreadable(BROKEN)  # entities can make a small file huge
