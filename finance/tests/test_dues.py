"""Who owes: the list, its filters and its totals."""

import datetime
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from academics.tests.factories import BatchFactory
from finance import ledger, reports
from finance.models import Account

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db
DUES = reverse("finance:dues")
DAY = datetime.timedelta(days=1)


@pytest.fixture
def institute_with_dues():
    """₹700 overdue, ₹500 to come, ₹900 of which ₹300 are overdue, one in advance, one who has paid."""
    today = timezone.localdate()
    overdue = enrolled(
        fee="1000.00", batch=BatchFactory(name="A", course__name="JEE", course__total_fee=Decimal("1000"))
    )
    paid(student=overdue.student, amount="300.00")
    upcoming = enrolled(fee="500.00", due_on=today + 9 * DAY)
    both = enrolled(fee="400.00", due_on=today - DAY)
    paid(student=both.student, amount="100.00")
    ledger_charge = both.charges.get()
    type(ledger_charge).objects.create(
        student=both.student, enrollment=both, amount=Decimal("600.00"), posted_on=today, due_on=today
    )
    ledger.refresh_accounts([both.student_id])
    ahead = enrolled(fee="10.00")
    paid(student=ahead.student, amount="25.00")
    settled = enrolled(fee="10.00")
    paid(student=settled.student, amount="10.00")
    return overdue.student, upcoming.student, both.student


def listed(client, **filters):
    context = client.get(DUES, filters).context
    return [debtor.account.student for debtor in context["debtors"]], context["owed"].amount, context["owed"].overdue


def test_who_owes_most_comes_first_and_the_total_is_their_sum(client_of, admin, institute_with_dues):
    overdue, upcoming, both = institute_with_dues
    client = client_of(admin)

    assert listed(client) == ([both, overdue, upcoming], Decimal("2100.00"), Decimal("1000.00"))
    assert listed(client, overdue="on") == ([both, overdue], Decimal("1600.00"), Decimal("1000.00"))
    assert listed(client, sort="-overdue")[0] == [overdue, both, upcoming]


def test_the_list_can_be_narrowed_to_a_course_a_batch_or_a_name(client_of, admin, institute_with_dues):
    overdue, upcoming, both = institute_with_dues
    batch = overdue.enrollments.get().batch
    client = client_of(admin)

    assert listed(client, batch=batch.pk) == ([overdue], Decimal("700.00"), Decimal("700.00"))
    assert listed(client, course=batch.course_id)[0] == [overdue]
    assert listed(client, q=upcoming.admission_number)[0] == [upcoming]
    assert listed(client, batch="99999", course="x", overdue="")[0] == [both, overdue, upcoming]


def test_each_debtor_shows_the_first_open_charge(institute_with_dues):
    today = timezone.localdate()
    accounts = Account.objects.owing().with_overdue(today).order_by("-balance")

    both, overdue, upcoming = reports.debtors(list(accounts), today)

    assert (both.first_open.charge.due_on, both.first_open.open) == (today - DAY, Decimal("300.00"))
    assert (overdue.account.overdue, both.account.overdue, upcoming.account.overdue) == (
        Decimal("700.00"), Decimal("300.00"), Decimal("0.00"),
    )  # fmt: skip


def test_the_kept_totals_say_the_same_as_each_students_page(institute_with_dues):
    today = timezone.localdate()

    for account in Account.objects.with_overdue(today):
        fees = ledger.fee_status(account.student, today)
        assert account.balance == fees.balance
        assert account.overdue == fees.overdue
    assert set(Account.objects.overdue(today)) == {a for a in Account.objects.with_overdue(today) if a.overdue}


@pytest.mark.parametrize("rows", [1, 7])
def test_the_list_costs_the_same_however_long(client_of, admin, rows, django_assert_max_num_queries):
    for _ in range(rows):
        enrolled()
    client = client_of(admin)
    with django_assert_max_num_queries(8):
        client.get(DUES)


def test_dues_are_for_the_desk(client_of, student, instructor):
    for person in (student, instructor):
        assert client_of(person).get(DUES).status_code == 403
