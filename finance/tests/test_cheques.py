import datetime
import io
from decimal import Decimal
from importlib import import_module

import pypdf
import pytest
import time_machine
from django.apps import apps
from django.contrib.messages import get_messages
from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from academics.models import Institute
from accounts.tests.factories import user_with
from finance import checks
from finance.balances import refresh_accounts
from finance.documents import receipts
from finance.documents.statements import statement_data
from finance.ledger import fee_status
from finance.models import Account, Charge, ChequeClearing, ChequeDeposit, LateFeeRule
from finance.reports.collections import CollectionsReport
from finance.reports.day_book import DayBook
from finance.reports.past_dues import PastDues
from finance.reports.summaries import collections_summary
from finance.services.cancellations import bounce_cheque, cancel_receipt
from finance.services.cheques import clear_cheques, deposit_cheques
from finance.services.payments import ExceedsDues, ReceivedMoney, record_payment
from finance.services.refunds import refund_payment
from finance.services.reminders import record_reminders

from .append_only import drop_triggers
from .factories import cleared, enrolled, paid, post_late_fees

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
FIRST = datetime.date(2026, 11, 2)
ZERO = Decimal("0.00")


@pytest.fixture
def clock():
    """Set noon of 2 November 2026; `clock(5)` moves on to the fifth."""
    with time_machine.travel(
        datetime.datetime(2026, 11, 2, 6, 30, tzinfo=datetime.UTC), tick=False
    ) as now:
        yield lambda number: now.move_to(
            datetime.datetime(2026, 11, number, 6, 30, tzinfo=datetime.UTC)
        )


def day(number):
    """A day of November 2026."""
    return FIRST.replace(day=number)


@pytest.fixture
def cheque(clock, student, admin):
    """₹10,000.00 by cheque on 2 November, of ₹30,000.00 that were due on 1 November."""
    enrolled(student=student, fee="30000.00", due_on=day(1), enrolled_on=day(1))
    return by_cheque(student, admin, "10000.00")


def by_cheque(student, by, amount, **fields):
    fields = {"cheque_on": timezone.localdate(), **fields}
    return paid(student=student, amount=amount, mode="cheque", by=by, **fields)


def account_of(payment):
    account = Account.objects.get(pk=payment.student_id)
    return account.balance, account.uncleared


def amounts(*texts):
    return tuple(map(Decimal, texts))


def test_cheque_is_beside_the_dues_until_it_clears(clock, cheque):
    assert account_of(cheque) == amounts("30000.00", "10000.00")
    fees = fee_status(cheque.student, day(2))
    assert (fees.total_paid, fees.balance, fees.uncleared) == amounts("0", "30000", "10000")
    assert Charge.objects.get().open_now == Decimal("30000.00")

    clock(6)
    cleared(cheque, on=day(5))

    assert account_of(cheque) == amounts("20000.00", "0")
    assert Charge.objects.get().open_now == Decimal("20000.00")
    assert list(checks.find_problems()) == []


def test_dashboard_shows_cheques_that_have_not_cleared_beside_the_dues(clock, cheque, desk):
    def figures():
        page = desk.get(reverse("dashboards:admin-dashboard"))
        return " ".join(strip_tags(page.content.decode()).split())

    assert "Dues ₹30,000 1 student · ₹10,000 by cheque, not cleared" in figures()
    cleared(cheque, on=day(2))
    assert "Dues ₹20,000 1 student Overdue" in figures()


def test_past_days_count_a_cheque_from_the_day_it_cleared(clock, cheque):
    clock(8)
    cleared(cheque, on=day(5))

    def balance_on(number):
        found = PastDues(day(number))
        results = found.find()
        (debtor,) = found.debtors(results.ids())
        fees = fee_status(cheque.student, day(number))
        assert debtor.account.dues == results.totals.amount == fees.balance
        assert debtor.account.uncleared == results.totals.uncleared == fees.uncleared
        return fees.balance, fees.uncleared

    assert balance_on(1) == amounts("30000", "0")
    assert balance_on(2) == balance_on(4) == amounts("30000", "10000")
    assert balance_on(5) == balance_on(7) == amounts("20000", "0")


