"""Dashboards, the hub and search: whose they are, and that each figure equals the list it links to."""

import datetime
import re
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from academics.tests.factories import BatchFactory, DailyBatchFactory, EnrollmentFactory
from accounts.roles import ADMIN
from accounts.tests.factories import StudentFactory, UserFactory
from attendance.tests.factories import taken
from finance.services import cancellations
from finance.tests.factories import enrolled, paid

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


@pytest.mark.parametrize(
    ("who", "name"),
    [
        ("admin", "admin-dashboard"),
        ("instructor", "instructor-dashboard"),
        ("student", "student-dashboard"),
    ],
)
def test_everybody_is_led_to_their_own_dashboard(client_of, request, who, name):
    client = client_of(request.getfixturevalue(who))

    assert client.get("/").url == reverse("dashboards:dashboard")
    assert client.get("/dashboard/").url == reverse(f"dashboards:{name}")


def test_an_admin_has_the_instructors_dashboard_only_when_teaching(client_of, admin):
    client = client_of(admin)
    assert client.get(reverse("dashboards:instructor-dashboard")).status_code == 403

    BatchFactory(instructor=admin)

    assert client.get(reverse("dashboards:instructor-dashboard")).status_code == 200


def test_an_empty_institute_is_greeted_with_its_first_steps(client_of, admin):
    response = client_of(admin).get(reverse("dashboards:admin-dashboard"))

    assert [step.is_done for step in response.context["steps"]] == [False, False, False]

    BatchFactory()
    response = client_of(admin).get(reverse("dashboards:admin-dashboard"))

    assert [step.is_done for step in response.context["steps"]] == [True, True, False]


def test_the_figures_of_the_admin_dashboard(client_of, admin):
    today = timezone.localdate()
    owing = enrolled(fee="10000.00")
    paid(student=owing.student, amount="2500.00", mode="upi")
    void = paid(student=owing.student, amount="500.00")
    cancellations.cancel_receipt(payment=void, reason="wrong student", by=admin)
    enrolled(fee="3000.00", due_on=today + 5 * DAY)
    ahead = enrolled(fee="1000.00")
    paid(student=ahead.student, amount="1200.00")

    context = client_of(admin).get(reverse("dashboards:admin-dashboard")).context

    assert context["received"].today == Decimal("3700.00")
    assert [(mode.value, amount) for mode, amount in context["received"].by_mode] == [
        ("cash", Decimal("1200.00")),
        ("upi", Decimal("2500.00")),
    ]
    assert (context["owed"].amount, context["owed"].students) == (Decimal("10500.00"), 2)
    assert (context["owed"].overdue, context["owed"].overdue_students) == (Decimal("7500.00"), 1)
    assert (context["active_students"], context["running_batches"]) == (3, 3)


def test_the_admin_dashboard_costs_the_same_however_large(client_of, admin, queries_of):
    client, page = client_of(admin), reverse("dashboards:admin-dashboard")

    def add(rows):
        for _ in range(rows):
            batch = DailyBatchFactory()
            paid(student=enrolled(batch=batch).student, amount="100.00")
            taken(batch, timezone.localdate())
        client.get(page)
        return queries_of(lambda: client.get(page))

    assert add(1) == add(3)
    assert len(client.get(page).context["classes"]) == 4


def test_the_instructors_dashboard_costs_the_same_however_large(client_of, instructor, queries_of):
    client, page = client_of(instructor), reverse("dashboards:instructor-dashboard")

    def add(rows):
        for batch in DailyBatchFactory.create_batch(rows, instructor=instructor):
            EnrollmentFactory(batch=batch)
            taken(batch, timezone.localdate())
        client.get(page)
        return queries_of(lambda: client.get(page))

    assert add(1) == add(3)
    context = client.get(page).context
    assert len(context["batches"]) == 4
    assert context["missing"]


def test_the_hub_costs_the_same_however_long_the_history(client_of, admin, queries_of):
    student = enrolled(fee="10000.00").student
    client, page = client_of(admin), reverse("dashboards:student-page", args=[student.pk])

    def pay(times):
        for _ in range(times):
            paid(student=student, amount="100.00")
        client.get(page)
        return queries_of(lambda: client.get(page))

    assert pay(1) == pay(3)
    context = client.get(page).context
    assert len(context["payments"]) == 4
    assert context["fees"].balance == Decimal("9600.00")


