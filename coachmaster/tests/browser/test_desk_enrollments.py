"""A clerk at the desk enrolls, transfers and drops students, and completes a batch."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from academics.tests.factories import DailyBatchFactory
from accounts.tests.factories import StudentFactory
from finance.tests.factories import paid

from .figures import figures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DAY = datetime.timedelta(days=1)


def test_clerk_enrolls_a_student_in_three_installments_and_takes_the_first(desk, jee):
    meera = StudentFactory(user__full_name="Meera Nair")
    desk.find("meera")
    desk.follow("Enroll")
    desk.choose_batch("JEE Morning")
    desk.fill(Split_the_rest_into="3")
    desk.press("Split")
    expect(desk.main.get_by_label("Installment 3: amount")).to_have_value("4000.00")
    desk.press("Enroll")
    desk.told("Meera Nair enrolled in JEE Morning for ₹12,000.00.")
    assert figures(meera) == "₹4,000 due today · ₹8,000 later"

    desk.follow("Record payment")
    expect(desk.field("Amount")).to_have_value("4000.00")
    desk.pay()

    desk.told("Payment of ₹4,000.00 from Meera Nair recorded.")
    dues = figures(meera)
    assert dues.startswith("₹4,000 due on ") and dues.endswith(" · ₹4,000 later")


def test_clerk_enrolls_several_students_in_the_wrong_batch_and_undoes_it(desk, jee):
    meera, nitin = (StudentFactory(user__full_name=name) for name in ("Meera Nair", "Nitin Joshi"))
    desk.menu("Batches")
    desk.follow("JEE Morning", "Enroll students")
    for name in ("Meera Nair", "Nitin Joshi"):
        desk.main.get_by_label(name).check()
    desk.press("Enroll students")
    desk.press("Enroll 2 students · ₹24,000")
    assert figures(meera, nitin) == ["₹12,000 due today"] * 2

    desk.follow("Undo")
    desk.fill(Reason="They joined the evening batch")
    desk.press("Undo")

    desk.told("undone.")
    assert figures(meera, nitin) == ["No fees yet"] * 2


def test_clerk_transfers_a_student_to_a_cheaper_course(desk, ravi, admin):
    paid(student=ravi, amount="9000", mode="card", by=admin)
    DailyBatchFactory(
        name="Foundation", course__total_fee="8000.00", starts_on=timezone.localdate()
    )
    desk.find("ravi")
    desk.tab("Enrollment")
    desk.follow("Transfer")
    desk.choose_batch("Foundation")
    desk.sees("Fee in Foundation ₹8,000.00", "₹1,000.00 in advance", "It becomes an advance")
    desk.press("Transfer")

    desk.told("transferred from JEE Evening to Foundation for ₹8,000.00. Advance: ₹1,000.00.")
    assert figures(ravi) == "₹1,000 in advance"


def test_clerk_drops_a_student_after_ten_classes_and_pays_the_refund(desk, ravi, admin):
    paid(student=ravi, amount="12000", mode="upi", by=admin)
    desk.find("ravi")
    desk.tab("Enrollment")
    desk.follow("Drop")
    desk.sees("₹12,000.00 × 10 of 30 classes", "₹5,200.00", "Refund due ₹6,800.00")
    desk.field("Reason").select_option("Moved away")
    desk.press("Drop")
    desk.told("Fee retained: ₹5,200.00. Refund ₹6,800.00 by")
    assert figures(ravi) == "₹6,800 in advance"

    desk.menu("Payments")
    desk.follow("Refunds due", "Refund Ravi Kumar")
    desk.fill(Amount="6,800", Reference="412345678955", Reason="Moved away")
    desk.press("Refund")

    desk.told("₹6,800.00 refunded to Ravi Kumar.")
    desk.follow("Refunds due")
    desk.sees("No refunds due")
    assert figures(ravi) == "Paid"


def test_clerk_completes_a_batch_in_which_dues_are_left(desk, asha, ravi, admin):
    paid(student=ravi, amount="7000", by=admin)
    before = figures(asha, ravi)
    desk.menu("Batches")
    desk.follow("JEE Evening", "Complete batch")
    desk.fill(Last_day=f"{timezone.localdate() - DAY}")
    desk.main.locator("form [type=submit]").click()
    desk.sees("Ravi Kumar")
    desk.main.locator("form [type=submit]").first.click()

    desk.told("1 student completed JEE Evening.")
    assert figures(asha, ravi) == before
    assert before[1].startswith("₹5,000 overdue since ")