def test_receipt_says_what_the_balance_was_with_the_cheque_beside_it(clock, cheque, admin):
    assert cheque.balance_after == Decimal("30000.00")
    assert cheque.dues_after == (
        "₹30,000 overdue since 1 Nov 2026 · ₹10,000 by cheque, not cleared"
    )
    cash = paid(student=cheque.student, amount="5000.00")
    assert cash.balance_after == Decimal("25000.00")
    assert cash.dues_after.endswith("₹10,000 by cheque, not cleared")

    second = by_cheque(cheque.student, admin, "15000.00")

    assert second.balance_after == Decimal("25000.00")
    assert second.dues_after.endswith("₹25,000 by cheque, not cleared")
    cleared(cheque)
    cleared(second)
    assert paid(student=cheque.student, amount="1.00").dues_after == ""


def test_cheque_settles_what_earlier_cheques_leave(clock, student, admin):
    today = timezone.localdate()
    enrolled(
        student=student,
        fee="3000.00",
        enrolled_on=today,
        installments=[(today, Decimal("1000.00")), (today + DAY, Decimal("2000.00"))],
    )
    first, second = (by_cheque(student, admin, "1000.00") for _ in range(2))

    assert first.settled_lines != second.settled_lines
    assert [str(charge) for charge in Charge.objects.order_by("due_on")] == [
        first.settled_lines[0][0],
        second.settled_lines[0][0],
    ]


def receive(cheque, amount, **fields):
    return record_payment(
        student=cheque.student,
        received=ReceivedMoney(
            amount=Decimal(amount),
            paid_on=timezone.localdate(),
            mode="cash",
            token=f"token{amount}",
            **fields,
        ),
        by=cheque.received_by,
    )


def test_cheque_that_has_not_cleared_counts_against_more_than_the_dues(cheque):
    with pytest.raises(ExceedsDues) as refusal:
        receive(cheque, "20000.01")

    assert refusal.value.dues == Decimal("20000.00")
    assert "The dues are ₹20,000.00, less ₹10,000.00 by cheque" in refusal.value.messages[0]
    receive(cheque, "20000.00")
    with pytest.raises(ExceedsDues):
        receive(cheque, "0.01")
    assert receive(cheque, "0.02", as_advance=True).settled_lines[0][1] == Decimal("0.02")
    assert list(checks.find_problems()) == []


def test_reminders_leave_out_the_cheque(clock, cheque, admin):
    student = cheque.student
    student.guardian_email = "a@example.com"
    student.save()

    def reminded():
        notices = record_reminders([student.pk], channel="email", by=admin, again=True)
        return [notice.amounts.due_now for notice in notices]

    assert reminded() == [Decimal("20000.00")]
    second = by_cheque(student, admin, "20000.00")
    assert reminded() == []
    bounce_cheque(payment=second, bounced_on=day(2), reason="No funds", by=admin)
    assert reminded() == [Decimal("20000.00")]


def test_late_fees_leave_out_the_cheque_until_it_bounces(clock, cheque, admin):
    LateFeeRule.objects.create(name="Late", kind="percent", percent=10, grace_days=3)
    cheque_for_the_rest = by_cheque(cheque.student, admin, "19000.00")
    clock(9)

    (fee,) = post_late_fees(on=day(9), by=admin)

    assert fee.amount == Decimal("100.00")
    assert list(checks.find_problems()) == []
    bounce_cheque(payment=cheque_for_the_rest, bounced_on=day(9), reason="No funds", by=admin)
    assert Account.objects.get().uncleared == Decimal("10000.00")


