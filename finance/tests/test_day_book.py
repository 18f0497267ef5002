import csv
import datetime
import io
import secrets
from decimal import Decimal

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone

from accounts.roles import ADMIN
from accounts.tests.factories import UserFactory
from finance import checks
from finance.models import DayClose, Payment
from finance.reports.day_book import DayBook
from finance.services import cancellations, refunds
from finance.services.day_closes import close_day, expected_cash

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db
BOOK = reverse("finance:day-book")
CLOSE = reverse("finance:day-close")
DAY = datetime.timedelta(days=1)
MONDAY = datetime.datetime(2026, 6, 1, 6, 30, tzinfo=datetime.UTC)


def rupees(text):
    return Decimal(text)


def refund(payment, amount, *, by, mode="cash"):
    return refunds.refund_payment(
        payment=payment,
        amount=Decimal(amount),
        refunded_on=timezone.localdate(),
        mode=mode,
        reference="R1" if mode == "upi" else "",
        reason="left",
        token=secrets.token_urlsafe(24),
        by=by,
    )


@pytest.fixture
def clerk(db):
    return UserFactory(full_name="Bina Desk", role=ADMIN)


@pytest.fixture
def day(admin, clerk):
    """Anita: ₹100 cash, ₹40 UPI, ₹10 refunded in cash. Bina: ₹60 cash, ₹5 cash cancelled."""
    student = enrolled(fee="1000.00").student
    first = paid(student=student, amount="100.00", by=admin)
    upi = paid(student=student, amount="40.00", mode="upi", by=admin)
    paid(student=student, amount="60.00", by=clerk)
    wrong = paid(student=student, amount="5.00", by=clerk)
    cancellations.cancel_receipt(payment=wrong, reason="typing error", by=admin)
    refund(upi, "10.00", by=admin)
    return {"first": first, "upi": upi, "wrong": wrong}


def test_day_book_shows_receipts_by_person_and_mode(client_of, admin, clerk, day):
    context = client_of(admin).get(BOOK).context

    anita, bina = context["book"].received
    assert (anita.name, anita.receipts, anita.total) == ("Anita Rao", 2, rupees("140.00"))
    assert (anita.amounts["cash"], anita.amounts["upi"]) == (rupees("100.00"), rupees("40.00"))
    assert (bina.amounts["cash"], bina.receipts) == (rupees("65.00"), 2)
    assert context["total"].total == rupees("205.00")
    book = context["book"]
    assert (book.cancelled_total, book.refunded_total) == (rupees("5.00"), rupees("10.00"))
    assert book.net == rupees("190.00")
    assert [str(payment) for payment in context["payments"]] == list(
        Payment.objects.order_by("pk").values_list("receipt_number", flat=True)
    )


def test_received_by_person_is_less_cancelled_and_refunded(client_of, admin, day):
    anita, bina = client_of(admin).get(BOOK).context["book"].received

    assert (anita.net, anita.net_of("cash"), anita.net_of("upi")) == (
        rupees("130.00"),
        rupees("90.00"),
        rupees("40.00"),
    )
    # Anita cancelled it, but the ₹5 were in no drawer other than Bina's.
    assert (bina.total, bina.cancelled_total, bina.net) == (
        rupees("65.00"),
        rupees("5.00"),
        rupees("60.00"),
    )


def test_person_with_refunds_only_is_in_received_by(admin, clerk):
    with time_machine.travel(MONDAY, tick=False):
        payment = paid(student=enrolled(fee="50.00").student, amount="50.00", by=admin)
    with time_machine.travel(MONDAY + DAY, tick=False):
        refund(payment, "20.00", by=clerk)

    (bina,) = DayBook((MONDAY + DAY).date()).received
    assert (bina.name, bina.receipts, bina.net_of("cash")) == ("Bina Desk", 0, rupees("-20.00"))


def test_day_book_of_one_person_has_their_entries_only(client_of, admin, clerk, day):
    client = client_of(admin)

    context = client.get(BOOK, {"person": clerk.pk}).context
    assert [row.name for row in context["book"].received] == ["Bina Desk"]
    assert [row.number for row in context["book"].cancellations] == [str(day["wrong"])]
    assert (len(context["payments"]), context["book"].net) == (2, rupees("60.00"))
    assert client.get(BOOK, {"person": admin.pk}).context["book"].net == rupees("130.00")
    assert client.get(BOOK, {"person": "9" * 30, "on": "2026-02-31"}).context["book"].net == rupees(
        "190.00"
    )


def test_later_cancellation_does_not_change_an_earlier_book(client_of, admin):
    with time_machine.travel(MONDAY, tick=False):
        payment = paid(student=enrolled(fee="50.00").student, amount="50.00", by=admin)
    with time_machine.travel(MONDAY + DAY, tick=False):
        cancellations.cancel_receipt(payment=payment, reason="not hers", by=admin)

    monday, tuesday = (DayBook((MONDAY + n * DAY).date()) for n in (0, 1))
    assert (monday.total.total, monday.cancelled_total, monday.net) == (
        rupees("50.00"),
        rupees("0.00"),
        rupees("50.00"),
    )
    assert (tuesday.total.total, tuesday.cancelled_total, tuesday.net) == (
        rupees("0.00"),
        rupees("50.00"),
        rupees("-50.00"),
    )


