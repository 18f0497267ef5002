import datetime
import io
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from academics.models import Batch, Course, Enrollment, EnrollmentStatus, Holiday, Institute
from academics.services import class_changes
from academics.services.logos import change_logo
from academics.tests.factories import BatchFactory
from academics.timetable import Timetable
from accounts.models import User
from accounts.tests.factories import StudentFactory
from coachmaster.core.images import Picture
from coachmaster.core.tests.workbooks import xlsx
from coachmaster.demo.institute import create_demo
from coachmaster.imports import services
from finance.models import (
    BulkAction,
    Charge,
    FeePlan,
    LateFeeRule,
    Payment,
    PreparedLateFees,
)
from finance.services import concessions, day_closes, refunds
from finance.services.cheques import deposit_cheques
from finance.services.fee_plans import save_plan
from finance.tests.factories import enrolled, paid, post_late_fees
from finance.verification import receipt_token

from .conftest import DESK, PHONE, overflow, page_problems, violations

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def institute(live_server):
    """The demo institute: people and rows by role."""
    academy = create_demo(today=timezone.localdate())
    Institute.objects.update(check_in_by_code=True)
    enrollment = academy.demo_student.enrollments[0].enrollment
    return {
        "admin": academy.owner,
        "instructor": academy.instructors[0],
        "student": User.objects.get(pk=enrollment.student_id),
        "batch": enrollment.batch,
        "enrollment": enrollment,
        "payment": Payment.objects.filter(student=enrollment.student_id).active().first(),
        "void": Payment.objects.filter(reversal__isnull=False).first(),
        "left": Enrollment.objects.filter(status=EnrollmentStatus.DROPPED).first(),
        "upcoming": Batch.objects.upcoming(academy.today).first(),
        "holiday": min(academy.holidays),
    }


def of_everybody(made):
    student = made["student"].pk
    yield "accounts:me"
    yield "accounts:password-change"
    yield "accounts:device-list"
    yield "accounts:second-factor"
    yield "accounts:app-add"
    yield "accounts:passkey-add"
    yield "academics:course-list"
    yield "academics:course-detail", Course.objects.first().pk
    yield "academics:batch-list"
    yield "academics:batch-detail", made["batch"].pk
    yield "academics:calendar"
    yield "dashboards:student-page", student
    yield "academics:student-enrollment", student
    yield "attendance:student-attendance", student


def of_admins(made):
    student, batch, enrollment = made["student"].pk, made["batch"].pk, made["enrollment"].pk
    today = timezone.localdate()
    yield "dashboards:admin-dashboard"
    yield "dashboards:search", "?q=sharma"
    yield "dashboards:search", "?q=zzzz"
    yield "dashboards:person-list"
    yield "dashboards:person-list", "?role=Student&q=patil"
    yield "dashboards:person-list", "?q=zzzz"
    yield "accounts:person-create", "?role=Student"
    yield "accounts:person-create", "?role=Instructor"
    yield "accounts:person-detail", student
    yield "accounts:person-detail", made["instructor"].pk
    yield "accounts:person-update", student
    yield "accounts:person-role", made["instructor"].pk
    yield "accounts:person-deactivate", student
    yield "accounts:person-invite", student
    yield "academics:course-create"
    yield "academics:course-update", Course.objects.first().pk
    yield "academics:batch-create"
    yield "academics:batch-update", batch
    yield "academics:batch-students", batch
    yield "academics:drop-list"
    yield "academics:batch-detail", made["upcoming"].pk
    yield "accounts:sign-in-rules"
    yield "accounts:person-second-factor-remove", made["instructor"].pk
    yield "academics:institute"
    yield "academics:holiday-list"
    yield "academics:holiday-create"
    yield from of_the_calendar(made)
    yield "dashboards:student-page", made["left"].student_id
    yield "academics:student-enrollment", made["left"].student_id
    yield "finance:enrollment-create"
    yield "finance:enrollment-create", f"?student={made['left'].student_id}"
    yield "finance:enrollment-complete", enrollment
    yield "finance:enrollment-drop", enrollment
    yield "finance:enrollment-transfer", enrollment
    yield "finance:batch-enroll", batch
    yield "finance:batch-complete", batch
    yield "finance:refund-due-list"
    yield "finance:payment-list"
    yield "finance:payment-list", "?status=cancelled"
    yield "finance:payment-create", "?q=a"
    yield "finance:payment-create", f"?student={student}"
    yield "finance:receipt", made["payment"].pk
    yield "finance:receipt", made["void"].pk
    yield "finance:payment-void", made["payment"].pk
    cheque = paid(student=made["left"].student, amount="500.00", mode="cheque", cheque_on=today)
    yield "finance:payment-bounce", cheque.pk
    yield "finance:receipt", cheque.pk
    yield "finance:cheque-list"
    yield "finance:cheque-deposit", f"?cheque={cheque.pk}"
    deposit_cheques(payments=[cheque.pk], on=today, by=made["admin"])
    yield "finance:cheque-list", "?state=deposited"
    yield "finance:cheque-clear", f"?cheque={cheque.pk}"
    given = refunds.refund_payment(
        payment=paid(student=made["left"].student, amount="500.00"),
        amount=Decimal("100.00"),
        refunded_on=today,
        mode="cash",
        reason="Left",
        token="refund",
        by=made["admin"],
    )
    yield "finance:payment-void", given.payment_id
    yield "finance:refund", given.pk
    yield "finance:student-payments", student
    yield "finance:student-fees", student
    yield "finance:statement", student
    yield "finance:dues"
    yield from of_sheets(made)


