"""Limits on files, and the errors for files that cannot be read."""

from dataclasses import dataclass

MOST_COLUMNS = 500
MOST_SHEETS = 200
#: Characters of the name of a column or sheet, which are stored and shown.
MOST_OF_NAME = 200
#: The header of a sheet is among so many rows.
MOST_TITLES = 10
MOST_CHARACTERS = 32_000
#: Cells of a workbook between the first and the last one that is filled.
MOST_CELLS = 10_000_000


@dataclass(frozen=True)
class WorkbookLimits:
    """What a workbook may hold after unpacking: bytes, tags of XML, and filled rows of a sheet.

    ``characters`` are those of all cells, when a text that is stored once is counted for each.
    """

    unpacked: int = 400 * 1024 * 1024
    tags: int = 200_000_000
    characters: int = 400_000_000
    rows: int = 100_000_000


class Unreadable(Exception):
    """The file, or the rest of it, cannot be read.

    ``line`` is the row where the trouble begins, ``option`` the command-line option that helps.
    """

    def __init__(self, sentence, line=None, option=""):
        super().__init__(sentence)
        self.sentence = sentence
        self.line = line
        self.option = option


class SeveralSheets(Unreadable):
    """Several sheets of a workbook contain rows; ``sheets`` are their names."""

    def __init__(self, sentence, sheets):
        super().__init__(sentence)
        self.sheets = sheets
