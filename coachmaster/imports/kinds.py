import datetime
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from academics.importers.batches import BatchImporter
from academics.importers.courses import CourseImporter
from academics.importers.holidays import HolidayImporter
from accounts.importers.instructors import InstructorImporter
from accounts.importers.people import PeopleImporter
from accounts.importers.students import StudentImporter
from attendance.importers.grid import AttendanceGridImporter
from attendance.importers.punches import PunchImporter
from attendance.importers.sheets import AttendanceImporter
from attendance.importers.totals import AttendanceTotalsImporter
from coachmaster.core.exports import CellType, ExportColumn
from coachmaster.core.importers import Importer
from coachmaster.core.money import grouped
from finance.importers.enrollments import EnrollmentImporter
from finance.importers.opening_balances import OpeningBalanceImporter
from finance.importers.payments import PaymentImporter


@dataclass(frozen=True)
class ImportKind:
    slug: str
    title: str
    about: str
    importer_class: type[Importer]
    example: list[list[Any]]
    #: Adds to the queryset of created records what their page shows.
    with_related: Callable[[Any], Any] = lambda queryset: queryset

    @property
    def command(self):
        return f"import_{self.slug.replace('-', '_')}"

    def is_allowed(self, user):
        return self.importer_class.is_allowed(user)

    def may_change(self, user):
        return self.importer_class.may_change(user)

    @property
    def writes_people(self):
        """Return whether it can add people or change their emails, and so their accounts."""
        return issubclass(self.importer_class, PeopleImporter | OpeningBalanceImporter)

    @property
    def required_columns(self):
        return [column.title for column in self.importer_class.columns if column.is_required]

    def counted(self, number):
        """Return `1 student` or `1,200 students`."""
        one, many = self.importer_class.noun
        return f"{grouped(number)} {one if number == 1 else many}"

    def example_table(self):
        headings, *rows = self.example
        cell_kinds = {datetime.date: CellType.DATE, Decimal: CellType.AMOUNT}

        def column(place, heading):
            types = [type(row[place]) for row in rows]
            kind = next(
                (cell_kinds[known] for known in types if known in cell_kinds), CellType.TEXT
            )
            return ExportColumn(heading, kind, lambda row: row[place])

        return [column(place, heading) for place, heading in enumerate(headings)], rows


