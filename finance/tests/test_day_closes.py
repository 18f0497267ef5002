import csv
import io
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connections, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.roles import ADMIN
from accounts.tests.factories import UserFactory, user_with
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE
from coachmaster.imports.models import Import
from finance import checks
from finance.models import DayClose, Payment
from finance.services.cancellations import cancel_receipt
from finance.services.day_closes import close_day
from finance.services.refunds import refund_payment

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db
CLOSE = reverse("finance:day-close")
LIST = reverse("finance:day-close-list")
DAY = timedelta(days=1)
MONDAY = datetime(2026, 6, 1, 6, 30, tzinfo=UTC)


def rupees(text):
    return Decimal(text)


@pytest.fixture
def clerk(db):
    return UserFactory(full_name="Bina Desk", role=ADMIN)


@pytest.fixture
def student(db):
    return enrolled(fee="10000.00", enrolled_on=MONDAY.date()).student


def refund(payment, amount, *, by):
    return refund_payment(
        payment=payment,
        amount=Decimal(amount),
        refunded_on=timezone.localdate(),
        mode="cash",
        reason="Left",
        token=secrets.token_urlsafe(24),
        by=by,
    )


def close_of(person, on):
    return DayClose.objects.get(person=person, closed_on=on)


def test_close_adds_up_opening_receipts_refunds_and_bank(client_of, admin, student):
    with time_machine.travel(MONDAY, tick=False):
        paid(student=student, amount="500.00", by=admin)
        close_day(person=admin, on=timezone.localdate(), counted_cash=rupees("500.00"))
    with time_machine.travel(MONDAY + DAY, tick=False):
        client, today = client_of(admin), timezone.localdate()
        payment = paid(student=student, amount="3000.00", by=admin)
        paid(student=student, amount="700.00", mode="upi", by=admin)
        refund(payment, "200.00", by=admin)
        page = client.get(CLOSE)
        sent = {"opening_cash": "500", "banked_cash": "3000", "counted_cash": "300"}
        answer = client.post(CLOSE, sent, follow=True)

    context = page.context
    assert (
        context["carried"].amount,
        context["received"],
        context["refunded"],
        context["expected"],
    ) == (
        rupees("500.00"),
        rupees("3000.00"),
        rupees("200.00"),
        rupees("3300.00"),
    )
    assert "closed with ₹300.00 in cash, ₹3,000.00 taken to the bank." in answer.content.decode()
    close = close_of(admin, today)
    assert (close.opening_cash, close.system_cash, close.banked_cash, close.counted_cash) == (
        rupees("500.00"),
        rupees("2800.00"),
        rupees("3000.00"),
        rupees("300.00"),
    )
    assert (close.expected_cash, close.difference) == (rupees("300.00"), rupees("0.00"))
    assert not list(checks.find_problems())


def test_other_opening_cash_needs_a_reason(client_of, admin, student):
    with time_machine.travel(MONDAY, tick=False):
        client, today = client_of(admin), timezone.localdate()
        paid(student=student, amount="500.00", by=admin)

        refused = client.post(CLOSE, {"opening_cash": "100", "counted_cash": "600"})
        assert refused.context["form"].errors == {
            "opening_note": ["Carried from the last close: ₹0.00. Explain the difference."]
        }
        sent = {"opening_cash": "100", "opening_note": "Change money", "counted_cash": "600"}
        client.post(CLOSE, sent)

    close = close_of(admin, today)
    assert (close.opening_cash, close.opening_note, close.difference) == (
        rupees("100.00"),
        "Change money",
        rupees("0.00"),
    )
    assert not list(checks.find_problems())


def test_drawers_of_two_people_are_carried_apart(admin, clerk, student):
    with time_machine.travel(MONDAY, tick=False):
        today = timezone.localdate()
        paid(student=student, amount="500.00", by=admin)
        paid(student=student, amount="60.00", by=clerk)
        close_day(person=admin, on=today, counted_cash=rupees("500.00"))
        close_day(person=clerk, on=today, counted_cash=rupees("60.00"))
    with time_machine.travel(MONDAY + DAY, tick=False):
        close_day(person=clerk, on=today + DAY, counted_cash=rupees("60.00"))

    assert close_of(clerk, today + DAY).opening_cash == rupees("60.00")
    assert not list(checks.find_problems())


