import csv
import datetime
import io
import secrets
from decimal import Decimal

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from academics.tests.factories import BatchFactory
from accounts.tests.factories import StudentFactory
from finance import checks
from finance.ledger import fee_status
from finance.models import Charge, Payment
from finance.reports import summaries
from finance.reports.collections import CollectionsReport, CollectionTotals, months_of
from finance.reports.day_book import DayBook
from finance.services import charges, concessions, refunds
from finance.services.cancellations import cancel_receipt

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db
PAGE = reverse("finance:collections")
NOON = datetime.datetime(2026, 6, 10, 6, 30, tzinfo=datetime.UTC)


@pytest.fixture
def year(admin):
    """June 2026. JEE: ₹600 due in May and ₹400 in June, concession ₹50; ₹700.35 paid in May, ₹5
    cancelled, ₹100 refunded in June. NEET: ₹300 due in June, ₹120 paid. ₹9 of last year.
    """
    day = datetime.date
    with time_machine.travel(NOON):
        jee = BatchFactory(
            name="J1",
            course__name="JEE",
            course__total_fee=Decimal("1000.00"),
            starts_on=day(2026, 4, 1),
        )
        neet = BatchFactory(
            name="N1",
            course__name="NEET",
            course__total_fee=Decimal("300.00"),
            starts_on=day(2026, 4, 1),
        )
        asha = enrolled(
            batch=jee,
            installments=[
                (day(2026, 5, 5), Decimal("600.00")),
                (day(2026, 6, 30), Decimal("400.00")),
            ],
        ).student
        concessions.request_concession(
            student=asha,
            charges=list(Charge.objects.filter(student=asha, due_on=day(2026, 6, 30))),
            kind="merit",
            reason="first",
            amount=Decimal("50.00"),
            by=admin,
        )
        bela = enrolled(batch=neet, due_on=day(2026, 6, 1)).student
        paid(student=bela, amount="9.00", paid_on=day(2026, 3, 31), by=admin)
        first = paid(student=asha, amount="700.35", paid_on=day(2026, 5, 31), by=admin)
        paid(student=bela, amount="120.00", mode="upi", by=admin)
        cancel_receipt(
            payment=paid(student=bela, amount="5.00", by=admin), reason="typing error", by=admin
        )
        refunds.refund_payment(
            payment=first,
            amount=Decimal("100.00"),
            refunded_on=day(2026, 6, 10),
            mode="cash",
            reason="too much",
            token=secrets.token_urlsafe(24),
            by=admin,
        )
        yield {"jee": jee, "neet": neet, "asha": asha, "bela": bela}


def flow(due="0", received="0", refunded="0"):
    return CollectionTotals(Decimal(due), Decimal(received), Decimal(refunded))


def test_report_shows_fees_due_and_received_by_month_course_and_batch(client_of, admin, year):
    context = client_of(admin).get(PAGE).context

    months = {f"{first:%b}": found for first, found in context["by_month"] if found}
    assert months == {"May": flow("600", "700.35"), "Jun": flow("650", "120", "100")}
    assert context["by_course"] == [
        (year["jee"].course, flow("950", "700.35", "100")),
        (year["neet"].course, flow("300", "120")),
    ]
    assert context["by_batch"] == [
        (year["jee"], flow("950", "700.35", "100")),
        (year["neet"], flow("300", "120")),
    ]
    assert (context["total"], context["total"].net, context["total"].percent) == (
        flow("1250", "820.35", "100"),
        Decimal("720.35"),
        57,
    )


def test_report_of_a_year_and_a_course(client_of, admin, year):
    client = client_of(admin)

    assert client.get(PAGE, {"year": 2025}).context["total"] == flow(received="9")
    assert client.get(PAGE, {"course": year["neet"].course_id}).context["total"] == flow(
        "300", "120"
    )
    assert client.get(PAGE, {"year": "x", "course": "9" * 30}).context["total"] == flow(
        "1250", "820.35", "100"
    )


def test_all_reports_agree_to_the_paisa(client_of, admin, year):
    client = client_of(admin)
    today = timezone.localdate()
    collected = CollectionsReport(months_of(2026))
    span = {"from": "2026-04-01", "to": "2027-03-31", "status": "valid"}

    received = collected.total.received
    assert received == client.get(reverse("finance:payment-list"), span).context["total"]
    dashboard = dict(summaries.collections_summary(today).months)
    assert {first: flow.received for first, flow in collected.by_month if first <= today} == {
        first: amount for first, amount in dashboard.items() if first >= datetime.date(2026, 4, 1)
    }
    days = Payment.objects.order_by().values_list("booked_on", flat=True).distinct()
    books = [DayBook(day) for day in {*days, today}]
    every = CollectionsReport(months_of(2026)).total
    every += CollectionsReport(months_of(2025)).total
    assert sum(book.net for book in books) == every.net
    statements = [fee_status(year[name], today) for name in ("asha", "bela")]
    assert sum(status.total_paid for status in statements) == every.net
    assert sum(status.total_fee - status.conceded for status in statements) == every.due
    owed = client.get(reverse("finance:dues")).context["totals"].amount
    assert (
        owed
        == sum(max(status.balance, 0) for status in statements)
        == summaries.dues_summary(today).amount
    )


def test_report_is_exported(client_of, admin, year):
    client = client_of(admin)
    answer = client.get(PAGE, {"as": "csv"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))

    assert [(row["Month"], row["Batch"], row["Received"]) for row in rows] == [
        ("2026-05", "J1", "700.35"),
        ("2026-06", "J1", "0.00"),
        ("2026-06", "N1", "120.00"),
    ]
    assert b"".join(client.get(PAGE, {"as": "xlsx"}).streaming_content)[:2] == b"PK"


def test_report_needs_the_same_queries_however_large(client_of, admin, queries_of):
    client = client_of(admin)

    def pay(students):
        for _ in range(students):
            paid(student=enrolled(fee="100.00").student, amount="1.00")
        return queries_of(lambda: client.get(PAGE))

    pay(1)  # what the first request remembers is asked for
    assert pay(1) == pay(6)


def test_batches_are_paged_with_the_largest_first(client_of, admin):
    for rupees in range(1, 32):
        paid(student=enrolled(fee="100.00").student, amount=f"{rupees}.00")
    client = client_of(admin)

    first, second = (client.get(PAGE, {"page": page}).context["by_batch"] for page in (1, 2))

    assert [flow.received for _, flow in [*first, *second]] == list(range(31, 0, -1))
    assert (len(first), len(second)) == (30, 1)


def test_amounts_without_a_batch_have_their_own_row(client_of, admin):
    student = StudentFactory()
    day = timezone.localdate()
    for amount in ("70.00", "5.00"):
        charges.post_charges(
            students=[student],
            kind="exam",
            label="",
            amount=Decimal(amount),
            due_on=day,
            token=amount,
            by=admin,
        )
    refunds.refund_payment(
        payment=paid(student=student, amount="40.00"),
        amount=Decimal("3.00"),
        refunded_on=day,
        mode="cash",
        reason="too much",
        token="back",
        by=admin,
    )

    assert client_of(admin).get(PAGE).context["by_batch"] == [(None, flow("75", "40", "3"))]
    assert list(checks.find_problems()) == []


def test_report_of_an_empty_institute_is_empty(client_of, admin):
    assert client_of(admin).get(PAGE).context["total"] == CollectionTotals()


def test_collections_are_for_the_fee_desk_only(client_of, student, instructor):
    for person in (student, instructor):
        assert client_of(person).get(PAGE).status_code == 403