def test_an_instructor_sees_the_hub_of_their_students_without_money(client_of, instructor):
    mine = enrolled(batch=BatchFactory(instructor=instructor))
    other = enrolled()
    client = client_of(instructor)

    response = client.get(reverse("dashboards:student-page", args=[mine.student_id]))

    assert response.status_code == 200
    assert "fees" not in response.context
    assert "₹" not in response.content.decode()
    assert (
        client.get(reverse("dashboards:student-page", args=[other.student_id])).status_code == 404
    )


def test_search_finds_by_part_of_everything_a_parent_may_say(client_of, admin):
    student = StudentFactory(
        user__full_name="Asha Verma",
        user__phone="9876543210",
        user__email="asha@example.com",
        admission_number="26-00042",
    )
    student.guardian_phone = "9123456789"
    student.save()
    student.user.save()
    enrollment = enrolled(student=student)
    receipt = paid(student=enrollment.student, amount="1.00")
    StudentFactory(user__full_name="Ravi Iyer")
    hub = reverse("dashboards:student-page", args=[student.pk])
    client = client_of(admin)

    for words in (
        "verm",
        "asha v",
        "98765",
        "asha@",
        "26-00042",
        "912345",
        receipt.receipt_number,
        "CM/26-27/00001",
    ):
        assert client.get(reverse("dashboards:search"), {"q": words}).url == hub, words


def test_search_shows_several_matches_and_says_when_there_are_none(client_of, admin):
    StudentFactory.create_batch(2)
    client = client_of(admin)

    assert len(client.get(reverse("dashboards:search"), {"q": "student"}).context["students"]) == 2
    assert "Nobody found" in client.get(reverse("dashboards:search"), {"q": "zzz"}).content.decode()


def test_search_ignores_letter_case_in_every_script(client_of, admin):
    student = StudentFactory(user__full_name="ÉLODIE Ünal")
    StudentFactory(user__full_name="आशा वर्मा")

    response = client_of(admin).get(reverse("dashboards:search"), {"q": "élodie ÜNAL"})

    assert response.url == reverse("dashboards:student-page", args=[student.pk])


def test_an_instructor_finds_only_their_own_students(client_of, instructor):
    enrolled(student=StudentFactory(user__full_name="Other One"))
    mine = enrolled(
        batch=BatchFactory(instructor=instructor), student=StudentFactory(user__full_name="Own One")
    )

    response = client_of(instructor).get(reverse("dashboards:search"), {"q": "one"})

    assert response.url == reverse("dashboards:student-page", args=[mine.student_id])


def test_the_suggestions_are_the_first_eight(client_of, admin):
    StudentFactory.create_batch(9)

    response = client_of(admin).get(reverse("dashboards:search-suggestions"), {"q": "student"})

    assert len(response.context["students"]) == 8


def test_the_site_says_whether_it_is_up_to_anybody(client, db):
    response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok")


def test_an_admin_is_staff_in_django_admin_and_nobody_else_is(client_of, student, instructor):
    assert UserFactory(role=ADMIN).is_staff
    assert not instructor.is_staff
    assert not student.user.is_staff


def test_the_students_dashboard_shows_what_is_theirs(client_of):
    batch = DailyBatchFactory(course__total_fee=Decimal("10000.00"))
    enrollment = enrolled(batch=batch)
    taken(batch, timezone.localdate(), **{f"s{enrollment.student_id}": "late"})
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
    context = client.get(reverse("dashboards:admin-dashboard")).context

    dues = client.get(reverse("finance:dues")).context
    overdue = client.get(reverse("finance:dues"), {"age": "overdue"}).context
    students = client.get(reverse("accounts:person-list"), {"show": "enrolled"}).context["people"]
    batches = client.get(reverse("academics:batch-list"), {"when": "running"}).context["batches"]
    payments = client.get(reverse("finance:payment-list"), {"state": "standing"}).context["listing"]

    assert (
        sum(debtor.account.owed for debtor in dues["debtors"])
        == context["owed"].amount
        == Decimal("11500.00")
    )
    assert dues["listing"].total == context["owed"].students == 3
    assert (
        sum(debtor.overdue for debtor in overdue["debtors"])
        == context["owed"].overdue
        == Decimal("11000.00")
    )
    assert overdue["listing"].total == context["owed"].overdue_students == 2
    assert (
        sum(payment.amount for payment in payments)
        == context["received"].month
        == Decimal("2000.00")
    )
    assert students.total == context["active_students"] == 3
    assert batches.total == context["running_batches"] == 3