def import_cash(client, student, amount, on):
    text = f"student,amount,date,mode\n{student.admission_number},{amount},{on},cash\n"
    file = SimpleUploadedFile("rows.csv", text.encode())
    client.post(reverse("imports:import-list"), {"kind": "payments", "file": file})
    upload = Import.objects.latest("pk")
    client.post(reverse("imports:import-apply", args=[upload.pk]))
    assert Payment.objects.filter(student=student, amount=amount, paid_on=on).exists()


@pytest.fixture
def never_closed(client_of, admin, clerk, student):
    """Cash of Anita before Thursday: ₹4,790, and ₹9,000 of old books. She closed no day."""
    with time_machine.travel(MONDAY, tick=False):
        first = paid(student=student, amount="5000.00", by=admin)
        paid(student=student, amount="900.00", mode="upi", by=admin)
        wrong = paid(student=student, amount="7.00", by=admin)
        cancel_receipt(payment=wrong, reason="Typing error", by=clerk)
        of_clerk = paid(student=student, amount="60.00", by=clerk)
    with time_machine.travel(MONDAY + DAY, tick=False):
        import_cash(client_of(admin), student, 9000, (MONDAY - 9 * DAY).date())
        refund(paid(student=student, amount="50.00", by=admin), "20.00", by=admin)
        refund(first, "180.00", by=admin)
    with time_machine.travel(MONDAY + 2 * DAY, tick=False):
        cancel_receipt(payment=of_clerk, reason="Not paid", by=admin)
    with time_machine.travel(MONDAY + 3 * DAY, tick=False):
        paid(student=student, amount="100.00", by=admin)
        yield timezone.localdate()


def test_first_close_opens_with_the_cash_of_the_days_before(client_of, admin, never_closed):
    client = client_of(admin)

    page = client.get(CLOSE)
    assert page.context["carried"] == (rupees("4790.00"), MONDAY.date())
    assert page.context["expected"] == rupees("4890.00")
    text = " ".join(page.content.decode().split())
    assert "<dt>Cash of the days since 1 Jun 2026 that were not closed</dt>" in text
    assert "not closed: ₹4,790.00. Another amount needs a reason." in text

    refused = client.post(CLOSE, {"opening_cash": "0", "counted_cash": "100"})
    assert refused.context["form"].errors == {
        "opening_note": [
            "Cash of the days since 1 Jun 2026 that were not closed: ₹4,790.00. "
            "Explain the difference."
        ]
    }
    refused = client.post(CLOSE, {"counted_cash": "100"})
    assert list(refused.context["form"].errors) == ["note"]

    client.post(CLOSE, {"counted_cash": "4890"})
    close = close_of(admin, never_closed)
    assert (close.opening_cash, close.system_cash, close.difference) == (
        rupees("4790.00"),
        rupees("100.00"),
        rupees("0.00"),
    )
    assert not list(checks.find_problems())
    with time_machine.travel(MONDAY + 4 * DAY, tick=False):
        assert client_of(admin).get(CLOSE).context["carried"] == (rupees("4890.00"), None)


def test_verify_reports_a_first_close_without_the_cash_of_the_days_before(admin, never_closed):
    DayClose.objects.create(
        person=admin, closed_on=never_closed, system_cash=rupees("100"), counted_cash=rupees("100")
    )

    assert list(checks.find_problems()) == [
        "Day close Anita Rao, 2026-06-04: it opens with ₹0.00 without a reason, the days before "
        "left ₹4,790.00."
    ]


def test_cash_that_a_clerk_imports_for_an_earlier_day_is_in_their_drawer(client_of, student):
    desk = user_with(
        SEE_WHOLE_INSTITUTE, "imports.add_import", "finance.add_payment", "finance.add_dayclose"
    )
    with time_machine.travel(MONDAY, tick=False):
        client = client_of(desk)
        import_cash(client, student, 500, (MONDAY - DAY).date())
        page = client.get(CLOSE)

    assert page.context["carried"] == (rupees("500.00"), (MONDAY - DAY).date())


