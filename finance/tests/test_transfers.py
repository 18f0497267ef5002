"""What the page of a transfer says, mainly to a cheaper course."""

import datetime
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from academics.models import Enrollment
from academics.tests.factories import BatchFactory
from finance import checks
from finance.ledger import fee_status
from finance.models import Charge
from finance.services import concessions

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


def today():
    return timezone.localdate()


@pytest.fixture
def enrollment(student):
    """Asha pays 12,000 in three installments; the first was due 30 days ago."""
    rows = [(today() + days * DAY, Decimal("4000.00")) for days in (-30, 10, 40)]
    return enrolled(student=student, fee="12000.00", installments=rows)


def course_of(fee):
    return BatchFactory(name="Crash", course__total_fee=Decimal(fee))


def move(client, enrollment, batch, **changes):
    typed = {"batch": batch.pk, "enrolled_on": today().isoformat(), "agreed_fee": "", **changes}
    return client.post(reverse("finance:enrollment-transfer", args=[enrollment.pk]), typed)


def shown(client, enrollment, batch):
    """Return the text that the page shows before the transfer, and its balance."""
    response = move(client, enrollment, batch, do="show")
    assert Enrollment.objects.active().get() == enrollment
    return " ".join(response.content.decode().split()), response.context["after"].balance


def test_page_says_what_a_paid_student_has_in_advance(client_of, admin, enrollment):
    client, batch = client_of(admin), course_of("7000.00")
    paid(student=enrollment.student, amount="12000.00")

    text, balance = shown(client, enrollment, batch)

    assert balance == Decimal("-5000.00")
    assert "− ₹4,000.00 <span" in text and "<strong>₹3,000.00</strong>" in text
    assert text.count("₹4,000.00 paid") == 2
    assert "₹5,000.00 more is paid than the fees after the transfer." in text
    assert '₹12,000.00 <span class="soft">unchanged' in text
    response = move(client, enrollment, batch)
    assert fee_status(enrollment.student, today()).balance == balance
    (message,) = map(str, client.get(response.url).context["messages"])
    assert message.endswith(" for ₹7,000.00. Advance: ₹5,000.00.")
    assert list(checks.find_problems()) == []


def test_page_says_that_a_new_fee_below_the_overdue_one_replaces_it(client_of, admin, enrollment):
    client, batch = client_of(admin), course_of("3000.00")

    text, balance = shown(client, enrollment, batch)

    assert "so the new fee replaces it" in text
    assert text.count("Cancelled") == 3
    assert "more is paid" not in text
    response = move(client, enrollment, batch)
    assert fee_status(enrollment.student, today()).balance == balance == Decimal("3000.00")
    (message,) = map(str, client.get(response.url).context["messages"])
    assert message.endswith(" for ₹3,000.00. Balance to pay: ₹3,000.00.")


def test_page_says_which_concessions_end(client_of, admin, enrollment):
    client, batch = client_of(admin), course_of("6000.00")
    concessions.request_concession(
        student=enrollment.student,
        charges=Charge.objects.filter(due_on__gt=today()),
        kind="merit",
        reason="Topper",
        by=admin,
        amount=Decimal("2500.00"),
    )

    text, balance = shown(client, enrollment, batch)

    assert '₹2,500.00 <span class="soft">end with the old fee' in text
    move(client, enrollment, batch)
    fees = fee_status(enrollment.student, today())
    assert (fees.balance, fees.conceded) == (balance, Decimal("0.00"))
    assert balance == Decimal("6000.00")


def test_page_asks_for_no_installments_if_nothing_is_charged_anew(client_of, admin, enrollment):
    client, batch = client_of(admin), course_of("4000.00")

    text, balance = shown(client, enrollment, batch)

    assert "rows-TOTAL_FORMS" not in text
    assert f'name="offered_for" value="{batch.pk}."' in text
    other = course_of("15000.00")
    assert move(client, enrollment, other, offered_for=f"{batch.pk}.").status_code == 200
    assert move(client, enrollment, batch, offered_for=f"{batch.pk}.").status_code == 302
    assert fee_status(enrollment.student, today()).balance == balance == Decimal("4000.00")


def test_page_of_a_dearer_course_shows_no_advance(client_of, admin, enrollment):
    text, balance = shown(client_of(admin), enrollment, course_of("15000.00"))

    assert balance == Decimal("15000.00")
    assert "more is paid" not in text and "Old fee retained" in text
