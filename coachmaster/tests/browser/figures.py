"""Read the figures of the fees from every page that shows them, and compare them."""

import html
import io
import re
from decimal import Decimal

from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from accounts.models import StudentProfile, User
from accounts.roles import ADMIN
from coachmaster.core.dates import month_start
from coachmaster.core.money import ZERO, display, short
from coachmaster.tests.api import Caller


class Reader:
    """Read the pages and the API as a person sees them, by the test client."""

    def __init__(self, user):
        self.client = Client()
        self.client.force_login(user)
        self.api = Caller(user)

    def text(self, name, *args, **query):
        """Return the visible text of a page, in one line."""
        answer = self.client.get(reverse(name, args=args), query)
        assert answer.status_code == 200, name
        main = answer.content.decode().partition("<main")[2].partition(">")[2]
        main = re.sub(r"<svg.*?</svg>|<(script|style).*?</\1>", "", main, flags=re.DOTALL)
        return " ".join(html.unescape(strip_tags(main.replace("<", " <"))).split())

    def fees(self, student):
        fees = self.api.get(f"/students/{student.pk}/fee-status")
        return {
            name: value if isinstance(value, bool) else _decimal(value)
            for name, value in fees.items()
        }


def figures(*students):
    """Return the dues of one student, or of each, in words; fail where a page disagrees.

    Also compares the totals of the institute, and runs `manage.py verify`.
    """
    office = Reader(User.objects.filter(membership__group__name=ADMIN).first())
    found = [_figures_of(office, student) for student in students]
    _check_totals(office)
    call_command("verify", stdout=io.StringIO())
    return found[0] if len(found) == 1 else found


def _figures_of(office, student):
    fees, key = office.fees(student), student.pk
    balance, dues = fees["balance"], fees["dues"]
    assert balance == fees["total_fee"] - fees["concessions"] - fees["total_paid"]
    assert balance >= ZERO or fees["status"] == "advance"
    unpaid = fees["overdue"] + fees["due_today"] + fees["later"]
    assert unpaid == max(balance, ZERO)
    paid, fee = fees["total_paid"], fees["total_fee"]

    of_fee = f" {display(paid)} of {display(fee)} paid" if fee or paid else ""
    _see(office.text("dashboards:student-page", key), f"Fees Details {dues}{of_fee}")
    own_page = Reader(student.user).text("dashboards:student-dashboard")
    _see(own_page, f"Fees Details {dues}{of_fee}")
    tiles = office.text("finance:student-fees", key)
    _see(tiles, f"Total fee {short(fee)}", f"Total paid {short(paid)}")
    if balance >= ZERO:
        _see(tiles, f"Balance {short(balance)}")
    if paid:
        _see(office.text("finance:student-payments", key), f"Total paid: {display(paid)}")
    outcome = "Advance" if balance < ZERO else "Balance" if balance else "No dues"
    _see(office.text("finance:statement", key), f"{outcome} {display(abs(balance))}")
    form = f"{dues} Charge Balance" if balance > ZERO else f"{dues} No dues."
    _see(office.text("finance:payment-create", student=key), form)
    _see_in_lists(office, student, fees)
    return dues


def _see_in_lists(office, student, fees):
    number, name = student.admission_number, student.user.full_name
    parts = fees["dues"].replace(" · ", " ")
    dues_list = office.text("finance:dues", q=number)
    if fees["balance"] > ZERO:
        _see(
            dues_list,
            f"1 student with dues of {display(fees['balance'])}",
            f"Overdue: {display(fees['overdue'])}",
            f"{parts} {display(fees['balance'])}",
        )
    else:
        _see(dues_list, "No dues match")
    people = office.text("dashboards:person-list", q=number)
    _see(people, name)
    if parts not in ("Paid", "No fees yet"):
        _see(people, parts)


def _check_totals(office):
    today, students = timezone.localdate(), list(StudentProfile.objects.order_by("pk"))
    fees = [office.fees(student) for student in students]
    balance = sum((max(row["balance"], ZERO) for row in fees), ZERO)
    overdue = sum((row["overdue"] for row in fees), ZERO)
    due_today = sum((row["due_today"] for row in fees), ZERO)
    debtors = [row for row in fees if row["balance"] > ZERO]
    dues_list, dashboard = office.text("finance:dues"), office.text("dashboards:admin-dashboard")
    number = f"{len(debtors)} student{'' if len(debtors) == 1 else 's'}"
    if debtors:
        _see(dues_list, f"{number} with dues of {display(balance)}", f"Overdue: {display(overdue)}")
    else:
        _see(dues_list, "No dues")
    more = f" · {short(due_today)} due today" if due_today else ""
    _see(dashboard, f"Dues {short(balance)} {number}{more}", f"Overdue {short(overdue)}")
    api = office.api.get("/dashboard/admin")
    assert [_decimal(api[name]) for name in ("owed", "overdue", "due_today")] == [
        balance,
        overdue,
        due_today,
    ]
    _check_payments(office, students, fees, dashboard, today)


def _check_payments(office, students, fees, dashboard, today):
    payments = [
        payment
        for student in students
        for payment in office.api.get(f"/students/{student.pk}/payments")["payments"]
    ]
    valid = [row for row in payments if not row["voided"]]
    month = [row for row in valid if row["payment_date"] >= f"{month_start(today)}"]
    cleared = [row for row in month if row["cleared"]]
    on_today = [row for row in cleared if row["payment_date"] == f"{today}"]
    _see(
        dashboard,
        f"Collected today {short(_sum(on_today))}",
        f"Collected in {today:%B} {short(_sum(cleared))}",
    )
    if month:
        days = {"from": month_start(today), "to": today}
        received = f"Received: {display(_sum(month))}"
        if waiting := _sum(month) - _sum(cleared):
            received += f" · {display(waiting)} of it by cheque, not cleared"
        _see(office.text("finance:payment-list", status="valid", **days), received)
    net = sum((row["total_paid"] for row in fees), ZERO)
    collections = office.text("finance:collections")
    _see(collections, f"Net received {short(net)}")
    _check_day_book(office, payments, collections, today)


def _check_day_book(office, payments, collections, today):
    received = _sum(row for row in payments if row["payment_date"] == f"{today}")
    book = office.text("finance:day-book")
    tiles = re.search(
        r"Received (₹\S+) \d+ receipts? Cancelled (₹\S+) \d+ receipts? Refunded (₹\S+) "
        r"\d+ vouchers? Net for the day (\S+)",
        book,
    )
    assert tiles, book
    amounts = [_amount(text) for text in tiles.groups()]
    assert amounts[0] == received, book
    assert amounts[3] == amounts[0] - amounts[1] - amounts[2], book
    _see(collections, f"Refunded {short(amounts[2])}")


def _sum(rows):
    return sum((_decimal(row["amount"]) for row in rows), ZERO)


def _decimal(value):
    return Decimal(str(value)) if isinstance(value, int | float) else value


def _amount(text):
    return Decimal(re.sub("[₹,]", "", text.replace("\N{MINUS SIGN}", "-")))


def _see(text, *parts):
    for part in parts:
        assert part in text, f"“{part}” is missing in: {text}"
