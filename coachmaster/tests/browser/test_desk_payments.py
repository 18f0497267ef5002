"""A clerk at the desk takes money, and gives it back."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from finance.models import Payment
from finance.tests.factories import paid

from .figures import figures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_clerk_records_a_partial_payment(desk, asha):
    desk.find("asha")
    desk.follow("Record payment")
    desk.pay("5,000")

    desk.told("Payment of ₹5,000.00 from Asha Verma recorded. Receipt CM/")
    desk.sees("Rupees five thousand only", "₹7,000.00")
    assert figures(asha) == "₹7,000 due today"


def test_clerk_keeps_the_rest_of_a_payment_as_an_advance(desk, asha):
    desk.find("98765 43210")
    desk.follow("Record payment")
    desk.pay("15,000")
    desk.sees("The dues are ₹12,000.00.")
    assert figures(asha) == "₹12,000 due today"

    desk.main.get_by_label("Keep the rest as an advance").check()
    desk.press("Record payment")

    desk.told("Payment of ₹15,000.00 from Asha Verma recorded.")
    desk.follow("Student page")
    desk.sees("₹3,000 in advance")
    assert figures(asha) == "₹3,000 in advance"


def test_clerk_sends_a_payment_twice_and_gives_one_receipt(desk, asha):
    desk.find("asha")
    desk.follow("Record payment")
    desk.fill(Amount="5,000")
    desk.main.get_by_role("button", name="Record payment").dblclick()
    desk.told("Receipt CM/")
    desk.find("asha")
    desk.follow("Record payment")
    desk.pay("5,000")
    desk.sees("Record it again")

    desk.follow("Cancel")

    desk.sees("₹7,000 due today", "All 1")
    assert figures(asha) == "₹7,000 due today"


def test_clerk_cancels_a_wrong_receipt_and_records_the_right_one(desk, asha, admin):
    wrong = paid(student=asha, amount="1200", by=admin)
    desk.find("asha")
    desk.follow(str(wrong), "Cancel receipt")
    desk.fill(Reason="Amount was 12,000")
    desk.press("Cancel receipt")
    desk.told(f"Receipt {wrong} of Asha Verma cancelled. ₹1,200.00 is due again.")
    assert figures(asha) == "₹12,000 due today"

    desk.follow("Student page", "Record payment")
    desk.pay()

    desk.told("Payment of ₹12,000.00 from Asha Verma recorded.")
    assert figures(asha) == "Paid"


def test_clerk_corrects_a_upi_reference_that_was_used_before(desk, asha, vivek, admin):
    paid(student=vivek, amount="9000", mode="upi", reference="412345678901", by=admin)
    desk.find("asha")
    desk.follow("Record payment")
    desk.pay("4,000", mode="UPI")
    desk.sees("Enter the reference")
    desk.pay("4,000", mode="UPI", reference="412345678901")
    desk.sees("This reference is already on receipt CM/")
    assert figures(asha, vivek) == ["₹12,000 due today", "₹3,000 due today"]

    desk.pay("4,000", mode="UPI", reference="412345678902")

    desk.told("Payment of ₹4,000.00 from Asha Verma recorded.")
    assert figures(asha, vivek) == ["₹8,000 due today", "₹3,000 due today"]


def test_clerk_takes_the_fees_of_two_siblings_one_after_the_other(desk, asha, vivek):
    for name, amount in (("Asha Verma", "12,000"), ("Vivek Verma", "7,500")):
        desk.menu("Payments")
        desk.follow("Record payment")
        desk.fill(Student="sunita")
        desk.press("Find")
        desk.main.get_by_role("link", name=name).click()
        desk.pay(amount)
        desk.told(f"₹{amount}.00 from {name} recorded")

    assert figures(asha, vivek) == ["Paid", "₹4,500 due today"]


def test_clerk_deposits_a_cheque_and_it_clears(desk, asha):
    desk.find("asha")
    desk.follow("Record payment")
    desk.pay(mode="Cheque", reference="004512", Cheque_date=f"{timezone.localdate()}")
    desk.told("It counts once the cheque has cleared.")
    assert figures(asha) == "₹12,000 due today · ₹12,000 by cheque, not cleared"

    desk.menu("Payments")
    desk.follow("Cheques")
    for button in ("Deposited", "Cleared"):
        desk.main.get_by_label("Select the cheque of Asha Verma").check()
        desk.press(button)
        desk.main.locator("form [type=submit]").last.click()
        desk.told("1 cheque of ₹12,000.00")
        if button == "Deposited":
            desk.main.get_by_role("link", name="Deposited").click()

    assert figures(asha) == "Paid"


def test_clerk_charges_for_a_cheque_that_bounced(desk, asha, admin):
    cheque = paid(
        student=asha,
        amount="12000",
        mode="cheque",
        reference="004512",
        cheque_on=timezone.localdate(),
        by=admin,
    )
    assert figures(asha) == "₹12,000 due today · ₹12,000 by cheque, not cleared"
    desk.menu("Payments")
    desk.follow("Cheques", "Bounced: cheque of Asha Verma")
    desk.fill(Reason="Funds insufficient", Bounce_charge="500")
    desk.press("Save bounced cheque")

    desk.told(f"The cheque of receipt {cheque} bounced. ₹12,500.00 is due from Asha Verma.")
    assert figures(asha) == "₹12,500 due today"


def test_clerk_refunds_an_advance_by_upi(desk, asha, admin):
    payment = paid(student=asha, amount="15000", mode="upi", reference="412345678901", by=admin)
    desk.find("412345678901")
    desk.follow(str(payment), "Refund")
    expect(desk.main.get_by_label("UPI", exact=True)).to_be_checked()
    desk.fill(Amount="3,000", Reference="412345678955", Reason="Paid too much")
    desk.press("Refund")

    desk.told("₹3,000.00 refunded to Asha Verma.")
    desk.sees("Rupees three thousand only")
    assert figures(asha) == "Paid"


def test_clerk_closes_the_day_after_a_cash_refund(desk, asha, admin):
    payment = paid(student=asha, amount="5000", by=admin)
    desk.find("asha")
    desk.follow(str(payment), "Refund")
    desk.fill(Amount="1,000", Reason="Material not given")
    desk.press("Refund")
    desk.told("₹1,000.00 refunded to Asha Verma.")
    desk.menu("Payments")
    desk.follow("Day book", "Close my day")
    desk.sees(
        "Cash receipts ₹5,000.00", "Cash refunds −₹1,000.00", "Cash before the bank ₹4,000.00"
    )
    desk.fill(Cash_taken_to_the_bank="3,500", Cash_counted="500")
    desk.press("Close my day")

    desk.told("closed with ₹500.00 in cash, ₹3,500.00 taken to the bank.")
    desk.sees("₹500.00")
    assert figures(asha) == "₹8,000 due today"
    assert Payment.objects.count() == 1
