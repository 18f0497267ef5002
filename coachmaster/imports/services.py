"""What can be brought in through the pages, and how: the commands' pipeline, with its report kept as plain data."""

import datetime
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone

from academics.importers.batches import BatchImporter
from academics.importers.courses import CourseImporter
from academics.importers.holidays import HolidayImporter
from accounts.importers.instructors import InstructorImporter
from accounts.importers.students import StudentImporter
from attendance.importers.grid import AttendanceGridImporter
from attendance.importers.sheets import AttendanceImporter
from attendance.importers.totals import AttendanceTotalsImporter
from coachmaster.core.exports import Column
from coachmaster.core.exports import Kind as Cell
from coachmaster.core.importers import Importer, SeveralSheets, Unreadable, bring_in, normalised
from coachmaster.core.importers.importer import Layout
from finance.importers.enrollments import EnrollmentImporter
from finance.importers.opening_balances import WorkbookImporter
from finance.importers.payments import PaymentImporter

from .models import Import
from .progress import Progress

#: Larger files are imported by the command.
MOST_BYTES = 10 * 1024 * 1024
MOST_ROWS = 50_000
SAMPLES = 3
#: How many problems, new and changed lines the page shows at once.
SHOWN = 100


@dataclass(frozen=True)
class Kind:
    """One kind of file: who may bring it in, by what, and an example of it."""

    slug: str
    title: str
    about: str
    importer_class: type[Importer]
    permission: str
    example: list[list[Any]]
    rows: Callable[[Any], Any] = lambda queryset: queryset

    @property
    def command(self):
        """The command that does the same in a shell."""
        return f"import_{self.slug.replace('-', '_')}"

    @property
    def needed(self):
        """The columns that every line needs."""
        return [column.title for column in self.importer_class.columns if column.is_required]

    def counted(self, number):
        """`1 student`, `1,200 students`."""
        one, many = self.importer_class.noun
        return f"{number:,} {one if number == 1 else many}"

    def example_table(self):
        """``(columns, rows)`` of the example, for a file to download."""
        heads, *rows = self.example
        kinds = {datetime.date: Cell.DAY, Decimal: Cell.AMOUNT}

        def column(place, head):
            kind = next(
                (kinds[type(row[place])] for row in rows if type(row[place]) in kinds), Cell.TEXT
            )
            return Column(head, kind, lambda row: row[place])

        return [column(place, head) for place, head in enumerate(heads)], rows