def test_form_of_the_first_close_needs_the_same_queries_after_many_days(
    client_of, admin, student, queries_of
):
    client = client_of(admin)

    def queries_after(days):
        for day in range(days):
            with time_machine.travel(MONDAY + day * DAY, tick=False):
                other = paid(student=student, amount="1.00", by=admin)
                cancel_receipt(payment=other, reason="x", by=admin)
                refund(paid(student=student, amount="5.00", by=admin), "5.00", by=admin)
        client.get(CLOSE)
        return queries_of(lambda: client.get(CLOSE))

    assert queries_after(1) == queries_after(9)


@pytest.fixture
def below_zero(admin, student):
    """Monday: ₹200 received by card. Tuesday: ₹50 of it refunded in cash, nothing received."""
    with time_machine.travel(MONDAY, tick=False):
        payment = paid(student=student, amount="200.00", mode="card", by=admin)
    with time_machine.travel(MONDAY + DAY, tick=False):
        refund(payment, "50.00", by=admin)
        yield timezone.localdate()


@pytest.mark.parametrize("counted, next_opening", [("0", "0.00"), ("-50", "-50.00")])
def test_drawer_below_zero_is_closed_with_a_note(
    client_of, admin, below_zero, counted, next_opening
):
    client = client_of(admin)

    refused = client.post(CLOSE, {"counted_cash": counted})
    assert list(refused.context["form"].errors) == ["note"]
    sent = {"counted_cash": counted, "note": "Refund paid with my own money"}
    assert client.post(CLOSE, sent).status_code == 302

    assert close_of(admin, below_zero).expected_cash == rupees("-50.00")
    assert not list(checks.find_problems())
    with time_machine.travel(MONDAY + 2 * DAY, tick=False):
        page = client_of(admin).get(CLOSE)
    assert page.context["carried"].amount == rupees(next_opening)


@pytest.mark.parametrize("counted", ["-50.01", "-1000"])
def test_less_than_the_drawer_lacks_cannot_be_counted(client_of, admin, below_zero, counted):
    answer = client_of(admin).post(CLOSE, {"counted_cash": counted, "note": "x"})

    assert answer.context["form"].errors["counted_cash"] == [
        "Enter the cash that was counted, zero or more, or down to −₹50.00 if that was paid with "
        "own money."
    ]
    assert not DayClose.objects.exists()


@pytest.mark.parametrize(
    "field, typed",
    [
        ("banked_cash", "-5"),
        ("banked_cash", "NaN"),
        ("opening_cash", "--5"),
        ("opening_cash", "9" * 5000),
        ("seen_cash", "1e5"),
        ("counted_cash", "−"),
    ],
)
def test_invalid_amounts_close_nothing(client_of, admin, field, typed):
    sent = {"counted_cash": "0", "note": "x", "opening_note": "x", field: typed}

    assert client_of(admin).post(CLOSE, sent).context["form"].errors
    assert not DayClose.objects.exists()


def test_entry_made_after_the_page_was_opened_must_be_seen_first(client_of, admin, student):
    client = client_of(admin)
    paid(student=student, amount="500.00", by=admin)
    seen = client.get(CLOSE).context["form"]["seen_cash"].value()
    paid(student=student, amount="70.00", by=admin)
    sent = {"counted_cash": "500", "note": "Counted by me", "seen_cash": seen}

    refused = client.post(CLOSE, sent)
    assert "the cash is ₹570.00 now, not ₹500.00" in refused.content.decode()
    assert not DayClose.objects.exists()

    sent |= {"counted_cash": "570", "seen_cash": refused.context["form"]["seen_cash"].value()}
    assert client.post(CLOSE, sent).status_code == 302
    assert DayClose.objects.get().difference == rupees("0.00")


def test_owner_closes_the_day_of_a_clerk(client_of, admin, clerk, student):
    paid(student=student, amount="60.00", by=clerk)
    clerk.is_active = False
    clerk.save()
    client, today = client_of(admin), timezone.localdate()
    book = client.get(reverse("finance:day-book")).content.decode()
    url = f"{CLOSE}?on={today}&person={clerk.pk}"

    assert url.replace("&", "&amp;") in book
    answer = client.post(url, {"counted_cash": "60"}, follow=True)

    assert "of Bina Desk closed with ₹60.00 in cash" in answer.content.decode()
    close = DayClose.objects.get()
    assert (close.person, close.closed_by, close.closed_on) == (clerk, admin, today)
    assert f"person={clerk.pk}" not in answer.content.decode().split("<tbody>")[1]
    again = client.post(url, {"counted_cash": "60"})
    assert "Bina Desk’s days up to" in again.content.decode()


