"""The pages, forms and calls that are measured, with who asks for them and their limits."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.core.management.base import CommandError
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, Enrollment
from accounts.models import User
from finance.models import Payment

from . import forms
from .visitors import Visitor

#: Multiples of the floor, on SQLite and on PostgreSQL.
LOGIN, PERSON, SHEET, SAVING, PAYING = (1, 1), (4, 4.5), (5, 6), (8, 12), (6, 8)
LIST, DUES, DASHBOARD, CALL = (7, 8), (8, 9), (8, 10), (2, 2)
PAGE_FLOOR, CALL_FLOOR = "/floor/", "/api/floor"


@dataclass
class Line:
    """One line of the table; ``request`` gives an address and the fields of its form (None: a page)."""

    name: str
    visitor: Visitor
    request: Callable
    limit: tuple[float, float] | None = None

    @property
    def floor(self):
        """The address that it is compared with."""
        return CALL_FLOOR if self.visitor.token else PAGE_FLOOR


def page(name, visitor, limit, route, *args, **query):
    """The line of a page."""
    address = reverse(route, args=args) + (f"?{urlencode(query)}" if query else "")
    return Line(name, visitor, lambda: (address, None), limit)


class Cast:
    """Who is there to ask, and what about."""

    def __init__(self):
        people = User.objects.order_by("pk")
        self.today = timezone.localdate()
        self.admin = people.filter(membership__group__name="Admin").first()
        self.instructor = people.filter(batches_taught__isnull=False).first()
        self.enrollment = (
            Enrollment.objects.active()
            .filter(student__payments__isnull=False)
            .order_by("pk")
            .first()
        )
        if self.enrollment is None:
            raise CommandError(
                "There is nothing to measure. Fill an empty database first: manage.py demo --scale 9"
            )
        self.student = self.enrollment.student
        self.batch = Batch.objects.running(self.today).with_strength().order_by("-strength").first()


def lines(cast, *, tokens, writes):
    """All lines; ``tokens`` are those of the Admin and of the student, ``writes`` adds forms that save something."""
    admin = Visitor(cast.admin)
    found = [*_of_student(cast, admin), *_of_institute(cast, admin), *_of_attendance(cast, admin)]
    if writes:
        payments, sheets = forms.payments(), forms.sheets()
        found.append(Line("record a payment", admin, lambda: forms.next_of(payments), PAYING))
        found.append(Line("save a sheet", admin, lambda: forms.next_of(sheets), SAVING))
    return [*found, *_calls(cast.student, *map(Visitor, (None, None), tokens))]


def _of_student(cast, admin):
    student, key = Visitor(cast.student.user), cast.student.pk
    return [
        page("log in", Visitor(), LOGIN, "accounts:login"),
        page("student: enrollment", student, PERSON, "academics:student-enrollment", key),
        page("student: attendance", student, PERSON, "attendance:student-attendance", key),
        page("student: fees", student, PERSON, "finance:student-fees", key),
        page("student: statement", student, PERSON, "finance:statement", key),
        page("student: statement (PDF)", student, None, "finance:statement-pdf", key),
        page("student: payments", student, PERSON, "finance:student-payments", key),
        page("student: hub", admin, PERSON, "dashboards:student-page", key),
    ]


def _of_institute(cast, admin):
    day = Payment.objects.order_by("-booked_on").values_list("booked_on", flat=True).first()
    month_ago = cast.today - datetime.timedelta(days=30)
    return [
        page(
            "dashboard: student",
            Visitor(cast.student.user),
            DASHBOARD,
            "dashboards:student-dashboard",
        ),
        page(
            "dashboard: instructor",
            Visitor(cast.instructor),
            DASHBOARD,
            "dashboards:instructor-dashboard",
        ),
        page("dashboard: admin", admin, DASHBOARD, "dashboards:admin-dashboard"),
        page("list: people", admin, LIST, "accounts:person-list"),
        page("list: courses", admin, LIST, "academics:course-list"),
        page("list: batches", admin, LIST, "academics:batch-list"),
        page("list: payments", admin, LIST, "finance:payment-list"),
        page("list: students of a batch", admin, LIST, "academics:batch-students", cast.batch.pk),
        page("list: who owes", admin, DUES, "finance:dues"),
        page("list: who has owed longest", admin, DUES, "finance:dues", sort="due"),
        page("list: refunds that are due", admin, LIST, "finance:refund-due-list"),
        page("list: who owed a month ago", admin, DUES, "finance:dues", as_of=month_ago),
        page("list: overdue over 90 days", admin, DUES, "finance:dues", age="over-90"),
        page("day book", admin, LIST, "finance:day-book", on=day),
        page("collections", admin, LIST, "finance:collections"),
        page("search", admin, LIST, "dashboards:search-suggestions", q="sha"),
        page("search: all matches", admin, LIST, "dashboards:search", q="sha"),
    ]


def _of_attendance(cast, admin):
    instructor = Visitor(cast.instructor)
    return [
        page("sheet", admin, SHEET, "attendance:sheet", cast.batch.pk, cast.today),
        page("list: short of attendance", admin, LIST, "attendance:shortage"),
        page("list: short of attendance, last", admin, LIST, "attendance:shortage", page=9999),
        page("list: short, of an instructor", instructor, LIST, "attendance:shortage"),
        page("list: absent today", admin, LIST, "dashboards:absent"),
        page("list: classes of the day", admin, LIST, "attendance:day"),
        page("list: registers not taken", admin, LIST, "attendance:missing"),
        page("register of a month", admin, LIST, "attendance:batch-attendance", cast.batch.pk),
    ]


def _calls(student, desk, phone):
    status = f"/api/v1/students/{student.pk}/fee-status"
    return [
        Line("API: fee status", desk, lambda: (status, None), CALL),
        Line("API: fee status, one's own", phone, lambda: (status, None), CALL),
        Line("API: a thousand people", desk, lambda: ("/api/v1/users?per_page=1000", None)),
    ]
