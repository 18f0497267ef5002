"""Dues are worded the same everywhere: each amount next to its own status and date."""

import datetime
import html
import re
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from academics.tests.factories import BatchFactory
from accounts.tests.factories import StudentFactory
from coachmaster.tests.api import Caller
from finance.due_amounts import DueAmounts

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 12, 1, 6, 30, tzinfo=datetime.UTC)
WORDS = "₹4,000 overdue since 5 Nov · ₹19,200 due today · ₹28,800 later"
DATED = (
    "₹4,000 overdue since 5 Nov 2026 · ₹19,200 due on 1 Dec 2026 · ₹9,600 due on 5 Jan 2027 · "
    "₹19,200 later"
)


@pytest.fixture(autouse=True)
def december():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def owing():
    return enrolled(
        student=StudentFactory(user__full_name="Asha Verma", guardian_phone="9876500001"),
        batch=BatchFactory(course__total_fee=Decimal("53000.00")),
        enrolled_on=datetime.date(2026, 10, 1),
        installments=[
            (datetime.date(2026, 11, 5), Decimal("5000.00")),
            (datetime.date(2026, 12, 1), Decimal("19200.00")),
            (datetime.date(2027, 1, 5), Decimal("9600.00")),
            (datetime.date(2027, 2, 5), Decimal("19200.00")),
        ],
    ).student


@pytest.fixture
def part_paid(owing):
    paid(student=owing, amount="1000.00")
    return owing


def text_of(answer):
    text = html.unescape(strip_tags(answer.content.decode()))
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize(
    ("unpaid", "words"),
    [
        ([(-26, "4000.00"), (0, "19200.00"), (35, "28800.00")], WORDS),
        ([(0, "19200.00"), (35, "28800.00")], "₹19,200 due today · ₹28,800 later"),
        ([(0, "1.50")], "₹1.50 due today"),
        ([(-40, "1.00"), (-26, "2.00")], "₹3 overdue since 22 Oct"),
        ([(-26, "4000.00"), (35, "1.00")], "₹4,000 overdue since 5 Nov · ₹1 later"),
        ([(9, "100.00"), (9, "50.00"), (12, "7.00")], "₹150 due on 10 Dec · ₹7 later"),
        ([(35, "9600.00")], "₹9,600 due on 5 Jan 2027"),
        ([(-400, "1.00")], "₹1 overdue since 27 Oct 2025"),
        ([(5, "0.00")], "Paid"),
    ],
)
def test_each_amount_is_next_to_its_own_date(unpaid, words):
    today = timezone.localdate()
    dues = [(today + datetime.timedelta(days=days), Decimal(rupees)) for days, rupees in unpaid]

    assert str(DueAmounts(today, dues)) == words


def test_an_advance_and_a_student_without_fees_are_named():
    today = timezone.localdate()

    assert str(DueAmounts(today, [], advance=Decimal("500.00"))) == "₹500 in advance"
    assert str(DueAmounts(today, [], has_fees=False)) == "No fees yet"


def test_student_reads_what_is_due_when(client_of, part_paid):
    client = client_of(part_paid.user)

    for name, args in (("student-dashboard", []), ("student-page", [part_paid.pk])):
        page = text_of(client.get(reverse(f"dashboards:{name}", args=args)))
        assert f"Fees Details {WORDS} ₹1,000.00 of ₹53,000.00 paid" in page


def test_pages_of_the_desk_say_what_is_due_when(client_of, admin, part_paid):
    client, enrollment = client_of(admin), part_paid.enrollments.get()

    for answer in (
        client.get(reverse("dashboards:student-page", args=[part_paid.pk])),
        client.get(reverse("finance:payment-create"), {"student": part_paid.pk}),
        client.get(reverse("finance:payment-suggestions"), {"q": "asha"}),
        client.get(reverse("finance:enrollment-complete", args=[enrollment.pk])),
        client.get(reverse("finance:enrollment-drop", args=[enrollment.pk])),
        client.get(reverse("finance:enrollment-transfer", args=[enrollment.pk])),
    ):
        assert WORDS in text_of(answer)


def test_tiles_of_the_fees_page_name_each_amount(client_of, part_paid):
    page = text_of(
        client_of(part_paid.user).get(reverse("finance:student-fees", args=[part_paid.pk]))
    )

    assert "Balance ₹52,000 Overdue since 5 Nov ₹4,000 Due today ₹19,200 Later ₹28,800" in page
    assert "next on 5 Jan 2027" in page


def test_list_of_dues_says_what_is_due_when(client_of, admin, part_paid):
    page = text_of(client_of(admin).get(reverse("finance:dues")))

    assert f"{WORDS.replace(' ·', '')} ₹52,000.00" in page


def test_list_of_a_past_day_does_not_speak_of_today(client_of, admin, part_paid):
    page = text_of(client_of(admin).get(reverse("finance:dues"), {"as_of": "2026-11-05"}))

    assert "Due on 5 Nov 2026 ₹5,000.00" in page
    assert "₹5,000 due on 5 Nov ₹48,000 later ₹53,000.00" in page


def test_admin_dashboard_tells_what_is_due_today(client_of, admin, part_paid):
    page = text_of(client_of(admin).get(reverse("dashboards:admin-dashboard")))

    assert "Dues ₹52,000 1 student · ₹19,200 due today" in page
    assert Caller(admin).get("/dashboard/admin")["due_today"] == 19200


def test_receipt_keeps_what_was_due_after_it(client_of, admin, owing):
    first = paid(student=owing, amount="1000.00")
    last = paid(student=owing, amount="52000.00")
    client = client_of(admin)
    receipt = reverse("finance:receipt", args=[first.pk])

    assert f"Balance after this payment: ₹52,000.00 {DATED}" in text_of(client.get(receipt))
    (words,) = parse_qs(urlsplit(client.get(receipt).context["whatsapp"]).query)["text"]
    assert f"Balance after this payment: ₹52,000.00 ({DATED})." in words
    assert last.dues_after == ""


def test_statement_says_when_the_balance_is_due(client_of, part_paid):
    page = text_of(client_of(part_paid.user).get(reverse("finance:statement", args=[part_paid.pk])))

    assert DATED in page
    assert "Balance due" not in page


def test_reminder_says_what_is_due_when(client_of, admin, part_paid):
    answer = client_of(admin).post(reverse("finance:remind", args=[part_paid.pk]))

    (words,) = parse_qs(urlsplit(answer["Location"]).query)["text"]
    assert f"fees of Asha Verma ({part_paid.admission_number}): {WORDS}." in words
    assert "Please pay ₹23,200.00" in words


def test_fee_status_of_the_api_has_each_amount(part_paid):
    told = Caller(part_paid.user).get(f"/students/{part_paid.pk}/fee-status")

    assert {name: told[name] for name in ("overdue", "overdue_since", "due_today", "later")} == {
        "overdue": 4000,
        "overdue_since": "2026-11-05",
        "due_today": 19200,
        "later": 28800,
    }
    assert told["next_due"] == {"due_date": "2026-11-05", "amount": 4000}
    assert told["dues"] == WORDS
