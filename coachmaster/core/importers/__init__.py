"""Bringing tables of other programs in: read, check, write, each apart from the others.

`reading` turns a file into numbered rows of cells (`workbooks` for XLSX and ODS), `columns` says what a table's columns are called and how a cell is
cleaned, `pipeline` checks every row and lets an `Importer` write them all or none, `command` is its face in a shell.
What comes out is plain data (`Result`, `Problem`), so that a page can show the same.
"""

from coachmaster.core.importers.columns import Column, ReferenceColumn, normalised, plain_day
from coachmaster.core.importers.importer import (
    Importer,
    Problem,
    Result,
    Row,
    Rows,
    bring_in,
    in_chunks,
    sentences,
    set_changes,
)
from coachmaster.core.importers.limits import SeveralSheets, Unreadable
from coachmaster.core.importers.reader import CsvTable, open_table

__all__ = [
    "Column",
    "CsvTable",
    "Importer",
    "Problem",
    "ReferenceColumn",
    "Result",
    "Row",
    "Rows",
    "SeveralSheets",
    "Unreadable",
    "bring_in",
    "in_chunks",
    "normalised",
    "open_table",
    "plain_day",
    "sentences",
    "set_changes",
]
