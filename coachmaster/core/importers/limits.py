"""Limits on files, and the errors for files that cannot be read."""

MOST_COLUMNS = 500
MOST_CHARACTERS = 32_000
#: Of a workbook: bytes after unpacking, and cells between its first and its last one.
MOST_UNPACKED = 400 * 1024 * 1024
MOST_CELLS = 10_000_000


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
