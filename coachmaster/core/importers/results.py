import datetime
from dataclasses import dataclass, field
from decimal import Decimal

from django.core.exceptions import ValidationError

from coachmaster.core.dates import format_date
from coachmaster.core.money import ZERO, display

#: Rows listed one by one; further ones are only counted.
MOST_LISTED = 10_000


@dataclass
class ImportProblem:
    """A reason why the file is refused."""

    line: int | None
    column: str
    #: None until `fill_in_values` reads it from the file.
    value: str | None
    sentence: str
    #: The name of the column in --map; empty if the problem belongs to no known column.
    field: str = ""
    #: The command-line option that helps.
    option: str = ""

    def __str__(self):
        sentence = f"{self.sentence} ({self.option})" if self.option else self.sentence
        where = ", ".join(filter(None, [f"row {self.line}" if self.line else "", self.column]))
        value = f"“{_printable(self.value)}”: " if self.value else ""
        return f"{where}: {value}{sentence}" if where else f"{value}{sentence}"


def _printable(text):
    text = "".join(c if c.isprintable() else " " for c in text[:80])
    return text if len(text) <= 60 else f"{text[:59]}…"


@dataclass
class ImportedRow:
    """``changes`` are ``(field, before, after)``; none of a new record."""

    line: int
    changes: list[tuple[str, str, str]]
    label: str = ""
    #: The key of the changed record.
    key: int | None = None

    def __str__(self):
        changes = ", ".join(
            f"{name} {_printable(old)} → {_printable(new)}" for name, old, new in self.changes
        )
        return f"row {self.line}, {_printable(self.label)}: {changes}"


@dataclass
class ImportResult:
    #: The column of the problem if the user may not change records; "" if they may.
    refuses_existing_in: str = ""
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: list[int] = field(default_factory=list)
    unused_columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[ImportProblem] = field(default_factory=list)
    #: Keys of the created records, of the importer's `model`.
    created_ids: list[int] = field(default_factory=list)
    #: ``{model: keys}`` of all created records, if they are not `created_ids`.
    records: dict[type, list[int]] = field(default_factory=dict)
    #: Rupees in the created records, by what they are.
    amounts: dict[str, Decimal] = field(default_factory=dict)
    #: Of opening balances: totals of the file and of CoachMaster by batch.
    comparison: list = field(default_factory=list)
    created_rows: list[ImportedRow] = field(default_factory=list)
    changed_rows: list[ImportedRow] = field(default_factory=list)

    @property
    def is_valid(self):
        return not self.problems

    def add_created(self, row):
        self.created += 1
        if len(self.created_rows) < MOST_LISTED:
            self.created_rows.append(ImportedRow(row.line, []))

    def add_amount(self, label, amount):
        self.amounts[label] = self.amounts.get(label, ZERO) + amount

    def add_changed(self, row, changes, key):
        """Count a row that changes the record ``key``; ``changes`` come from `set_changes`."""
        if self.refuses_existing_in:
            self.refuse_existing(row)
            return
        self.changed += 1
        if len(self.changed_rows) < MOST_LISTED:
            values = [
                (name, value_text(before), value_text(after))
                for name, (before, after) in changes.items()
            ]
            self.changed_rows.append(ImportedRow(row.line, values, key=key))

    def add_existing(self, row, changes, key):
        if changes or self.refuses_existing_in:
            self.add_changed(row, changes, key)
        else:
            self.unchanged += 1

    def refuse_existing(self, row):
        sentence = "Exists already, and your role does not permit changing it. Skip this row."
        self.add_error(row, self.refuses_existing_in, sentence)

    def add_error(self, row, column, error):
        """Add a sentence or a ValidationError."""
        for sentence in error_sentences(error):
            self.problems.append(ImportProblem(row.line, column, None, sentence))

    def add_errors(self, row, error, default_column):
        """Add a ValidationError by field, else in the ``default_column``."""
        if not hasattr(error, "error_dict"):
            self.add_error(row, default_column, error)
            return
        for column, sentences in error.message_dict.items():
            for sentence in sentences:
                self.add_error(row, default_column if column == "__all__" else column, sentence)


def value_text(value):
    """Return the value of a record as a sentence shows it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, datetime.date):
        return format_date(value)
    if isinstance(value, Decimal):
        return display(value)
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value)) or "–"
    return str(value)


def error_sentences(error):
    return error.messages if isinstance(error, ValidationError) else [error]
