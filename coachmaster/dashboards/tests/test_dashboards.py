import datetime
import re
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse
from django.utils import timezone

from academics.tests.factories import BatchFactory, DailyBatchFactory, EnrollmentFactory
from accounts.roles import ADMIN
from accounts.tests.factories import StudentFactory, UserFactory
from attendance.tests.factories import save_marks
from finance.services import cancellations
from finance.tests.factories import enrolled, paid

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ("admin", "admin-dashboard"),
        ("instructor", "instructor-dashboard"),
        ("student", "student-dashboard"),
    ],
)
def test_dashboard_redirects_to_own_dashboard(client_of, request, user, name):
    client = client_of(request.getfixturevalue(user))

    assert client.get("/").url == reverse("dashboards:dashboard")
    assert client.get("/dashboard/").url == reverse(f"dashboards:{name}")


def test_admin_who_teaches_has_instructor_dashboard(client_of, admin):
    client = client_of(admin)
    assert client.get(reverse("dashboards:instructor-dashboard")).status_code == 403

    BatchFactory(instructor=admin)

    assert client.get(reverse("dashboards:instructor-dashboard")).status_code == 200


def test_empty_institute_shows_first_steps(client_of, admin):
    response = client_of(admin).get(reverse("dashboards:admin-dashboard"))

    assert [step.is_done for step in response.context["steps"]] == [False, False, False]

    BatchFactory()
    response = client_of(admin).get(reverse("dashboards:admin-dashboard"))

    assert [step.is_done for step in response.context["steps"]] == [True, True, False]


def test_admin_dashboard_shows_figures(client_of, admin):
    today = timezone.localdate()
    enrollment = enrolled(fee="10000.00")
    paid(student=enrollment.student, amount="2500.00", mode="upi")
    void = paid(student=enrollment.student, amount="500.00")
    cancellations.cancel_receipt(payment=void, reason="wrong student", by=admin)
    enrolled(fee="3000.00", due_on=today + 5 * DAY)
    ahead = enrolled(fee="1000.00")
    paid(student=ahead.student, amount="1200.00")

    figures = client_of(admin).get(reverse("dashboards:admin-dashboard")).context["figures"]

    assert figures.collections.today == Decimal("3700.00")
    assert [(mode.value, amount) for mode, amount in figures.collections.by_mode] == [
        ("cash", Decimal("1200.00")),
        ("upi", Decimal("2500.00")),
    ]
    assert (figures.dues.amount, figures.dues.students) == (Decimal("10500.00"), 2)
    assert (figures.dues.overdue, figures.dues.overdue_students) == (Decimal("7500.00"), 1)
    assert (figures.active_students, figures.running_batches) == (3, 3)


def test_query_count_of_admin_dashboard_is_constant(client_of, admin, queries_of):
    client, page = client_of(admin), reverse("dashboards:admin-dashboard")

    def add(rows):
        for _ in range(rows):
            batch = DailyBatchFactory()
            paid(student=enrolled(batch=batch).student, amount="100.00")
            save_marks(batch, timezone.localdate())
        client.get(page)
        return queries_of(lambda: client.get(page))

    assert add(1) == add(3)
    assert len(client.get(page).context["figures"].classes.first) == 4


def test_query_count_of_instructor_dashboard_is_constant(client_of, instructor, queries_of):
    client, page = client_of(instructor), reverse("dashboards:instructor-dashboard")

    def add(rows):
        for batch in DailyBatchFactory.create_batch(rows, instructor=instructor):
            EnrollmentFactory(batch=batch)
            save_marks(batch, timezone.localdate())
        client.get(page)
        return queries_of(lambda: client.get(page))

    assert add(1) == add(3)
    context = client.get(page).context
    assert len(context["batches"]) == 4
    assert context["missing"]


def test_only_admin_is_staff_in_django_admin(client_of, student, instructor):
    assert UserFactory(role=ADMIN).is_staff
    assert not instructor.is_staff
    assert not student.user.is_staff


def test_student_dashboard_shows_own_fees_attendance_and_next_class(client_of):
    batch = DailyBatchFactory(course__total_fee=Decimal("10000.00"))
    enrollment = enrolled(batch=batch)
    save_marks(batch, timezone.localdate(), **{f"s{enrollment.student_id}": "late"})
    paid(student=enrollment.student, amount="4000.00")

    context = client_of(enrollment.student).get(reverse("dashboards:student-dashboard")).context

    assert context["fees"].balance == Decimal("6000.00")
    assert str(context["tally"]) == "1 of 1 · 100 %"
    assert context["next_class"].batch == batch