_DAY = datetime.date
KINDS = {
    kind.slug: kind
    for kind in [
        Kind(
            "instructors", "Instructors", "A line is an instructor, known again by the e-mail.",
            InstructorImporter, "accounts.add_user",
            [["Name", "E-mail", "Mobile"],
             ["Imran Khan", "imran@example.com", "98765 43210"],
             ["Maya Das", "maya@example.com", None]],
        ),
        Kind(
            "courses", "Courses", "A line is a course with its fee, known again by code, else by name.",
            CourseImporter, "academics.add_course",
            [["Course", "Code", "Fee"],
             ["JEE Two Years", "JEE-2Y", Decimal("125000")],
             ["NEET Crash", "NEET-C", Decimal("40000")]],
        ),
        Kind(
            "batches", "Batches", "A line is a batch of a course, known again by code, else by name.",
            BatchImporter, "academics.add_batch",
            [["Batch", "Code", "Course", "Instructor", "Start date", "End date", "Seats", "Room", "Timings"],
             ["JEE Morning", "JEE-M1", "JEE-2Y", "imran@example.com", _DAY(2026, 6, 1), None, "40", "Hall 2",
              "Mon, Wed, Fri 07:00-08:30; Sat 09:00-11:00"],
             ["NEET 2025", "NEET-25", "NEET Crash", "Maya Das", _DAY(2025, 4, 1), _DAY(2025, 6, 30), None, None, None]],
        ),
        Kind(
            "holidays", "Holidays", "A line is a holiday, or several days in a row; a day is known again by its date.",
            HolidayImporter, "academics.add_holiday",
            [["Holiday", "Date", "Until"],
             ["Diwali", _DAY(2026, 11, 8), _DAY(2026, 11, 11)],
             ["Republic Day", _DAY(2027, 1, 26), None]],
        ),
        Kind(
            "students", "Students",
            "A line is a student, known again by admission number, else e-mail, else full name with phone or date of birth.",
            StudentImporter, "accounts.add_user",
            [["First name", "Last name", "E-mail", "Mobile", "DOB", "Father's name", "Parent mobile", "Address"],
             ["Asha", "Verma", "asha@example.com", "98765 43211", _DAY(2009, 11, 24), "Anil Verma", "98765 43212",
              "4 MG Road, Pune"],
             ["Ravi", "Iyer", None, "98765 43213", _DAY(2009, 1, 2), None, None, None]],
        ),
        Kind(
            "enrollments", "Enrollments", "A line is a student in a batch, with the fee charged.",
            EnrollmentImporter, "academics.add_enrollment",
            [["Student", "Batch", "Date", "Fee", "Reason"],
             ["asha@example.com", "JEE-M1", _DAY(2026, 6, 1), Decimal("120000"), "Sister here"],
             ["Ravi Iyer", "NEET 2025", None, None, None]],
        ),
        Kind(
            "payments", "Payments",
            "A line is money received; it gets a receipt number of your own series. Known again by its old receipt "
            "number, else the bank reference.",
            PaymentImporter, "finance.add_payment",
            [["Student", "Amount", "Date", "Mode", "UTR", "Receipt no", "Remarks"],
             ["asha@example.com", Decimal("50000"), _DAY(2026, 6, 5), "GPay", "412345678901", "B/17", "by father"],
             ["asha@example.com", Decimal("20000"), _DAY(2026, 6, 10), "cash", None, "B/18", None],
             ["Ravi Iyer", Decimal("40000"), _DAY(2025, 4, 2), "cheque", "000123", "A/5", None]],
            lambda payments: payments.select_related("student__user", "series"),
        ),
        Kind(
            "attendance", "Attendance", "A line is a student on one day of a batch: P, A, L or E.",
            AttendanceImporter, "attendance.correct_any_day",
            [["Date", "Batch", "Student", "Status"],
             [_DAY(2026, 6, 1), "JEE-M1", "asha@example.com", "P"],
             [_DAY(2026, 6, 2), "JEE-M1", "asha@example.com", "absent"]],
        ),
        Kind(
            "attendance-grid", "Attendance, as a grid",
            "A line is a student in a batch, and each column with a date as its heading a day: P, A, L or E.",
            AttendanceGridImporter, "attendance.correct_any_day",
            [["Student", "Batch", "03/06/2026", "05/06/2026"],
             ["asha@example.com", "JEE-M1", "P", "A"]],
        ),
        Kind(
            "attendance-totals", "Attendance, as totals",
            "A line is a student in a batch: how many classes were held before CoachMaster, and how many attended.",
            AttendanceTotalsImporter, "attendance.correct_any_day",
            [["Student", "Batch", "Classes held", "Attended"],
             ["asha@example.com", "JEE-M1", "40", "36"],
             ["Ravi Iyer", "NEET 2025", "25", "20"]],
        ),
        Kind(
            "workbook", "Switch-over workbook",
            "A line is a student in a batch: the person, the fee agreed, what is taken off, installments, and what was paid "
            "so far with its old receipt numbers. Batches come first. Totals are compared batch by batch.",
            WorkbookImporter, "finance.add_payment",
            [["Name", "Mobile", "Guardian", "Parent mobile", "Batch", "Joined on", "Fee", "Concession", "Inst 1 date", "Inst 1",
              "Inst 2 date", "Inst 2", "Paid so far", "Last paid on", "Receipt nos", "Balance"],
             ["Kiran Rao", "98765 43220", "Mohan Rao", "98765 43221", "JEE-M1", _DAY(2026, 6, 1), Decimal("120000"),
              Decimal("20000"), _DAY(2026, 6, 1), Decimal("50000"), _DAY(2026, 12, 1), Decimal("50000"), Decimal("50000"),
              _DAY(2026, 6, 3), "B/21, B/40", Decimal("50000")],
             ["Leela Nair", "98765 43222", None, None, "JEE-M1", _DAY(2026, 6, 15), Decimal("125000"), None, None, None, None,
              None, Decimal("25000"), None, "B/33", Decimal("100000")]],
        ),
    ]
}  # fmt: skip