def test_student_whose_cheque_covers_everything_gets_no_late_fee(clock, cheque, admin):
    LateFeeRule.objects.create(name="Late", kind="fixed", amount=100, grace_days=3)
    rest = by_cheque(cheque.student, admin, "20000.00")
    clock(9)

    assert post_late_fees(on=day(9), by=admin) == []
    bounce_cheque(payment=rest, bounced_on=day(9), reason="No funds", by=admin)
    assert [fee.amount for fee in post_late_fees(on=day(9), by=admin)] == [Decimal("100.00")]


def test_day_book_counts_a_cheque_on_the_day_received_and_collections_when_it_clears(clock, cheque):
    clock(5)
    november = datetime.date(2026, 11, 1)
    assert CollectionsReport([november]).total.received == ZERO
    cleared(cheque)

    assert (DayBook(day(2)).total.total, DayBook(day(5)).total.total) == amounts("10000", "0")
    report = CollectionsReport([november])
    assert report.total.received == Decimal("10000.00")
    assert [row.totals.received for row in report.rows] == [Decimal("10000.00")]
    assert [totals.received for _, totals in report.by_batch] == [Decimal("10000.00")]
    assert collections_summary(day(5)).today == Decimal("10000.00")
    assert collections_summary(day(4)).month == ZERO
    assert collections_summary(day(5)).by_mode == [("cheque", Decimal("10000.00"))]
    cancel_receipt(payment=cheque, reason="Wrong student", by=cheque.received_by)
    assert CollectionsReport([november]).total.received == ZERO
    assert collections_summary(day(5)).month == ZERO


def test_cheque_that_has_not_cleared_cannot_be_refunded(clock, cheque, admin):
    def refund(on):
        return refund_payment(
            payment=cheque,
            amount=Decimal("10.00"),
            refunded_on=on,
            mode="cash",
            reason="Left",
            token="t",
            by=admin,
        )

    with pytest.raises(ValidationError, match="has not cleared, so it cannot be refunded"):
        refund(day(2))
    clock(6)
    cleared(cheque, on=day(5))
    with pytest.raises(ValidationError, match="The cheque cleared on 5 Nov 2026"):
        refund(day(4))
    refund(day(5))
    assert list(checks.find_problems()) == []


def test_cheques_from_before_clearing_was_recorded_count_as_paid(clock, cheque, admin):
    second = by_cheque(cheque.student, admin, "500.00")
    bounce_cheque(payment=second, bounced_on=day(2), reason="No funds", by=admin)
    migration = import_module("finance.migrations.0008_existing_cheques_cleared")

    for _ in range(2):
        migration.clear_existing_cheques(apps, None)

    refresh_accounts([cheque.student_id])
    assert account_of(cheque) == amounts("20000", "0")
    assert ChequeClearing.objects.get(payment=cheque).cleared_on == day(2)
    assert list(checks.find_problems()) == []
    labels = [line.label for line in statement_data(cheque.student, Institute(), day(2)).lines]
    assert labels.count("Payment (Cheque)") == 2 and "Cheque bounced" in labels


@pytest.mark.parametrize("record", [deposit_cheques, clear_cheques])
def test_day_at_the_bank_must_be_possible(clock, cheque, admin, record):
    post_dated = by_cheque(cheque.student, admin, "500.00", cheque_on=day(10))
    clock(12)

    def refusal(on, *payments):
        with pytest.raises(ValidationError) as error:
            record(payments=[payment.pk for payment in payments], on=on, by=admin)
        return error.value.messages[0]

    assert "Choose today or an earlier day" in refusal(day(13), cheque)
    assert f"receipt {cheque} can be dated 2 Nov 2026" in refusal(day(1), cheque)
    assert f"receipt {post_dated} can be dated 10 Nov 2026" in refusal(day(9), cheque, post_dated)
    assert "can be dated back 30 days" in refusal(day(2) - 60 * DAY, cheque)
    assert "Select the cheques" in refusal(day(9))
    assert not ChequeClearing.objects.exists() and not ChequeDeposit.objects.exists()


