"""How much of a file is taken in, and what is said of one that cannot be."""

MOST_BYTES = 50 * 1024 * 1024
MOST_ROWS = 1_000_000
MOST_COLUMNS = 500
MOST_CELLS = 5_000_000
MOST_CHARACTERS = 32_000


class Unreadable(Exception):
    """The file, or the rest of it, cannot be read; ``line`` is where the trouble began, when it began on one.

    ``option`` is what cures it in a shell.
    """

    def __init__(self, sentence, line=None, option=""):
        super().__init__(sentence)
        self.sentence = sentence
        self.line = line
        self.option = option


class SeveralSheets(Unreadable):
    """More than one sheet of a workbook could be meant; ``sheets`` are their names."""

    def __init__(self, sentence, sheets):
        super().__init__(sentence)
        self.sheets = sheets