def test_the_chart_of_a_course_and_an_instructors_figures_stand_on_the_pages_they_link_to(
    client_of, admin, instructor
):
    batch = DailyBatchFactory(instructor=instructor, starts_on=timezone.localdate() - 100 * DAY)
    came, stayed_away = (
        enrolled(batch=batch, enrolled_on=batch.starts_on).student_id for _ in range(2)
    )
    for days_ago in (90, 1):
        taken(
            batch,
            timezone.localdate() - days_ago * DAY,
            **{f"s{came}": "present", f"s{stayed_away}": "absent"},
        )
    [bar] = client_of(admin).get(reverse("dashboards:admin-dashboard")).context["by_course"].bars

    course = client_of(admin).get(bar.href).content.decode()

    assert f"{bar.value} enrolled now" in course and bar.value == "2"
    client = client_of(instructor)
    [(_, tally)] = client.get(reverse("dashboards:instructor-dashboard")).context["batches"]
    register = client.get(reverse("attendance:batch-attendance", args=[batch.pk]))
    assert str(register.context["since_it_began"]) == str(tally) == "2 of 4 · 50 %"
    assert "2 of 4" in register.content.decode()


def test_a_student_without_fees_has_not_paid_any(client_of, student):
    page = client_of(student).get(reverse("dashboards:student-dashboard")).content.decode()

    assert "No fees yet" in page and "The office enrolls you" in page
    assert ">Paid<" not in page and "₹0.00 of" not in page


def test_a_further_group_with_the_scope_works_without_code(client_of):
    from django.contrib.auth.models import Group, Permission

    desk = Group.objects.create(name="Front desk")
    desk.permissions.set(
        Permission.objects.filter(codename__in=["see_whole_institute", "view_user", "add_payment"])
    )
    client = client_of(UserFactory(role="Front desk"))

    assert client.get("/dashboard/").url == reverse("academics:batch-list")
    assert client.get(reverse("accounts:person-list")).status_code == 200
    assert client.get(reverse("finance:payment-create")).status_code == 200
    assert client.get(reverse("finance:dues")).status_code == 403
    assert client.get(reverse("dashboards:admin-dashboard")).status_code == 403


@pytest.mark.parametrize(
    "more", [(), ("view_payment",), ("view_payment", "view_account", "view_charge", "add_payment")]
)
def test_no_page_of_a_further_group_leads_to_one_that_is_closed_to_it(client_of, more):
    from django.contrib.auth.models import Group, Permission

    rights = [
        "see_whole_institute",
        "view_admin_dashboard",
        "view_user",
        "view_course",
        "view_batch",
        "view_enrollment",
    ]
    desk = Group.objects.create(name="Front desk")
    desk.permissions.set(Permission.objects.filter(codename__in=[*rights, *more]))
    enrollment = enrolled(batch=DailyBatchFactory(), fee=1000)
    paid(student=enrollment.student, amount=400)
    taken(enrollment.batch, timezone.localdate(), **{f"s{enrollment.student_id}": "absent"})
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
    ("page", "place"),
    [
        ("/late-fees/", "Dues"),
        ("/concessions/", "Dues"),
        ("/refunds/", "Payments"),
        ("/day-book/", "Payments"),
        ("/holidays/", "Institute"),
        ("/search/?q=zzz", "People"),
    ],
)
def test_the_navigation_shows_where_one_is(client_of, admin, page, place):
    shown = client_of(admin).get(page).content.decode()

    assert re.findall(r'aria-current="page">(?:<svg.*?</svg>)?\s*<span>(\w+)', shown) == [place]