def test_form_of_a_closed_day_leads_to_the_day_book(client_of, admin):
    today = timezone.localdate()
    close_day(person=admin, on=today, counted_cash=rupees("0.00"))

    for on in (today, today - DAY):
        answer = client_of(admin).get(CLOSE, {"on": on}, follow=True)
        assert answer.redirect_chain == [(f"{reverse('finance:day-book')}?on={on}", 302)]
        assert "of Anita Rao is closed." in answer.content.decode()


def test_nobody_closes_the_day_of_others_without_the_permission(client_of, admin, clerk, student):
    paid(student=student, amount="60.00", by=admin)
    group = Group.objects.get(name=ADMIN)
    group.permissions.remove(Permission.objects.get(codename="close_day_of_others"))
    client, url = client_of(clerk), f"{CLOSE}?person={admin.pk}"

    assert (client.get(url).status_code, client.post(url, {"counted_cash": "60"}).status_code) == (
        403,
        403,
    )
    assert f"person={admin.pk}" not in client.get(reverse("finance:day-book")).content.decode()
    assert not DayClose.objects.exists()
    assert client.post(CLOSE, {"counted_cash": "0"}).status_code == 302


def test_people_without_entries_have_no_day_to_close(client_of, admin, student):
    client = client_of(admin)

    for pk in (student.pk, 2**63 - 1):
        assert client.get(f"{CLOSE}?person={pk}").status_code == 404


def test_closed_day_is_printed_with_all_figures(client_of, admin, clerk, student):
    client = client_of(admin)
    payment = paid(student=student, amount="3000.00", by=clerk)
    wrong = paid(student=student, amount="40.00", by=clerk)
    cancel_receipt(payment=wrong, reason="Typing error", by=clerk)
    upi = paid(student=student, amount="700.00", mode="upi", by=clerk)
    refund(payment, "200.00", by=clerk)
    other = paid(student=student, amount="11.00", by=admin)
    close = close_day(
        person=clerk,
        by=admin,
        on=timezone.localdate(),
        opening_cash=rupees("100.00"),
        opening_note="Change money",
        banked_cash=rupees("2500.00"),
        counted_cash=rupees("390.00"),
        note="Ten short",
    )
    paid(student=student, amount="9.00", by=clerk)  # in the next book

    answer = client.get(close.get_absolute_url())

    text = " ".join(answer.content.decode().split())
    for figure in ["₹100.00", "₹3,040.00", "−₹40.00", "−₹200.00", "−₹2,500.00"]:
        assert f"<dd>{figure}</dd>" in text
    for figure in ["₹400.00", "₹390.00", "−₹10.00", "₹3,500.00"]:
        assert f"<dd><strong>{figure}</strong></dd>" in text
    for words in ["Change money", "Ten short", "Bina Desk, cashier", "Owner", "by Anita Rao"]:
        assert words in text
    assert all(str(receipt) in text for receipt in (payment, wrong, upi))
    assert str(other) not in text and "₹9.00" not in text
    assert not list(checks.find_problems())


def test_page_of_a_closed_day_needs_the_same_queries_however_full(
    client_of, admin, student, queries_of
):
    client = client_of(admin)

    def queries_with(entries, on):
        with time_machine.travel(MONDAY + on * DAY, tick=False):
            for _ in range(entries):
                paid(student=student, amount="1.00", by=admin)
                other = paid(student=student, amount="1.00", by=admin)
                cancel_receipt(payment=other, reason="x", by=admin)
                refund(paid(student=student, amount="5.00", by=admin), "5.00", by=admin)
            close = close_day(
                person=admin, on=timezone.localdate(), counted_cash=rupees("0.00"), note="x"
            )
        client.get(close.get_absolute_url())
        return queries_of(lambda: client.get(close.get_absolute_url()))

    assert queries_with(1, 0) == queries_with(5, 1)


