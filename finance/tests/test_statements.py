"""The fee statement: every act in order of date, with the balance that the ledger says; and paying by UPI."""

import datetime
import io
import re
from decimal import Decimal

import pypdf
import pytest
import time_machine
import zxingcpp
from django.core.cache import cache
from django.urls import reverse

from academics.models import Institute
from accounts.tests.factories import StudentFactory
from finance import charges, concessions, ledger, refunds
from finance.documents import Sum
from finance.models import Charge, Reversal
from finance.services import void
from finance.statements import statement_data

from .factories import enrolled, paid
from .test_upi import draw

pytestmark = pytest.mark.django_db
FIRST = datetime.date(2026, 11, 2)


def day(number):
    """The so-manieth of November 2026."""
    return FIRST.replace(day=number)


@pytest.fixture
def clock():
    """Noon in India on 2 November 2026; `clock(5)` moves on to the fifth."""
    with time_machine.travel(datetime.datetime(2026, 11, 2, 6, 30, tzinfo=datetime.UTC), tick=False) as traveller:
        yield lambda number: traveller.move_to(datetime.datetime(2026, 11, number, 6, 30, tzinfo=datetime.UTC))


@pytest.fixture
def busy(clock, student, admin):
    """Asha Verma, on whose fees every kind of act was done, one a day from the second to the thirteenth."""
    Institute.objects.filter(pk=Institute.ONLY).update(name="Rao Classes", upi_id="rao@okhdfcbank")
    cache.clear()
    enrollment = enrolled(student=student, enrolled_on=FIRST, due_on=FIRST, fee="12000.00", by=admin)
    tuition = Charge.objects.filter(enrollment=enrollment)

    def concede(on, kind, amount):
        return concessions.ask(
            student=student, charges=on, kind=kind, reason="Because", by=admin, amount=Decimal(amount)
        )

    def charge(kind, amount):
        charges.post(
            students=[student], kind=kind, label="", amount=Decimal(amount), due_on=day(20), token=kind, by=admin
        )
        return Charge.objects.get(kind=kind)

    clock(3)
    concede(tuition, "merit", "1000.00")
    clock(4)
    (sibling,) = concede(tuition, "sibling", "500.00")
    concede(tuition, "hardship", "6000.00")  # above the limit: it waits, and takes nothing off
    clock(5)
    charge("material", "700.00")
    exam = charge("exam", "300.00")
    concede([exam], "staff", "100.00")
    clock(6)
    first = paid(student=student, amount="4000.00", by=admin)
    clock(7)
    wrong = paid(student=student, amount="2500.00", mode="upi", by=admin)
    clock(8)
    cheque = paid(student=student, amount="600.00", mode="cheque", cheque_on=day(8), by=admin)
    clock(9)
    concessions.take_back(token=sibling.token, reason="No sibling", by=admin)
    clock(10)
    void(payment=wrong, by=admin, reason="entered twice")
    clock(11)
    Reversal.objects.create(
        payment=cheque, kind="bounced", voided_on=day(11), booked_on=day(11), reason="No funds", voided_by=admin
    )
    clock(12)
    charges.cancel(charge=exam, reason="Not held", by=admin)
    clock(13)
    refunds.refund(
        payment=first, amount=Decimal("250.00"), refunded_on=day(13), mode="cash", reason="Moved", token="t", by=admin
    )
    return student


def statement(student, on):
    return statement_data(student, Institute.objects.current(), on)


def said_by(response):
    """All words of the PDF, one space between them."""
    reader = pypdf.PdfReader(io.BytesIO(response.content))
    return " ".join(word for sheet in reader.pages for word in sheet.extract_text().split())


def test_every_act_stands_in_it_in_order_of_date(busy):
    tuition, material, exam = (str(Charge.objects.get(kind=kind)) for kind in ("tuition", "material", "exam"))

    assert [(line.on.day, line.what, line.amount) for line in statement(busy, day(13)).lines] == [
        (2, tuition, 12000),
        (3, f"Merit concession: {tuition}", -1000),
        (4, f"Sibling concession: {tuition}", -500),
        (5, material, 700),
        (5, exam, 300),
        (5, f"Child of staff concession: {exam}", -100),
        (6, "Payment (Cash)", -4000),
        (7, "Payment (UPI)", -2500),
        (8, "Payment (Cheque)", -600),
        (9, f"Taken back: Sibling concession: {tuition}", 500),
        (10, "Payment voided", 2500),
        (11, "Cheque bounced", 600),
        (12, f"Cancelled: {exam}", -300),
        (12, f"Taken back: Child of staff concession: {exam}", 100),
        (13, "Refund (Cash)", 250),
    ]


