"""Import of tables from files: all rows, or none and a report.

`reader` turns a file into numbered rows of cells (`workbooks` for XLSX and ODS), `columns` and
`mapping` find and clean its columns, `importer` checks and writes the rows, `command` is its
command line.
"""

from coachmaster.core.importers.columns import ImportColumn, ReferenceColumn, normalised, plain_day
from coachmaster.core.importers.importer import Importer, import_table, set_changes
from coachmaster.core.importers.limits import SeveralSheets, Unreadable
from coachmaster.core.importers.reader import CsvTable, open_table
from coachmaster.core.importers.results import ImportResult
from coachmaster.core.importers.rows import ImportRow

__all__ = [
    "CsvTable",
    "ImportColumn",
    "ImportResult",
    "ImportRow",
    "Importer",
    "ReferenceColumn",
    "SeveralSheets",
    "Unreadable",
    "import_table",
    "normalised",
    "open_table",
    "plain_day",
    "set_changes",
]
