import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from finance import checks
from finance.locks import lock_series
from finance.models import Payment, ReceiptSeries
from finance.services.cancellations import cancel_receipt
from finance.services.receipt_series import start_series

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db
START = reverse("finance:receipt-start")


def test_receipts_start_at_the_chosen_number_without_gaps(client_of, admin, student):
    enrolled(student=student)

    response = client_of(admin).post(START, {"first_number": "412"}, follow=True)
    receipts = [paid(student=student, amount=amount) for amount in ("100.00", "200.00")]

    assert f"The first receipt will be {receipts[0]}." in response.content.decode()
    assert [receipt.receipt_number[-5:] for receipt in receipts] == ["00412", "00413"]
    assert not list(checks.find_problems())


def test_first_number_is_fixed_by_the_first_receipt(client_of, admin, student):
    enrolled(student=student)
    payment = paid(student=student, amount="100.00")
    cancel_receipt(payment=payment, reason="Wrong student", by=admin)
    client = client_of(admin)

    response = client.post(START, {"first_number": "412"}, follow=True)

    assert "already has receipts. The next number is 2." in response.content.decode()
    page = client.get(START).content.decode()
    assert page.count(payment.receipt_number) == 2 and f"{payment.receipt_number[:-1]}2" in page
    with pytest.raises(ValidationError, match="already has receipts"):
        start_series(first_number=412, day=timezone.localdate())
    assert ReceiptSeries.objects.get().first_number == 1 and Payment.objects.get() == payment


@pytest.mark.parametrize("typed", ["", "0", "-5", "1e3", "90001", "4_1", "٤"])
def test_first_number_is_a_whole_number_below_the_limit(client_of, admin, typed):
    response = client_of(admin).post(START, {"first_number": typed})

    assert response.context["form"].errors["first_number"]
    assert not ReceiptSeries.objects.exists()


def test_locking_the_opening_series_creates_the_receipt_series():
    with transaction.atomic():
        lock_series(timezone.localdate(), kind=ReceiptSeries.Kind.OPENING)

    assert {series.kind for series in ReceiptSeries.objects.all()} == {
        ReceiptSeries.Kind.OPENING,
        ReceiptSeries.Kind.RECEIPT,
    }