def test_cheque_cannot_clear_before_it_was_deposited(clock, cheque, admin):
    clock(8)
    deposit_cheques(payments=[cheque.pk], on=day(6), by=admin)

    with pytest.raises(ValidationError, match="can be dated 6 Nov 2026"):
        cleared(cheque, on=day(5))
    with pytest.raises(ValidationError, match="was deposited already"):
        deposit_cheques(payments=[cheque.pk], on=day(7), by=admin)
    cleared(cheque, on=day(6))
    assert list(checks.find_problems()) == []


def test_cheque_clears_once_and_not_after_its_receipt_was_cancelled(clock, cheque, admin):
    cash = paid(student=cheque.student, amount="1.00")
    bounced = by_cheque(cheque.student, admin, "7.00")
    bounce_cheque(payment=bounced, bounced_on=day(2), reason="No funds", by=admin)
    with pytest.raises(ValidationError, match="is cancelled"):
        clear_cheques(payments=[cheque.pk, bounced.pk], on=day(2), by=admin)
    with pytest.raises(ValidationError, match="is not a cheque"):
        clear_cheques(payments=[cheque.pk, cash.pk], on=day(2), by=admin)
    assert not ChequeClearing.objects.exists()

    cleared(cheque)

    with pytest.raises(ValidationError, match="has cleared already"):
        cleared(cheque)
    assert account_of(cheque) == amounts("19999.00", "0")


def test_verify_finds_wrong_cheques(clock, cheque, admin):
    drop_triggers()
    cash = paid(student=cheque.student, amount="1.00")
    cleared(cheque)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE finance_account SET uncleared = 100")
        cursor.execute("UPDATE finance_chequeclearing SET cleared_on = '2026-11-01'")
    ChequeDeposit.objects.create(payment=cash, deposited_on=day(2))

    assert list(checks.cheques()) == [
        f"{cheque} was cleared before it was received.",
        f"{cash} was deposited, but not paid by cheque.",
        f"Student {cheque.student_id}: cheques of ₹1.00 are cached as not cleared, "
        "the rows say ₹0.00.",
    ]


# Pages --------------------------------------------------------------------------------------------

LIST, DEPOSIT, CLEAR = (reverse(f"finance:cheque-{name}") for name in ("list", "deposit", "clear"))


def receipts_in(client, state, **query):
    page = client.get(LIST, {"state": state, **query})
    return [row.payment.receipt_number for row in page.context["page"]]