def test_each_figure_equals_the_list_it_links_to(client_of, admin):
    for fee in ("10000.00", "3000.00"):
        paid(student=enrolled(fee=fee).student, amount="1000.00")
    enrolled(fee="500.00", due_on=timezone.localdate() + 5 * DAY)
    StudentFactory()
    client = client_of(admin)
    figures = client.get(reverse("dashboards:admin-dashboard")).context["figures"]

    dues = client.get(reverse("finance:dues")).context
    overdue = client.get(reverse("finance:dues"), {"age": "overdue"}).context
    students = client.get(reverse("dashboards:person-list"), {"show": "enrolled"}).context["page"]
    batches = client.get(reverse("academics:batch-list"), {"when": "running"}).context["page"]
    payments = client.get(reverse("finance:payment-list"), {"status": "valid"}).context["page"]

    assert (
        sum(debtor.account.dues for debtor in dues["debtors"])
        == figures.dues.amount
        == Decimal("11500.00")
    )
    assert dues["listing"].total == figures.dues.students == 3
    assert (
        sum(debtor.overdue for debtor in overdue["debtors"])
        == figures.dues.overdue
        == Decimal("11000.00")
    )
    assert overdue["listing"].total == figures.dues.overdue_students == 2
    assert (
        sum(payment.amount for payment in payments)
        == figures.collections.month
        == Decimal("2000.00")
    )
    assert students.total == figures.active_students == 3
    assert batches.total == figures.running_batches == 3


def test_course_chart_and_instructor_figures_equal_the_pages_they_link_to(
    client_of, admin, instructor
):
    batch = DailyBatchFactory(instructor=instructor, starts_on=timezone.localdate() - 100 * DAY)
    present, absent = (
        enrolled(batch=batch, enrolled_on=batch.starts_on).student_id for _ in range(2)
    )
    for days_ago in (90, 1):
        save_marks(
            batch,
            timezone.localdate() - days_ago * DAY,
            **{f"s{present}": "present", f"s{absent}": "absent"},
        )
    [bar] = client_of(admin).get(reverse("dashboards:admin-dashboard")).context["by_course"].bars

    course = client_of(admin).get(bar.href).content.decode()

    assert f"{bar.value} enrolled now" in course and bar.value == "2"
    client = client_of(instructor)
    [(_, tally)] = client.get(reverse("dashboards:instructor-dashboard")).context["batches"]
    register = client.get(reverse("attendance:batch-attendance", args=[batch.pk]))
    assert str(register.context["overall_tally"]) == str(tally) == "2 of 4 · 50 %"
    assert "2 of 4" in register.content.decode()


def test_student_without_fees_is_not_shown_as_paid(client_of, student):
    page = client_of(student).get(reverse("dashboards:student-dashboard")).content.decode()

    assert "No fees yet" in page and "The office enrolls you" in page
    assert ">Paid<" not in page and "₹0.00 of" not in page


def test_group_made_by_institute_works_without_code(client_of):
    desk = Group.objects.create(name="Front desk")
    desk.permissions.set(
        Permission.objects.filter(codename__in=["see_whole_institute", "view_user", "add_payment"])
    )
    client = client_of(UserFactory(role="Front desk"))

    assert client.get("/dashboard/").url == reverse("academics:batch-list")
    assert client.get(reverse("dashboards:person-list")).status_code == 200
    assert client.get(reverse("finance:payment-create")).status_code == 200
    assert client.get(reverse("finance:dues")).status_code == 403
    assert client.get(reverse("dashboards:admin-dashboard")).status_code == 403


@pytest.mark.parametrize(
    "more", [(), ("view_payment",), ("view_payment", "view_account", "view_charge", "add_payment")]
)
def test_pages_do_not_link_to_forbidden_pages(client_of, more):
    permissions = [
        "see_whole_institute",
        "view_admin_dashboard",
        "view_user",
        "view_course",
        "view_batch",
        "view_enrollment",
    ]
    desk = Group.objects.create(name="Front desk")
    desk.permissions.set(Permission.objects.filter(codename__in=[*permissions, *more]))
    enrollment = enrolled(batch=DailyBatchFactory(), fee=1000)
    paid(student=enrollment.student, amount=400)
    save_marks(enrollment.batch, timezone.localdate(), **{f"s{enrollment.student_id}": "absent"})
    client = client_of(UserFactory(role="Front desk"))

    for page in (
        reverse("dashboards:admin-dashboard"),
        reverse("dashboards:student-page", args=[enrollment.student_id]),
    ):
        links = set(re.findall(r'<a [^>]*href="(/[^"]*)"', client.get(page).content.decode()))
        assert len(links) > 5
        assert {
            link for link in links if client.get(link.replace("&amp;", "&")).status_code == 403
        } == set()


@pytest.mark.parametrize(
    ("page", "section"),
    [
        ("/late-fees/", "Dues"),
        ("/concessions/", "Dues"),
        ("/refunds/", "Payments"),
        ("/day-book/", "Payments"),
        ("/holidays/", "Institute"),
        ("/search/?q=zzz", "People"),
    ],
)
def test_navigation_marks_current_section(client_of, admin, page, section):
    shown = client_of(admin).get(page).content.decode()

    assert re.findall(r'aria-current="page">\s*(?:<svg.*?</svg>)?\s*<span>(\w+)', shown) == [
        section
    ]