def of_the_fee_desk(made):
    """Fees, with every kind of row."""
    enrollment, owner = made["enrollment"], made["admin"]
    plan = FeePlan.objects.create(course=enrollment.batch.course, name="Two halves")
    save_plan(plan, [{"percent": 50, "days": 0}, {"percent": 50, "days": 30}])
    rule = LateFeeRule.objects.create(
        name="Late fee", grace_days=0, kind="per_day", amount=20, cap=100
    )
    debtor = enrolled(
        student=StudentFactory(admission_number="X-1"),
        batch=BatchFactory(course=enrollment.batch.course),
        by=owner,
    )
    late_fee = post_late_fees(on=timezone.localdate(), by=owner)[-1]
    owed = Charge.objects.filter(student=debtor.student)
    about = {"student": debtor.student, "charges": owed, "kind": "merit", "by": owner}
    concessions.request_concession(reason="Topper", amount=Decimal("100.00"), **about)
    waiting, *_ = concessions.request_concession(reason="Topper of the state", percent=90, **about)
    new = StudentFactory(admission_number="X-2").pk
    yield "finance:enrollment-create", f"?student={new}&batch={enrollment.batch_id}"
    yield "academics:course-detail", plan.course_id
    yield "finance:plan-create", plan.course_id
    yield "finance:plan-update", plan.pk
    yield "finance:installments-change", debtor.pk
    yield "finance:student-fees", debtor.student_id
    yield "finance:student-charge", debtor.student_id
    yield "finance:batch-charge", debtor.batch_id
    yield "finance:charge-cancel", late_fee.pk
    yield "finance:late-fee-waive", late_fee.pk
    LateFeeRule.objects.create(name="Flat", grace_days=0, kind="fixed", amount=50)
    PreparedLateFees.objects.create(on=timezone.localdate(), students=1, amount=50)
    action = BulkAction.objects.latest("pk")
    yield "finance:late-fees-post"
    yield "finance:bulk-action-list"
    yield "finance:bulk-action", action.pk
    yield "finance:bulk-action-undo", action.pk
    yield "finance:late-fee-rules"
    yield "finance:late-fee-rule-create"
    yield "finance:late-fee-rule-update", rule.pk
    yield "finance:concession-ask", debtor.student_id
    yield "finance:concession-list"
    yield "finance:approval-limits"
    yield "finance:concession-approve", waiting.pk
    yield "finance:concession-cancel", waiting.pk
    yield "dashboards:admin-dashboard"