def kinds_for(user):
    """The kinds of file that ``user`` may bring in, in the order in which they need each other."""
    return [kind for kind in KINDS.values() if user.has_perm(kind.permission)]


class AlreadyDone(Exception):
    """The file was brought in, or thrown away, by another request."""


def receive(*, kind, file, encoding, by):
    """Keep an uploaded file and check it. Raises `Unreadable`; nothing is kept then."""
    Import.objects.forget_old()
    upload = Import(
        kind=kind.slug,
        file_name=_file_name(file.name),
        content=file.read(),
        encoding=encoding,
        by=by,
    )
    try:
        check(upload)
    except SeveralSheets as several:
        upload.report = {"sheets": several.sheets}
        upload.save()
    return upload


def _file_name(name):
    return "".join(c if c.isprintable() else " " for c in name)[-200:]


def check(upload):
    """Read the file, find out what bringing it in would do, and keep that as its report. Raises `Unreadable`."""
    with upload.table() as table:
        _refuse_too_long(table, upload)
        key = _header_key(upload.kind, table.header)
        if key != upload.header_key:
            upload.header_key = key
            _remember_columns(upload)
        upload.report = _storable(_told(upload, table, _run(upload, table, dry_run=True)))
    upload.save()


def apply(upload):
    """Bring the file in: all of it, or nothing when there are problems, which are then its report. Whether it was.

    Raises `AlreadyDone` and `Unreadable`.
    """

    def written(result):
        now = timezone.now()
        done = Import.objects.filter(pk=upload.pk, applied_at=None).update(
            applied_at=now,
            content=None,
            created=result.created,
            changed=result.changed,
            unchanged=result.unchanged,
            made=result.made,
            left_out=sorted(upload.left_out),
            report=_storable(
                {
                    "notes": result.notes,
                    "comparison": _compared(result),
                    "changed_ones": [
                        {
                            "line": one.line,
                            "label": one.label,
                            "changes": one.changes,
                            "key": one.key,
                        }
                        for one in result.changed_ones
                    ],
                }
            ),
        )
        if not done:
            raise AlreadyDone

    with upload.table() as table, Progress(upload.pk) as progress:
        result = _run(upload, table, dry_run=False, written=written, progress=progress)
        if not result.is_clean:
            upload.report = _storable(_told(upload, table, result))
            upload.save(update_fields=["report"])
    return result.is_clean


def importer_for(upload, header):
    """The importer of this file."""
    importer = KINDS[upload.kind].importer_class()
    importer.by = upload.by
    importer.prepare(header)
    return importer


def _run(upload, table, **options):
    importer = KINDS[upload.kind].importer_class()
    importer.by = upload.by
    return bring_in(
        importer,
        table,
        mapping=upload.columns,
        defaults=upload.defaults,
        skip=upload.left_out,
        corrections={int(line): cells for line, cells in upload.corrections.items()},
        **options,
    )


def _refuse_too_long(table, upload):
    if table.count() > MOST_ROWS:
        raise Unreadable(
            f"More than {MOST_ROWS:,} rows. Split the file, or ask whoever runs the server to "
            f"import it with manage.py {KINDS[upload.kind].command}."
        )


def _header_key(kind, header):
    return hashlib.sha256("\n".join([kind, *map(normalised, header)]).encode()).hexdigest()


