from dataclasses import dataclass
from typing import Any

from accounts.roles import sees_whole_institute
from coachmaster.core.importers.mapping import ColumnMapping
from coachmaster.core.money import plain
from coachmaster.core.querysets import ScopedQuerySet

from .kinds import KINDS

SAMPLES = 3
#: Problems, new and changed rows on a page.
SHOWN = 100
#: Characters of a cell or sentence in a stored report.
MOST_STORED = 500


def storable(value):
    """Replace NUL characters, which PostgreSQL cannot store."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, dict):
        return {name: storable(item) for name, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list | tuple) else value


def preview_report(upload, importer, table, result):
    mapping = ColumnMapping(importer, table.header, upload.columns, upload.defaults)
    report = {
        "columns": _columns(mapping, table),
        "missing": [problem.column for problem in mapping.problems],
        "created": result.created,
        "changed": result.changed,
        "unchanged": result.unchanged,
        "skipped": result.skipped,
        "notes": result.notes,
        "comparison": _comparison(result),
        "amounts": _amounts(result),
        "problems": [
            {
                "line": problem.line,
                "column": problem.column,
                "value": (problem.value or "")[:MOST_STORED],
                "sentence": problem.sentence[:MOST_STORED],
                "field": problem.field if problem.line else "",
            }
            for problem in result.problems
        ],
        "created_rows": [
            {"line": row.line, "label": row.label[:MOST_STORED]}
            for row in result.created_rows[:SHOWN]
        ],
        "changed_rows": [
            {"line": row.line, "label": row.label, "changes": row.changes}
            for row in result.changed_rows[:SHOWN]
        ],
    }
    return storable(report)


def _columns(mapping, table):
    columns = {place: column for column, places in reversed(mapping.columns) for place in places}
    rows = [cells for _, (_, cells) in zip(range(SAMPLES), table, strict=False)]
    return [
        {
            "name": name,
            "place": place,
            "field": columns[place].name if place in columns else "",
            "title": columns[place].title if place in columns else "",
            "is_fixed": place in columns and columns[place].is_fixed,
            "samples": [
                cells[place][:60] for cells in rows if place < len(cells) and cells[place].strip()
            ],
        }
        for place, name in enumerate(table.header)
        if name
    ]


def applied_report(result):
    return {
        "notes": result.notes,
        "comparison": _comparison(result),
        "amounts": _amounts(result),
        "changed_rows": [
            {"line": row.line, "label": row.label, "changes": row.changes, "key": row.key}
            for row in result.changed_rows
        ],
    }


def _amounts(result):
    return [(label, plain(amount)) for label, amount in result.amounts.items() if amount]


def _comparison(result):
    return [
        {"batch": batch.batch, "agrees": batch.agrees, "pairs": batch.pairs}
        for batch in result.comparison
    ]


def problem_rows(upload):
    """Return the header, and ``(line, cells, reasons)`` of rows with problems."""
    reasons: dict[int, list[str]] = {}
    for problem in upload.report["problems"]:
        if problem["line"]:
            where = f"{problem['column']}: " if problem["column"] else ""
            reasons.setdefault(problem["line"], []).append(f"{where}{problem['sentence']}")
    with upload.table() as table:
        rows = [(line, cells, " ".join(reasons[line])) for line, cells in table if line in reasons]
        return table.header, rows


def created_records(upload, viewer):
    return _records(upload, viewer, upload.created_ids)


def _records(upload, viewer, keys):
    kind = KINDS[upload.kind]
    records = kind.importer_class.model._default_manager.filter(pk__in=keys)
    if isinstance(records, ScopedQuerySet):
        records = records.visible_to(viewer)
    return kind.with_related(records)


def changed_rows(upload, viewer, first=None):
    """Return the rows that ``viewer`` may see, with their ``record``, None if it was deleted."""
    if not KINDS[upload.kind].may_change(viewer):
        return []
    rows = upload.report.get("changed_rows", [])[:first]
    records = _records(upload, viewer, {row["key"] for row in rows if row.get("key")}).in_bulk()
    rows = [{**row, "record": records.get(row.get("key"))} for row in rows]
    return rows if sees_whole_institute(viewer) else [row for row in rows if row["record"]]


@dataclass(frozen=True)
class ImportChange:
    action: str
    record: Any
    line: int | None = None
    label: str = ""
    field: str = ""
    before: str = ""
    after: str = ""


def import_changes(upload, viewer, created):
    for record in created:
        yield ImportChange("New", record, label=str(record))
    for row in changed_rows(upload, viewer):
        for field, before, after in row["changes"]:
            yield ImportChange(
                "Changed", row["record"], row["line"], row["label"], field, before, after
            )