def of_the_day_book(made):
    """A closed day with a difference, an open one, and the logo on paper."""
    owner, today = made["admin"], timezone.localdate()
    file = io.BytesIO()
    Image.new("RGB", (300, 100), (200, 0, 0)).save(file, "PNG")
    yield "academics:logo-update"
    change_logo(Picture(file.getvalue(), 300, 100))
    yield "academics:logo-update"
    student = enrolled(student=StudentFactory(admission_number="X-3"), by=owner).student
    payment = paid(student=student, amount="500.00", by=owner)
    yield "finance:receipt", payment.pk
    yield "finance:day-close"
    yield "finance:day-close-list"
    close = day_closes.close_day(
        person=owner, on=today, counted_cash=Decimal("1.00"), note="Counted in a hurry"
    )
    yield "finance:day-close", f"?on={today + datetime.timedelta(days=1)}"
    yield "finance:day-book"
    yield "finance:day-close-list"
    yield "finance:day-close-detail", close.pk
    yield "finance:collections"


def of_imports(made):
    """Imports with problems, with several sheets, with columns to choose, and done."""

    def upload(content, kind="students"):
        file = SimpleUploadedFile(
            "A long name of a file of students of the year 2026 to 2027.csv", content
        )
        return services.receive(kind=services.KINDS[kind], file=file, encoding="", by=made["admin"])

    known = made["student"]
    row = f"{known.full_name},{known.email},98765 00000"
    wrong = upload(f"name,email,phone\nNew,a@b,\nX,x@y,1\n{row}\n".encode())
    wrong.corrections, wrong.skipped_lines = {"3": {"email": "x@example.com"}}, [3]
    services.check(wrong)
    done = upload(b"name\nOne More\n")
    services.apply(done)
    yield "imports:import-list"
    yield "imports:import-detail", wrong.pk
    yield "imports:import-columns", wrong.pk
    yield "imports:import-sheet", upload(xlsx(A=[["name"], ["x"]], B=[["name"], ["y"]])).pk
    yield "imports:import-columns", upload(b"pupil\nX\n").pk
    yield "imports:import-detail", done.pk


def of_the_calendar(made):
    """The timetable with every kind of change, and the forms of changes."""
    batch, today = made["batch"], timezone.localdate()
    classes = list(Timetable([batch], today, today + datetime.timedelta(days=30)).held(batch))
    cancelled, moved, other = classes[:3]
    class_changes.cancel_class(
        batch=batch,
        day=cancelled.day,
        starts_at=cancelled.slot.starts_at,
        reason="Fever",
        by=made["admin"],
    )
    change, _ = class_changes.move_class(
        batch=batch,
        day=moved.day,
        starts_at=moved.slot.starts_at,
        to=class_changes.NewTime(moved.day, datetime.time(5), datetime.time(6), "Hall"),
        reason="Exam",
        by=made["admin"],
        despite_clash=True,
    )
    yield "academics:calendar"
    yield "academics:calendar", f"?week={moved.day}&batch={batch.pk}"
    yield "academics:calendar", f"?day={made['holiday']}"
    yield "academics:batch-detail", batch.pk
    yield "academics:class-add", batch.pk
    yield "academics:class-move", batch.pk, other.day, other.slot.starts_at
    yield "academics:class-cancel", batch.pk, other.day, other.slot.starts_at
    yield "academics:class-change-undo", change.pk
    yield "academics:holiday-update", Holiday.objects.first().pk


def of_sheets(made):
    batch, today = made["batch"].pk, timezone.localdate()
    yield "attendance:day"
    yield "attendance:missing"
    yield "attendance:shortage"
    yield "attendance:check-in-screen", batch
    yield "dashboards:absent"
    yield "attendance:batch-attendance", batch
    yield "attendance:sheet", batch, today
    yield "attendance:sheet", batch, made["batch"].sheets.latest("held_on").held_on
    yield "attendance:sheet", batch, made["holiday"]
    yield (
        "attendance:sheet-history",
        batch,
        made["batch"].sheets.filter(version__gt=1).latest("held_on").held_on,
    )


