"""A clerk at the desk charges, waives and changes fees."""

import datetime
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone
from playwright.sync_api import expect

from accounts.roles import ADMIN
from accounts.tests.factories import UserFactory
from coachmaster.core.dates import format_near_date
from finance.models import LateFeeRule
from finance.tests.factories import paid

from .desk import Desk
from .figures import figures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DAY = datetime.timedelta(days=1)


def _day(day):
    return format_near_date(day, timezone.localdate())


def test_clerk_charges_a_late_fee_that_grows_and_waives_it(desk, browse, admin, ravi):
    LateFeeRule.objects.create(
        name="Late fee", grace_days=7, kind="per_day", amount=Decimal("50"), cap=Decimal("500")
    )
    due_on = timezone.localdate() - 10 * DAY
    desk.menu("Dues")
    desk.follow("Late fees")
    desk.sees("Ravi Kumar")
    desk.press("Charge 1 student ₹150")
    desk.told("₹150.00 charged")
    assert figures(ravi) == f"₹12,000 overdue since {_day(due_on)} · ₹150 due today"

    with time_machine.travel(timezone.now() + 2 * DAY):
        desk = Desk(browse(admin))
        desk.menu("Dues")
        desk.follow("Late fees")
        desk.press("Charge 1 student ₹100")
        desk.told("₹100.00 charged")
        assert figures(ravi) == f"₹12,150 overdue since {_day(due_on)} · ₹100 due today"

        desk.find("ravi")
        desk.tab("Fees")
        desk.sees("2 charges", "₹250.00")
        desk.main.get_by_role("link", name="Waive").click()
        desk.fill(Reason="Ill for a week")
        desk.press("Waive late fee")
        desk.told("Concession of ₹250.00 added for Ravi Kumar.")
        assert figures(ravi) == f"₹12,000 overdue since {_day(due_on)}"
        desk.menu("Dues")
        desk.follow("Late fees")
        desk.sees("There is nothing to do")


def test_sibling_concession_above_the_limit_waits_for_the_owner(desk, browse, asha, vivek):
    owner = UserFactory(full_name="Omkar Rao", role=ADMIN)
    desk.find("vivek")
    desk.tab("Fees")
    desk.follow("Add concession")
    desk.sees("Same guardian’s phone as Asha Verma")
    desk.fill(Amount="6,000", Reason="Sister in JEE Morning")
    desk.field("Kind").select_option("Sibling")
    desk.press("Add concession")
    desk.told("The concession of ₹6,000.00 for Vivek Verma is pending approval.")
    expect(desk.main.get_by_role("link", name="Approve")).to_have_count(0)
    assert figures(asha, vivek) == ["₹12,000 due today", "₹12,000 due today"]

    desk = Desk(browse(owner))
    desk.follow("Review", "Approve the concession for Vivek Verma")
    desk.sees("Sister in JEE Morning", "Anita Rao")
    desk.press("Approve")

    desk.told("Concession of ₹6,000.00 for Vivek Verma approved.")
    assert figures(asha, vivek) == ["₹12,000 due today", "₹6,000 due today"]


def test_clerk_undoes_a_wrong_charge_of_a_batch(desk, asha, vivek, admin):
    paid(student=asha, amount="12000", by=admin)
    desk.menu("Batches")
    desk.follow("JEE Morning", "Charge students")
    desk.field("Kind").select_option("Material")
    desk.fill(Amount="15,000")
    desk.press("Show list")
    desk.sees("Asha Verma", "Vivek Verma")
    desk.press("Charge 2 students ₹30,000")
    desk.told("₹30,000.00 charged.")
    assert figures(asha, vivek) == ["₹15,000 due today", "₹27,000 due today"]

    desk.follow("Undo")
    desk.fill(Reason="Should be 1,500")
    desk.press("Undo")

    desk.told("undone.")
    assert figures(asha, vivek) == ["Paid", "₹12,000 due today"]


def test_clerk_charges_one_student_for_material_and_cancels_it(desk, asha):
    desk.find("asha")
    desk.tab("Fees")
    desk.follow("Add charge")
    desk.field("Kind").select_option("Material")
    desk.fill(Amount="800")
    desk.main.locator("form [type=submit]").click()
    desk.told("₹800.00")
    assert figures(asha) == "₹12,800 due today"

    desk.main.get_by_role("link", name="Cancel Material").click()
    desk.fill(Reason="Brought her own books")
    desk.press("Cancel charge")

    desk.told("₹800.00 cancelled for Asha Verma.")
    desk.sees("Brought her own books")
    assert figures(asha) == "₹12,000 due today"


def test_clerk_changes_the_installments(desk, asha, admin):
    paid(student=asha, amount="2000", by=admin)
    desk.find("asha")
    desk.tab("Fees")
    desk.follow("Change installments")
    desk.sees("Unpaid: ₹10,000.00")
    amounts = desk.main.get_by_label("amount")
    amounts.nth(0).fill("4000")
    desk.fill(Split_the_rest_into="2")
    desk.press("Split")
    expect(amounts.nth(2)).to_have_value("3000.00")
    desk.fill(Reason="Father is paid at the end of the month")
    desk.main.locator("form [type=submit]").last.click()

    desk.told("Installments of Asha Verma changed.")
    assert figures(asha) == "₹4,000 due today · ₹6,000 later"