def texts_of(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_cheques_are_listed_by_deposit_date(clock, cheque, client_of, admin):
    post_dated = by_cheque(cheque.student, admin, "500.00", cheque_on=day(20))
    earlier = by_cheque(cheque.student, admin, "400.00", cheque_on=day(1))
    clock(3)
    client = client_of(admin)

    assert receipts_in(client, "") == [str(cheque), str(earlier), str(post_dated)]
    page = client.get(LIST).content.decode()
    assert "Post-dated" in page and "from 20 Nov 2026" in page
    assert "₹10,900.00" in page
    deposit_cheques(payments=[cheque.pk, earlier.pk], on=day(3), by=admin)
    assert receipts_in(client, "to-deposit") == [str(post_dated)]
    assert receipts_in(client, "deposited") == [str(cheque), str(earlier)]
    cleared(cheque)
    bounce_cheque(payment=earlier, bounced_on=day(3), reason="No funds", by=admin)
    cancel_receipt(payment=post_dated, reason="Wrong student", by=admin)
    assert [receipts_in(client, state) for state in ("to-deposit", "deposited")] == [[], []]
    assert receipts_in(client, "cleared") == [str(cheque)]
    assert receipts_in(client, "bounced") == [str(earlier)]
    assert "No funds" in client.get(LIST, {"state": "bounced"}).content.decode()
    assert receipts_in(client, "cleared", q="no such") == []
    assert receipts_in(client, "cleared", q=cheque.reference) == [str(cheque)]
    file = b"".join(client.get(LIST, {"state": "cleared", "as": "csv"})).decode()
    assert f"{cheque}," in file and "2026-11-03" in file


def test_an_empty_list_says_what_to_do_next(client_of, admin):
    client = client_of(admin)

    for state in ("to-deposit", "deposited", "cleared", "bounced"):
        assert client.get(LIST, {"state": state}).status_code == 200
    assert "No cheques to deposit" in client.get(LIST, {"state": "gold"}).content.decode()


def test_ticked_cheques_are_deposited_and_cleared_together(clock, cheque, client_of, admin):
    second = by_cheque(cheque.student, admin, "500.00")
    clock(4)
    client, keys = client_of(admin), [cheque.pk, second.pk]

    page = client.get(DEPOSIT, {"cheque": keys, "state": "to-deposit"})
    assert page.context["total"] == Decimal("10500.00")
    assert "Mark 2 cheques of ₹10,500 as deposited" in page.content.decode()
    assert not ChequeDeposit.objects.exists()
    done = client.post(f"{DEPOSIT}?state=to-deposit", {"cheque": keys, "on": "2026-11-03"})
    assert (done.status_code, done.url) == (302, f"{LIST}?state=to-deposit")
    assert texts_of(done) == ["2 cheques of ₹10,500.00 deposited on 3 Nov 2026."]
    assert set(ChequeDeposit.objects.values_list("deposited_on", flat=True)) == {day(3)}

    done = client.post(CLEAR, {"cheque": keys, "on": "2026-11-04"})

    assert texts_of(done)[-1] == "2 cheques of ₹10,500.00 cleared on 4 Nov 2026."
    assert account_of(cheque) == amounts("19500.00", "0")
    clearing = ChequeClearing.objects.get(payment=cheque)
    assert (clearing.cleared_on, clearing.cleared_by) == (day(4), admin)
    again = client.post(CLEAR, {"cheque": keys, "on": "2026-11-04"})
    assert "cannot be cleared any more" in texts_of(again)[-1]
    assert list(checks.find_problems()) == []


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"on": ""}, "This field is required"),
        ({"on": "2026-12-31"}, "Choose today or an earlier day"),
        ({"on": "31/02/2026"}, "Enter a date that exists"),
        ({"on": "2026-11-01"}, "can be dated 2 Nov 2026 at the earliest"),
    ],
)
@pytest.mark.parametrize("address", [DEPOSIT, CLEAR])
def test_wrong_day_is_refused_with_a_message(cheque, client_of, admin, address, typed, sentence):
    page = client_of(admin).post(address, {"cheque": [cheque.pk], **typed})

    assert sentence in " ".join(page.context["form"].errors["on"])
    assert not ChequeDeposit.objects.exists() and not ChequeClearing.objects.exists()


@pytest.mark.parametrize("address", [DEPOSIT, CLEAR])
def test_nothing_or_something_else_selected_leads_back_to_the_list(
    clock, cheque, client_of, admin, address
):
    client, cash = client_of(admin), paid(student=cheque.student, amount="1.00")

    for keys in ([], [cash.pk], ["x"], [cheque.pk, 10**30]):
        assert client.get(address, {"cheque": keys}).url == LIST
        assert client.post(address, {"cheque": keys, "on": "2026-11-02"}).url == LIST
    assert account_of(cheque)[1] == Decimal("10000.00")


def test_clerk_without_the_whole_institute_clears_cheques_of_own_students_only(
    clock, cheque, client_of
):
    clerk = user_with("finance.add_chequeclearing", "finance.add_chequedeposit")
    client = client_of(clerk)

    for address in (DEPOSIT, CLEAR):
        done = client.post(address, {"cheque": [cheque.pk], "on": "2026-11-02"})
        assert done.url == reverse("dashboards:dashboard")
    assert not ChequeClearing.objects.exists() and not ChequeDeposit.objects.exists()