def of_instructors(made):
    yield "dashboards:instructor-dashboard"
    yield "dashboards:search", "?q=verma"
    yield "academics:batch-students", made["batch"].pk
    yield from of_sheets(made)


def of_students(made):
    student = made["student"].pk
    yield "dashboards:student-dashboard"
    yield "attendance:check-in"
    yield "finance:student-payments", student
    yield "finance:student-fees", student
    yield "finance:statement", student
    yield "finance:receipt", made["payment"].pk


def of_visitors(made):
    yield "accounts:login"
    yield "accounts:second-step"
    yield "accounts:register"
    yield "accounts:password-reset"
    yield "accounts:password-reset-done"
    yield "finance:receipt-check", receipt_token(made["payment"].pk)
    yield "finance:receipt-check", receipt_token(made["void"].pk)


def addresses(pages):
    """Return URLs of ``pages``: route names, or tuples with arguments and a query string."""
    for page in pages:
        name, *args = [page] if isinstance(page, str) else page
        query = args.pop() if args and str(args[-1]).startswith("?") else ""
        yield reverse(name, args=args) + query


@pytest.mark.parametrize(
    ("role", "pages"),
    [
        ("admin", of_admins),
        ("admin", of_the_fee_desk),
        ("admin", of_the_day_book),
        ("admin", of_imports),
        ("admin", of_everybody),
        ("instructor", of_instructors),
        ("instructor", of_everybody),
        ("student", of_students),
        ("student", of_everybody),
        (None, of_visitors),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_every_page_is_accessible(browse, institute, role, pages):
    page = browse(institute.get(role))
    problems = {}
    for address in addresses(pages(institute)):
        assert page.goto(address).status == 200, address
        for problem in page_problems(page):
            problems.setdefault(problem, address)

    assert problems == {}, "\n".join(f"{url} {problem}" for problem, url in problems.items())


def test_error_pages_are_accessible(browse, institute):
    page = browse(institute["student"])
    for address, status in [
        ("/people/", 403),
        (f"/students/{institute['admin'].pk}/", 404),
        ("/nowhere/", 404),
    ]:
        assert page.goto(address).status == status
        assert page_problems(page) == []


def test_long_names_and_large_amounts_fit_the_page(browse, admin):
    name = "Venkatanarasimharajuvaripeta Subrahmanya Chandrasekhara Balasubramaniam-Krishnamoorthy"
    crores = Decimal("12345678.50")
    batch = BatchFactory(
        name=f"Batch of {name}", room=name[:60], course__name=f"{name}, I", course__total_fee=crores
    )
    student = StudentFactory(
        user__full_name=name, user__email=f"{name[:28]}.{name[:28]}@{name[:28]}.example.com"
    )
    enrolled(student=student, batch=batch)
    payment = paid(
        student=student, amount="1234567.25", mode="bank_transfer", reference="HDFCN5" * 10
    )
    page = browse(admin)
    about_student = [
        "dashboards:student-page",
        "finance:student-fees",
        "finance:student-payments",
        "finance:statement",
    ]
    pages = [
        *((route, student.pk) for route in about_student),
        ("accounts:person-detail", student.pk),
        ("dashboards:person-list",),
        ("academics:batch-detail", batch.pk),
        ("academics:batch-list",),
        ("finance:payment-create", f"?student={student.pk}"),
        ("finance:payment-list",),
        ("finance:receipt", payment.pk),
        ("finance:dues",),
        ("dashboards:admin-dashboard",),
    ]
    for address in addresses(pages):
        page.goto(address)
        for size in (PHONE["viewport"], DESK["viewport"]):
            page.set_viewport_size(size)
            assert overflow(page) == [], address


def test_api_documentation_renders_on_phone_and_desk(browse):
    page = browse(None)
    page.goto(reverse("api:docs"))
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() == 27
    for size in (PHONE["viewport"], DESK["viewport"]):
        page.set_viewport_size(size)
        assert overflow(page) == []
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector("html.dark-mode")
    assert violations(page, "color-contrast") == []