@pytest.mark.parametrize("on", [day(number) for number in range(1, 15)])
def test_on_every_day_it_closes_with_the_balance_of_the_ledger(busy, on):
    data, fees = statement(busy, on), ledger.fee_status(busy, on)
    of = {term: sum(line.amount for line in data.lines if line.term == term) for term in Sum}

    assert sum(of.values()) == fees.balance
    assert of[Sum.CHARGES] == fees.total_fee
    assert -of[Sum.CONCESSIONS] == fees.conceded
    assert -of[Sum.PAYMENTS] - of[Sum.REFUNDS] == fees.total_paid
    assert [due.amount for due in data.dues] == [line.open for line in fees.lines if line.open]


def test_the_pdf_says_balance_dues_and_how_to_pay(client_of, admin, busy):
    response = client_of(admin).get(reverse("finance:statement-pdf", args=[busy.pk]))
    said = said_by(response)
    batch = Charge.objects.get(kind="tuition").enrollment.batch.name

    # 12,000 − 1,000 + 700 − 4,000 + 250
    assert "Balance owed ₹7,950.00" in said
    assert f"Tuition fee, {batch} 2 Nov 2026 Overdue ₹7,250.00" in said
    assert f"Material, {batch} 20 Nov 2026 ₹700.00" in said
    assert "rao@okhdfcbank" in said
    assert response["Content-Disposition"] == f'inline; filename="statement-{busy.admission_number}.pdf"'


def test_a_student_without_any_fee_gets_one_too(client_of, admin, student):
    said = said_by(client_of(admin).get(reverse("finance:statement-pdf", args=[student.pk])))

    assert "Asha Verma" in said
    assert "Nothing was charged or paid yet." in said


def test_a_student_prints_their_own_and_no_other(client_of, student):
    address = reverse("finance:statement-pdf", args=[student.pk])

    assert client_of(student).get(address).status_code == 200
    assert client_of(StudentFactory()).get(address).status_code == 404


def test_the_code_on_the_fees_page_pays_exactly_what_is_due_now(client_of, busy):
    page = client_of(busy).get(reverse("finance:student-fees", args=[busy.pk])).content.decode()
    svg = re.search(r'pay-by-upi">\s*(<svg.*?</svg>)', page, re.DOTALL)[1]
    reference = "".join(c for c in busy.admission_number if c.isalnum())

    (code,) = zxingcpp.read_barcodes(draw(svg))
    assert code.text == (
        "upi://pay?pa=rao@okhdfcbank&pn=Rao%20Classes&am=7250.00&cu=INR"
        f"&tn=Fees%20{busy.admission_number}&tr={reference}261113"
    )
    assert f'href="{code.text.replace("&", "&amp;")}"' in page


def test_without_a_upi_id_or_anything_due_no_code_is_shown(client_of, busy, admin):
    client, address = client_of(admin), reverse("finance:student-fees", args=[busy.pk])
    assert "upi://" in client.get(address).content.decode()

    paid(student=busy, amount="7250.00", by=admin)
    assert "upi://" not in client.get(address).content.decode()

    charges.post(students=[busy], kind="other", label="", amount=Decimal(5), due_on=day(13), token="o", by=admin)
    assert "upi://" in client.get(address).content.decode()
    Institute.objects.filter(pk=Institute.ONLY).update(upi_id="")
    cache.clear()
    assert "upi://" not in client.get(address).content.decode()


def test_statement_and_fees_cost_at_most_eight_queries(client_of, admin, busy, django_assert_max_num_queries):
    client = client_of(admin)
    client.get(reverse("finance:dues"))  # the institute and what a role may do are remembered from page to page
    for name in ["finance:statement-pdf", "finance:student-fees"]:
        with django_assert_max_num_queries(8):
            assert client.get(reverse(name, args=[busy.pk])).status_code == 200