def test_receipt_is_marked_until_the_cheque_has_cleared(clock, cheque, client_of, admin):
    client = client_of(admin)

    def page():
        return client.get(cheque.get_absolute_url()).content.decode()

    check = receipts.check_url(cheque)
    assert "Subject to clearing" in page()
    assert f'href="{CLEAR}?cheque={cheque.pk}"' in page()
    assert reverse("finance:refund-create", args=[cheque.pk]) not in page()
    assert "Subject to clearing" in client.get(check).content.decode()
    refund = client.get(reverse("finance:refund-create", args=[cheque.pk]))
    assert texts_of(refund) == [
        f"Receipt {cheque} was paid by a cheque that has not cleared, so it cannot be refunded."
    ]
    cleared(cheque)
    assert "Cleared on 2 Nov 2026" in page() and "Subject to clearing" not in page()
    assert "Genuine" in client.get(check).content.decode()
    assert reverse("finance:refund-create", args=[cheque.pk]) in page()


def test_pages_show_the_cheque_beside_the_dues(clock, cheque, client_of, admin):
    client, student = client_of(admin), cheque.student
    beside = "₹10,000 by cheque, not cleared"

    for name in ("finance:student-fees", "dashboards:student-page", "finance:statement"):
        page = client.get(reverse(name, args=[student.pk])).content.decode()
        assert "by cheque, not cleared" in page.lower().replace("\n", " "), name
    dues = client.get(reverse("finance:dues"))
    assert beside in dues.content.decode()
    assert dues.context["totals"].uncleared == Decimal("10000.00")
    payments = client.get(reverse("finance:student-payments", args=[student.pk])).content.decode()
    assert "Not cleared" in payments and "₹10,000.00 by cheque, not cleared" in payments
    form = client.get(reverse("finance:payment-create"), {"student": student.pk})
    assert form.context["form"].initial["amount"] == Decimal("20000.00")
    pdf = client.get(reverse("finance:receipt-pdf", args=[cheque.pk])).content
    text = pypdf.PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    text = " ".join(text.split())
    assert "Subject to clearing" in text and "by cheque, not cleared" in text


@pytest.mark.parametrize("state", ["to-deposit", "deposited", "cleared", "bounced"])
def test_list_needs_the_same_queries_for_many_cheques(
    clock, cheque, client_of, admin, queries_of, state
):
    def one_in_state():
        payment = by_cheque(cheque.student, admin, "10.00")
        if state != "to-deposit":
            deposit_cheques(payments=[payment.pk], on=day(2), by=admin)
        if state == "cleared":
            cleared(payment)
        if state == "bounced":
            bounce_cheque(payment=payment, bounced_on=day(2), reason="No funds", by=admin)

    client = client_of(admin)
    one_in_state()
    client.get(LIST, {"state": state})
    few = queries_of(lambda: client.get(LIST, {"state": state}))
    for _ in range(6):
        one_in_state()

    assert queries_of(lambda: client.get(LIST, {"state": state})) == few


def test_clearing_needs_the_same_queries_for_many_cheques(clock, cheque, admin, queries_of):
    cheques = [by_cheque(cheque.student, admin, "10.00") for _ in range(9)]
    few = queries_of(lambda: cleared(cheques[0]))

    keys = [payment.pk for payment in cheques[1:]]
    assert queries_of(lambda: clear_cheques(payments=keys, on=day(2), by=admin)) == few


def test_list_of_payments_says_how_much_is_not_cleared(client_of, admin, student, cheque):
    paid(student=student, amount="500.00")

    def shown(**query):
        text = client_of(admin).get(reverse("finance:payment-list"), query).content.decode()
        return " ".join(strip_tags(text).split())

    note = "₹10,000.00 of it by cheque, not cleared"
    assert f"Received: ₹10,500.00 · {note}" in shown()
    assert f"Received: ₹10,000.00 · {note}" in shown(mode="cheque")
    assert note not in shown(mode="cash")
    cleared(cheque)
    assert note not in shown()