def test_day_book_is_exported_with_signs(client_of, admin, day):
    answer = client_of(admin).get(BOOK, {"as": "csv"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))

    assert [row["Entry"] for row in rows] == ["Receipt"] * 4 + ["Cancelled", "Refund"]
    assert sum(Decimal(row["Amount"]) for row in rows) == rupees("190.00")
    assert b"".join(client_of(admin).get(BOOK, {"as": "xlsx"}).streaming_content)[:2] == b"PK"


def test_day_book_needs_the_same_queries_however_full(client_of, admin, queries_of):
    client = client_of(admin)

    def queries_with(entries):
        for _ in range(entries):
            student = enrolled(fee="100.00").student
            cancellations.cancel_receipt(
                payment=paid(student=student, amount="1.00", by=admin), reason="x", by=admin
            )
            refund(paid(student=student, amount="5.00", by=admin), "5.00", by=admin)
        client.get(BOOK)  # what is remembered for a while is remembered now
        return queries_of(lambda: client.get(BOOK))

    assert queries_with(1) == queries_with(6)


def test_day_book_is_for_the_fee_desk_only(client_of, student, instructor):
    for person in (student, instructor):
        assert client_of(person).get(BOOK).status_code == 403


# Closing ---


def test_expected_cash_is_the_cash_in_the_drawer(admin, clerk, day):
    today = timezone.localdate()

    assert expected_cash(admin, today) == rupees("90.00")  # 100 received, 10 given back
    assert expected_cash(clerk, today) == rupees("60.00")  # the 5 never lay there


def test_cancelling_earlier_cash_reduces_the_cash_of_the_person_cancelling(admin, clerk):
    with time_machine.travel(MONDAY, tick=False):
        payment = paid(student=enrolled(fee="50.00").student, amount="50.00", by=clerk)
    with time_machine.travel(MONDAY + DAY, tick=False):
        cancellations.cancel_receipt(payment=payment, reason="not hers", by=admin)
        assert expected_cash(admin, timezone.localdate()) == rupees("-50.00")
        assert expected_cash(clerk, timezone.localdate()) == rupees("0.00")


def test_cancellation_counts_in_one_book_only(admin):
    with time_machine.travel(MONDAY, tick=False):
        monday = timezone.localdate()
        payment = paid(student=enrolled(fee="50.00").student, amount="50.00", by=admin)
    with time_machine.travel(MONDAY + DAY, tick=False):
        tuesday = timezone.localdate()
        cancellations.cancel_receipt(payment=payment, reason="typing error", by=admin)
        close_day(person=admin, on=monday, counted_cash=rupees("50.00"))
        close_day(person=admin, on=tuesday, counted_cash=rupees("0.00"), note="50 taken out again")

    assert list(DayClose.objects.order_by("closed_on").values_list("system_cash", flat=True)) == [
        rupees("50.00"),
        rupees("-50.00"),
    ]
    assert list(checks.day_closes()) == []


def test_cancellation_after_a_close_is_in_the_next_book(admin, clerk):
    with time_machine.travel(MONDAY):
        today = timezone.localdate()
        payment = paid(student=enrolled(fee="50.00").student, amount="50.00", by=clerk)
        close_day(person=clerk, on=today, counted_cash=rupees("50.00"))
        void = cancellations.cancel_receipt(payment=payment, reason="typing error", by=admin)

    assert void.booked_on == today + DAY
    assert (expected_cash(clerk, today), expected_cash(admin, today)) == (
        rupees("50.00"),
        rupees("0.00"),
    )
    assert expected_cash(admin, today + DAY) == rupees("-50.00")
    assert list(checks.day_closes()) == []


def test_cancellation_is_in_no_book_before_its_receipt(admin, clerk):
    with time_machine.travel(MONDAY):
        today = timezone.localdate()
        close_day(person=clerk, on=today, counted_cash=rupees("0.00"))
        payment = paid(student=enrolled(fee="50.00").student, amount="50.00", by=clerk)
        void = cancellations.cancel_receipt(payment=payment, reason="typing error", by=admin)

    assert payment.booked_on == void.booked_on == today + DAY
    assert expected_cash(clerk, today + DAY) == expected_cash(admin, today + DAY) == rupees("0.00")


def test_day_without_difference_is_closed_without_a_note(client_of, admin, day):
    client = client_of(admin)
    assert client.get(CLOSE).context["expected"] == rupees("90.00")

    answer = client.post(CLOSE, {"counted_cash": "90", "note": ""}, follow=True)

    assert "closed with ₹90.00 in cash." in answer.content.decode()
    closing = DayClose.objects.get()
    assert (closing.person, closing.closed_on, closing.difference) == (
        admin,
        timezone.localdate(),
        rupees("0.00"),
    )
    assert not answer.context["may_close"]