def _remember_columns(upload):
    """Take over what was picked for the last file with the same header."""
    alike = (
        Import.objects.filter(header_key=upload.header_key)
        .exclude(pk=upload.pk)
        .exclude(columns={})
    )
    last = alike.order_by("-uploaded_at").only("columns", "defaults").first()
    upload.columns, upload.defaults = (last.columns, last.defaults) if last else ({}, {})


def _storable(told):
    """``told`` as PostgreSQL can keep it: a file may hold the one character that its text has not."""
    if isinstance(told, str):
        return told.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(told, dict):
        return {name: _storable(value) for name, value in told.items()}
    return [_storable(one) for one in told] if isinstance(told, list | tuple) else told


def _told(upload, table, result):
    """The `Result` as plain data, with how the file's columns are matched."""
    layout = Layout(
        importer_for(upload, table.header), table.header, upload.columns, upload.defaults
    )
    fields = {place: column for column, places in reversed(layout.columns) for place in places}
    samples = [
        cells for _, cells in zip(range(SAMPLES), (cells for _, cells in table), strict=False)
    ]
    return {
        "columns": [
            {
                "name": name,
                "place": place,
                "field": fields[place].name if place in fields else "",
                "title": fields[place].title if place in fields else "",
                "is_fixed": place in fields and fields[place].is_fixed,
                "samples": [
                    cells[place][:60]
                    for cells in samples
                    if place < len(cells) and cells[place].strip()
                ],
            }
            for place, name in enumerate(table.header)
            if name
        ],
        "missing": [problem.column for problem in layout.problems],
        "created": result.created,
        "changed": result.changed,
        "unchanged": result.unchanged,
        "skipped": result.skipped,
        "notes": result.notes,
        "comparison": _compared(result),
        "problems": [
            {
                "line": problem.line,
                "column": problem.column,
                "value": problem.value or "",
                "sentence": problem.sentence,
                "field": problem.field if problem.line else "",
            }
            for problem in result.problems
        ],
        "new_ones": [{"line": one.line, "label": one.label} for one in result.new_ones[:SHOWN]],
        "changed_ones": [
            {"line": one.line, "label": one.label, "changes": one.changes}
            for one in result.changed_ones[:SHOWN]
        ],
    }


def _compared(result):
    return [
        {"batch": one.batch, "agrees": one.agrees, "pairs": one.pairs} for one in result.comparison
    ]


def bad_rows(upload):
    """``(header, rows)``: the lines that have problems, as they stand in the file, each with its line and the reasons."""
    reasons: dict[int, list[str]] = {}
    for problem in upload.report["problems"]:
        if problem["line"]:
            where = f"{problem['column']}: " if problem["column"] else ""
            reasons.setdefault(problem["line"], []).append(f"{where}{problem['sentence']}")
    with upload.table() as table:
        rows = [(line, cells, " ".join(reasons[line])) for line, cells in table if line in reasons]
        return table.header, rows


def made(upload):
    """What the import created and what still stands of it, as a queryset."""
    return _records(upload, upload.made)


def _records(upload, keys):
    kind = KINDS[upload.kind]
    return kind.rows(kind.importer_class.model._default_manager.filter(pk__in=keys))


def changed(upload, first=None):
    """The lines that changed something, or the ``first`` of them, each with the ``record`` that it changed if it still stands."""
    told = upload.report.get("changed_ones", [])[:first]
    records = _records(upload, {one["key"] for one in told if one.get("key")}).in_bulk()
    return [{**one, "record": records.get(one.get("key"))} for one in told]


@dataclass(frozen=True)
class Effect:
    """One thing that an import made, or one value that it changed."""

    what: str
    record: Any
    line: int | None = None
    label: str = ""
    field: str = ""
    before: str = ""
    after: str = ""


def effects(upload, made):
    """All that an import did, one by one; ``made`` are the records that it created."""
    for record in made:
        yield Effect("New", record, label=str(record))
    for one in changed(upload):
        for field, before, after in one["changes"]:
            yield Effect("Changed", one["record"], one["line"], one["label"], field, before, after)