@pytest.fixture
def closes(admin, clerk, student):
    """Anita, Monday: ₹300 of ₹500 to the bank. Tuesday: ₹5 short. Bina, Monday: ₹60."""
    with time_machine.travel(MONDAY, tick=False):
        today = timezone.localdate()
        paid(student=student, amount="500.00", by=admin)
        paid(student=student, amount="60.00", by=clerk)
        close_day(
            person=admin, on=today, counted_cash=rupees("200.00"), banked_cash=rupees("300.00")
        )
        close_day(person=clerk, by=admin, on=today, counted_cash=rupees("60.00"))
    with time_machine.travel(MONDAY + DAY, tick=False):
        close_day(person=admin, on=today + DAY, counted_cash=rupees("195.00"), note="Five short")
    return DayClose.objects.order_by("pk")


def test_closes_are_listed_newest_first_with_totals(client_of, admin, closes):
    context = client_of(admin).get(LIST).context

    first, second, third = closes
    assert list(context["page"]) == [third, second, first]
    assert (context["banked"], context["difference"]) == (rupees("300.00"), rupees("-5.00"))


@pytest.mark.parametrize(
    "filters, expected",
    [
        ({"shows": "difference"}, [2]),
        ({"first": "2026-06-02"}, [2]),
        ({"last": "2026-06-01"}, [1, 0]),
        ({"last": "yesterday", "person": "x"}, [2, 1, 0]),
        ({"sort": "bank"}, [1, 2, 0]),
    ],
)
def test_closes_are_filtered_and_sorted(client_of, admin, closes, filters, expected):
    page = client_of(admin).get(LIST, filters).context["page"]

    assert [list(closes).index(close) for close in page] == expected


def test_closes_of_one_person(client_of, admin, clerk, closes):
    page = client_of(admin).get(LIST, {"person": clerk.pk}).context["page"]

    assert [close.person for close in page] == [clerk]


def test_closes_are_exported(client_of, admin, closes):
    answer = client_of(admin).get(LIST, {"as": "csv", "sort": "day"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))

    assert [row["Person"] for row in rows] == ["Anita Rao", "Bina Desk", "Anita Rao"]
    assert [row["Expected cash"] for row in rows] == ["200.00", "60.00", "200.00"]
    assert [row["Difference"] for row in rows] == ["0.00", "0.00", "-5.00"]
    assert [row["Closed by"] for row in rows] == ["Anita Rao"] * 3


def test_list_of_closes_needs_the_same_queries_however_long(client_of, admin, closes, queries_of):
    client = client_of(admin)
    client.get(LIST)
    few = queries_of(lambda: client.get(LIST))
    for days in range(2, 20):
        with time_machine.travel(MONDAY + days * DAY, tick=False):
            close_day(person=admin, on=timezone.localdate(), counted_cash=rupees("195.00"))

    assert queries_of(lambda: client.get(LIST)) == few


@pytest.mark.parametrize(
    "values, name",
    [
        ({"counted_cash": 80}, "day_close_difference_has_a_note"),
        ({"counted_cash": -1, "opening_cash": -91}, "day_close_below_zero_has_a_note"),
        ({"counted_cash": 91, "banked_cash": -1}, "day_close_banked_not_negative"),
    ],
)
def test_database_refuses_a_close_that_does_not_add_up(admin, values, name):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        DayClose.objects.create(
            person=admin, closed_on=MONDAY.date(), **{"system_cash": 90, **values}
        )


def test_verify_reports_an_opening_that_is_not_the_last_count(admin):
    for day, opening in [(0, 0), (1, 5)]:
        DayClose.objects.create(
            person=admin,
            closed_on=MONDAY.date() + day * DAY,
            opening_cash=opening,
            system_cash=0,
            counted_cash=7,
            note="x",
        )

    assert list(checks.drawers()) == [
        "Day close Anita Rao, 2026-06-02: it opens with ₹5.00 without a reason, the last close "
        "left ₹7.00."
    ]


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_closes_at_once_close_the_day_once(admin, student):
    paid(student=student, amount="500.00", by=admin)
    today = timezone.localdate()

    def close(_):
        try:
            return close_day(person=admin, on=today, counted_cash=rupees("500.00"))
        except ValidationError as refusal:
            return refusal.messages
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(close, range(4)))

    assert sum(isinstance(result, DayClose) for result in results) == 1
    assert sum("are already closed" in str(result) for result in results) == 3
    assert not list(checks.find_problems())