def test_difference_requires_a_note(client_of, admin, day):
    client = client_of(admin)

    refused = client.post(CLOSE, {"counted_cash": "85"})
    assert refused.context["form"].errors["note"] == [
        "This is ₹5.00 less than the expected ₹90.00. Explain it in the note."
    ]
    assert not DayClose.objects.exists()

    client.post(CLOSE, {"counted_cash": "85", "note": "Five rupees of change short"})
    assert DayClose.objects.get().difference == rupees("-5.00")
    assert "Five rupees of change short" in client.get(BOOK).content.decode()


@pytest.mark.parametrize("typed", ["", "-1", "NaN", "1e309", "12.345", "१२३", "9" * 10_000])
def test_invalid_counts_close_nothing(client_of, admin, day, typed):
    assert client_of(admin).post(CLOSE, {"counted_cash": typed, "note": "x"}).context["form"].errors
    assert not DayClose.objects.exists()


def test_entries_after_a_close_are_in_the_next_open_day(admin, clerk):
    with time_machine.travel(MONDAY):
        today = timezone.localdate()
        student = enrolled(fee="500.00", enrolled_on=today).student
        first = paid(student=student, amount="100.00", by=admin)
        close_day(person=admin, on=today, counted_cash=rupees("100.00"))
        late = paid(student=student, amount="20.00", by=admin)
        other = paid(student=student, amount="3.00", by=clerk)
        void = cancellations.cancel_receipt(payment=first, reason="wrong", by=admin)

    assert (first.booked_on, late.booked_on, other.booked_on) == (today, today + DAY, today)
    assert void.booked_on == today + DAY
    assert expected_cash(admin, today + DAY) == rupees("-80.00")
    assert list(checks.find_problems()) == []


def test_day_is_closed_once_and_not_in_advance(admin, day):
    today = timezone.localdate()
    with pytest.raises(ValidationError, match="in the future"):
        close_day(person=admin, on=today + DAY, counted_cash=rupees("0.00"))
    close_day(person=admin, on=today, counted_cash=rupees("90.00"))
    for on in (today, today - DAY):
        with pytest.raises(ValidationError, match="are already closed"):
            close_day(person=admin, on=on, counted_cash=rupees("0.00"))


def test_earlier_open_day_must_be_closed_first(admin):
    with time_machine.travel(MONDAY, tick=False):
        student = enrolled(fee="500.00").student
        close_day(person=admin, on=timezone.localdate(), counted_cash=rupees("0.00"))
    with time_machine.travel(MONDAY + DAY, tick=False):
        paid(student=student, amount="20.00", by=admin)
    today = (MONDAY + 2 * DAY).date()
    with (
        time_machine.travel(MONDAY + 2 * DAY),
        pytest.raises(ValidationError, match="Close 2 Jun 2026 first"),
    ):
        close_day(person=admin, on=today, counted_cash=rupees("0.00"))


def test_day_close_cannot_be_changed_or_deleted(admin, day):
    closing = close_day(person=admin, on=timezone.localdate(), counted_cash=rupees("90.00"))
    with pytest.raises(IntegrityError):
        DayClose.objects.filter(pk=closing.pk).update(counted_cash=rupees("0.00"))


def test_verify_reports_a_close_that_contradicts_its_book(admin, day):
    DayClose.objects.create(
        person=admin,
        closed_on=timezone.localdate(),
        counted_cash=rupees("1.00"),
        system_cash=rupees("1.00"),
    )

    assert list(checks.day_closes()) == [
        f"Day close Anita Rao, {timezone.localdate()}: ₹1.00 was expected, the entries say ₹90.00."
    ]


def test_day_book_opens_with_today_and_no_filters(client_of, admin):
    shown = client_of(admin).get(reverse("finance:day-book"))

    assert shown.context["filters"]["on"].value() == timezone.localdate()
    assert "Clear</a>" not in shown.content.decode()
    assert (
        "Clear</a>"
        in client_of(admin).get(reverse("finance:day-book"), {"on": "2026-06-01"}).content.decode()
    )


def test_all_rows_of_a_printed_list_are_on_one_page(client_of, admin):
    student = enrolled(fee="1000.00").student
    for _ in range(31):
        paid(student=student, amount="1.00", by=admin)
    client = client_of(admin)

    assert len(client.get(BOOK).context["payments"]) == 30
    assert len(client.get(BOOK, {"rows": "all"}).context["payments"]) == 31
    assert len(client.get(BOOK, {"rows": "9" * 30}).context["payments"]) == 30
    payments = client.get(reverse("finance:payment-list"), {"rows": "all"})
    assert len(payments.context["page"]) == 30


def test_paper_names_the_filters(client_of, admin, clerk, day):
    page = client_of(admin).get(BOOK, {"on": timezone.localdate(), "person": clerk.pk})

    assert page.context["filters"].labels[1] == ("Person", "Bina Desk")
    assert "· Person: Bina Desk" in " ".join(page.content.decode().split())
