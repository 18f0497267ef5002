"""The texts of an XLSX file that cells refer to by number."""

from .limits import MOST_CELLS, Unreadable
from .packages import BROKEN, without_prefix


def text_lengths(package):
    """Return the length of each text."""
    # calamine ignores case.
    parts = [name for name in package.names if name.lower().endswith("sharedstrings.xml")]
    if len(parts) > 1:
        raise Unreadable(BROKEN)
    reader = _SharedTexts()
    for part in parts:
        package.parse(part, start=reader.start, end=reader.end, text=reader.text)
    return reader.lengths


class _SharedTexts:
    def __init__(self):
        self.lengths: list[int] = []
        self._open: list[str] = []

    def start(self, tag, attributes):
        tag = without_prefix(tag)
        # Elsewhere calamine would count them in another way.
        if (tag == "sst") == bool(self._open) or (tag == "si" and len(self._open) != 1):
            raise Unreadable(BROKEN)
        # calamine allocates memory for so many texts, and ends the process if there is too little.
        if tag == "sst" and int(attributes.get("uniqueCount", 0)) > MOST_CELLS:
            raise Unreadable(BROKEN)
        if tag == "si":
            self.lengths.append(0)
        self._open.append(tag)

    def end(self, _):
        self._open.pop()

    def text(self, data):
        if len(self._open) > 1 and self.lengths:
            self.lengths[-1] += len(data)