_DAY = datetime.date
_KINDS = [
    ImportKind(
        "instructors",
        "Instructors",
        "Each row is an instructor, identified by email.",
        InstructorImporter,
        [
            ["Name", "Email", "Mobile"],
            ["Imran Khan", "imran@example.com", "98765 43210"],
            ["Maya Das", "maya@example.com", None],
        ],
    ),
    ImportKind(
        "courses",
        "Courses",
        "Each row is a course with its fee, identified by code, else by name.",
        CourseImporter,
        [
            ["Course", "Code", "Fee"],
            ["JEE Two Years", "JEE-2Y", Decimal("125000")],
            ["NEET Crash", "NEET-C", Decimal("40000")],
        ],
    ),
    ImportKind(
        "batches",
        "Batches",
        "Each row is a batch of a course, identified by code, else by name.",
        BatchImporter,
        [
            ["Batch", "Code", "Course", "Instructor", "Start date", "End date", "Seats", "Room",
             "Timings"],
            ["JEE Morning", "JEE-M1", "JEE-2Y", "imran@example.com", _DAY(2026, 6, 1), None, "40",
             "Hall 2", "Mon, Wed, Fri 07:00-08:30; Sat 09:00-11:00"],
            ["NEET 2025", "NEET-25", "NEET Crash", "Maya Das", _DAY(2025, 4, 1),
             _DAY(2025, 6, 30), None, None, None],
        ],
    ),
    ImportKind(
        "holidays",
        "Holidays",
        "Each row is a holiday of one or several days, identified by date.",
        HolidayImporter,
        [
            ["Holiday", "Date", "Until"],
            ["Diwali", _DAY(2026, 11, 8), _DAY(2026, 11, 11)],
            ["Republic Day", _DAY(2027, 1, 26), None],
        ],
    ),
    ImportKind(
        "students",
        "Students",
        "Each row is a student, identified by admission number, else email, else full name with "
        "phone or date of birth.",
        StudentImporter,
        [
            ["First name", "Last name", "Email", "Mobile", "DOB", "Father's name",
             "Parent mobile", "Address"],
            ["Asha", "Verma", "asha@example.com", "98765 43211", _DAY(2009, 11, 24),
             "Anil Verma", "98765 43212", "4 MG Road, Pune"],
            ["Ravi", "Iyer", None, "98765 43213", _DAY(2009, 1, 2), None, None, None],
        ],
    ),
    ImportKind(
        "enrollments",
        "Enrollments",
        "Each row is a student in a batch, with the agreed fee.",
        EnrollmentImporter,
        [
            ["Student", "Batch", "Date", "Fee", "Reason"],
            ["asha@example.com", "JEE-M1", _DAY(2026, 6, 1), Decimal("120000"), "Sister here"],
            ["Ravi Iyer", "NEET 2025", None, None, None],
        ],
    ),
    ImportKind(
        "payments",
        "Payments",
        "Each row is a payment, and gets a receipt number of your own series. Identified by its "
        "old receipt number, else the bank reference.",
        PaymentImporter,
        [
            ["Student", "Amount", "Date", "Mode", "UTR", "Receipt no", "Remarks"],
            ["asha@example.com", Decimal("50000"), _DAY(2026, 6, 5), "GPay", "412345678901",
             "B/17", "by father"],
            ["asha@example.com", Decimal("20000"), _DAY(2026, 6, 10), "cash", None, "B/18", None],
            ["Ravi Iyer", Decimal("40000"), _DAY(2025, 4, 2), "cheque", "000123", "A/5", None],
        ],
        lambda payments: payments.select_related("student__user", "series"),
    ),
    ImportKind(
        "attendance",
        "Attendance",
        "Each row is a student on one day of a batch: P, A, L or E.",
        AttendanceImporter,
        [
            ["Date", "Batch", "Student", "Status"],
            [_DAY(2026, 6, 1), "JEE-M1", "asha@example.com", "P"],
            [_DAY(2026, 6, 2), "JEE-M1", "asha@example.com", "absent"],
        ],
    ),
    ImportKind(
        "attendance-grid",
        "Attendance register",
        "Each row is a student in a batch, with a column for each day headed by its date: P, A, L "
        "or E.",
        AttendanceGridImporter,
        [
            ["Student", "Batch", "03/06/2026", "05/06/2026"],
            ["asha@example.com", "JEE-M1", "P", "A"],
        ],
    ),
    ImportKind(
        "attendance-totals",
        "Attendance totals",
        "Each row is a student in a batch: classes held and attended before CoachMaster.",
        AttendanceTotalsImporter,
        [
            ["Student", "Batch", "Classes held", "Attended"],
            ["asha@example.com", "JEE-M1", "40", "36"],
            ["Ravi Iyer", "NEET 2025", "25", "20"],
        ],
    ),
    ImportKind(
        "workbook",
        "Opening balances",
        "Each row is a student in a batch: the person, the agreed fee, concession, installments, "
        "and the amount paid so far with its old receipt numbers. Import batches first. Totals "
        "are compared batch by batch.",
        OpeningBalanceImporter,
        [
            ["Name", "Mobile", "Guardian", "Parent mobile", "Batch", "Joined on", "Fee",
             "Concession", "Inst 1 date", "Inst 1", "Inst 2 date", "Inst 2", "Paid so far",
             "Last paid on", "Receipt nos", "Balance"],
            ["Kiran Rao", "98765 43220", "Mohan Rao", "98765 43221", "JEE-M1", _DAY(2026, 6, 1),
             Decimal("120000"), Decimal("20000"), _DAY(2026, 6, 1), Decimal("50000"),
             _DAY(2026, 12, 1), Decimal("50000"), Decimal("50000"), _DAY(2026, 6, 3),
             "B/21, B/40", Decimal("50000")],
            ["Leela Nair", "98765 43222", None, None, "JEE-M1", _DAY(2026, 6, 15),
             Decimal("125000"), None, None, None, None, None, Decimal("25000"), None, "B/33",
             Decimal("100000")],
        ],
    ),
]  # fmt: skip
KINDS = {kind.slug: kind for kind in _KINDS}


_BY_IMPORTER = {kind.importer_class: kind for kind in _KINDS}
_BY_IMPORTER[PunchImporter] = KINDS["attendance"]


def kind_of(importer):
    return _BY_IMPORTER[type(importer)]


def kinds_for(user):
    """Return the permitted kinds, in the order in which they need each other."""
    return [kind for kind in _KINDS if kind.is_allowed(user)]
