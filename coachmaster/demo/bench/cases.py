"""The pages, forms and API calls that are measured, with their limits."""

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
from .requesters import Requester

# Limits: multiples of the floor on SQLite and on PostgreSQL.
SIGN_IN, PERSON, SHEET, SAVING, PAYING = (1, 1), (4, 4.5), (5, 6), (8, 12), (6, 8)
LIST, DUES, DASHBOARD, CALL = (7, 8), (8, 9), (8, 10), (2, 2)
PAGE_FLOOR, CALL_FLOOR = "/floor/", "/api/floor"


@dataclass
class BenchmarkCase:
    """A row of the table; ``request`` returns an address and form fields (None: a page)."""

    name: str
    requester: Requester
    request: Callable
    limit: tuple[float, float] | None = None

    @property
    def floor(self):
        return CALL_FLOOR if self.requester.token else PAGE_FLOOR


def _page(name, requester, limit, route, *args, **query):
    address = reverse(route, args=args) + (f"?{urlencode(query)}" if query else "")
    return BenchmarkCase(name, requester, lambda: (address, None), limit)


class Subjects:
    def __init__(self):
        people = User.objects.order_by("pk")
        self.today = timezone.localdate()
        self.admin = people.filter(membership__group__name="Admin").first()
        self.instructor = people.filter(batches_taught__isnull=False).first()
        enrollment = (
            Enrollment.objects.active()
            .filter(student__payments__isnull=False)
            .order_by("pk")
            .first()
        )
        if enrollment is None:
            raise CommandError(
                "There is nothing to measure. Fill an empty database first: "
                "manage.py demo --scale 9"
            )
        self.student = enrollment.student
        self.batch = Batch.objects.running(self.today).with_strength().order_by("-strength").first()


def all_cases(subjects, *, tokens, writes):
    """Return the cases; ``tokens`` of the Admin and the student, ``writes`` adds saving forms."""
    admin = Requester(subjects.admin)
    cases = [
        *_student_pages(subjects, admin),
        *_dashboards(subjects, admin),
        *_lists(subjects, admin),
        *_attendance_pages(subjects, admin),
    ]
    if writes:
        payments, sheets = forms.payments(), forms.sheets()
        cases += [
            BenchmarkCase("record payment", admin, lambda: forms.next_form(payments), PAYING),
            BenchmarkCase("save sheet", admin, lambda: forms.next_form(sheets), SAVING),
        ]
    return [*cases, *_calls(subjects.student, *(Requester(token=token) for token in tokens))]


def _student_pages(subjects, admin):
    student, pk = Requester(subjects.student.user), subjects.student.pk
    return [
        _page("sign in", Requester(), SIGN_IN, "accounts:login"),
        _page("student: enrollment", student, PERSON, "academics:student-enrollment", pk),
        _page("student: attendance", student, PERSON, "attendance:student-attendance", pk),
        _page("student: fees", student, PERSON, "finance:student-fees", pk),
        _page("student: statement", student, PERSON, "finance:statement", pk),
        _page("student: statement (PDF)", student, None, "finance:statement-pdf", pk),
        _page("student: payments", student, PERSON, "finance:student-payments", pk),
        _page("student page", admin, PERSON, "dashboards:student-page", pk),
    ]


def _dashboards(subjects, admin):
    student, instructor = Requester(subjects.student.user), Requester(subjects.instructor)
    return [
        _page("dashboard: student", student, DASHBOARD, "dashboards:student-dashboard"),
        _page("dashboard: instructor", instructor, DASHBOARD, "dashboards:instructor-dashboard"),
        _page("dashboard: admin", admin, DASHBOARD, "dashboards:admin-dashboard"),
    ]


def _lists(subjects, admin):
    day = Payment.objects.order_by("-booked_on").values_list("booked_on", flat=True).first()
    month_ago = subjects.today - datetime.timedelta(days=30)
    batch = subjects.batch.pk
    return [
        _page("list: people", admin, LIST, "dashboards:person-list"),
        _page("list: courses", admin, LIST, "academics:course-list"),
        _page("list: batches", admin, LIST, "academics:batch-list"),
        _page("list: payments", admin, LIST, "finance:payment-list"),
        _page("list: students of a batch", admin, LIST, "academics:batch-students", batch),
        _page("list: dues", admin, DUES, "finance:dues"),
        _page("list: dues by due date", admin, DUES, "finance:dues", sort="due"),
        _page("list: cheques", admin, LIST, "finance:cheque-list"),
        _page("list: bulk actions", admin, LIST, "finance:bulk-action-list"),
        _page("late fees before charging", admin, None, "finance:late-fees-post"),
        _page("list: refunds due", admin, LIST, "finance:refund-due-list"),
        _page("list: dues a month ago", admin, DUES, "finance:dues", as_of=month_ago),
        _page("list: overdue over 90 days", admin, DUES, "finance:dues", age="over-90"),
        _page("day book", admin, LIST, "finance:day-book", on=day),
        _page("collections", admin, LIST, "finance:collections"),
        _page("search", admin, LIST, "dashboards:search-suggestions", q="sha"),
        _page("search: all matches", admin, LIST, "dashboards:search", q="sha"),
    ]


def _attendance_pages(subjects, admin):
    instructor, batch = Requester(subjects.instructor), subjects.batch.pk
    return [
        _page("sheet", admin, SHEET, "attendance:sheet", batch, subjects.today),
        _page("list: shortage", admin, LIST, "attendance:shortage"),
        _page("list: shortage, last page", admin, LIST, "attendance:shortage", page=9999),
        _page("list: shortage, by instructor", instructor, LIST, "attendance:shortage"),
        _page("list: absent today", admin, LIST, "dashboards:absent"),
        _page("list: classes of the day", admin, LIST, "attendance:day"),
        _page("list: missing registers", admin, LIST, "attendance:missing"),
        _page("register of a month", admin, LIST, "attendance:batch-attendance", batch),
    ]


def _calls(student, admin, own):
    status = f"/api/v1/students/{student.pk}/fee-status"
    people = "/api/v1/users?per_page=1000"
    return [
        BenchmarkCase("API: fee status", admin, lambda: (status, None), CALL),
        BenchmarkCase("API: own fee status", own, lambda: (status, None), CALL),
        BenchmarkCase("API: a thousand people", admin, lambda: (people, None)),
    ]
