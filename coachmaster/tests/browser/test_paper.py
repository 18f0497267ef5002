"""What is printed from the browser: A4, the letterhead, all rows and columns, no empty page."""

import datetime
import io
from decimal import Decimal

import pypdf
import pytest
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from academics.models import Institute
from academics.services.logos import change_logo
from academics.tests.factories import DailyBatchFactory, EnrollmentFactory
from attendance.tests.factories import save_marks
from coachmaster.core.images import Picture
from finance.models import Mode
from finance.services.cancellations import cancel_receipt
from finance.services.day_closes import close_day
from finance.services.refunds import refund_payment
from finance.tests.factories import enrolled, paid

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def institute(live_server):
    """Rao Classes, with a logo."""
    file = io.BytesIO()
    Image.new("RGB", (300, 100), (200, 0, 0)).save(file, "PNG")
    change_logo(Picture(file.getvalue(), 300, 100))
    institute = Institute.objects.current()
    institute.name, institute.address, institute.phone = (
        "Rao Classes",
        "MG Road\nKota",
        "9876543210",
    )
    institute.save()


@pytest.fixture
def busy_day(institute, admin):
    """40 receipts of ₹95,000.50 in all modes, a cancelled one and a refund; students still owe."""
    last = None
    for number in range(40):
        student = enrolled(fee="200000.00", by=admin).student
        mode = Mode.values[number % 5]
        last = paid(
            student=student,
            amount="95000.50",
            mode=mode,
            reference=f"APPR{number:08d}" if mode != "cash" else "",
            **({"cheque_on": timezone.localdate()} if mode == "cheque" else {}),
            by=admin,
        )
    cancel_receipt(payment=last, reason="Wrong student chosen at the desk", by=admin)
    refund_payment(
        payment=paid(student=student, amount="400.00", by=admin),
        amount=Decimal("400.00"),
        refunded_on=timezone.localdate(),
        mode="cash",
        reason="Left after the first class",
        token="t",
        by=admin,
    )


def print_page(page, path):
    """Return the pages as text; all are A4 of one direction, none is empty, nothing is cut off."""
    page.goto(path)
    page.emulate_media(media="print")
    paper = page.pdf(prefer_css_page_size=True)
    page.emulate_media(media="screen")
    sheets = pypdf.PdfReader(io.BytesIO(paper)).pages
    texts = [" ".join(sheet.extract_text().split()) for sheet in sheets]
    sizes = {
        tuple(round(float(side) / 72 * 25.4) for side in sheet.mediabox[2:]) for sheet in sheets
    }
    assert sizes in ({(210, 297)}, {(297, 210)})
    assert all(len(text) > 100 for text in texts)
    assert "Rao Classes MG Road" in texts[0] and "98765 43210" in texts[0]
    assert len(sheets[0].images) >= 1
    assert all("Rao Classes MG Road" not in text for text in texts[1:])
    return texts


def right_edges_beyond(page, millimetres):
    """Return the cells that end beyond a printed line of this length."""
    page.set_viewport_size({"width": round(millimetres / 25.4 * 96), "height": 900})
    page.emulate_media(media="print")
    cells = page.evaluate(
        """() => [...document.querySelectorAll("th, td")]
            .filter((cell) => cell.getBoundingClientRect().right > window.innerWidth + 1)
            .map((cell) => cell.textContent.trim())"""
    )
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1280, "height": 900})
    return cells


def test_day_book_prints_all_receipts_and_columns(browse, admin, busy_day):
    page = browse(admin)

    texts = print_page(page, reverse("finance:day-book") + "?rows=all")

    text = " ".join(texts)
    assert all(f"APPR{number:08d}" in text for number in range(40) if number % 5)
    for heading in ("Bank transfer", "Cheque", "Net", "Received by", "Cancelled by", "Refunded by"):
        assert heading in text
    assert len(texts) <= 3
    assert right_edges_beyond(page, 186) == []


def test_button_prints_more_rows_than_the_page_shows(browse, admin, busy_day):
    page = browse(admin)
    page.add_init_script("window.print = () => { window.printed = true; }")
    page.goto(reverse("finance:day-book"))

    page.get_by_role("link", name="Print all").click()
    page.wait_for_function("window.printed")

    assert "1–41 of 41 receipts" in " ".join(page.locator(".pager").inner_text().split())
    assert page.get_by_role("button", name="Print").is_visible()


def test_dues_print_without_an_empty_first_page(browse, admin, busy_day):
    page = browse(admin)

    texts = print_page(page, reverse("finance:dues") + "?rows=all&at_least=500")

    assert "At least (₹): ₹500.00" in texts[0]
    assert "₹1,04,999.50" in texts[0] and "Last payment" in texts[0]
    assert sum(text.count("₹1,04,999.50") for text in texts) >= 39
    assert "Remind" not in " ".join(texts)
    assert right_edges_beyond(page, 186) == []


def test_collections_print_on_one_page(browse, admin, busy_day):
    page = browse(admin)

    texts = print_page(page, reverse("finance:collections"))

    assert "By month" in texts[0] and "% of fees due" in texts[0]
    assert right_edges_beyond(page, 186) == []


def test_closed_day_prints_with_places_to_sign(browse, admin, busy_day):
    close = close_day(
        person=admin,
        on=timezone.localdate(),
        banked_cash=Decimal("700000.00"),
        counted_cash=Decimal("60000.00"),
        note="Four rupees of change short",
    )
    page = browse(admin)

    texts = print_page(page, close.get_absolute_url())

    assert "Taken to the bank −₹7,00,000.00" in texts[0]
    assert texts[-1].endswith("Anita Rao, cashier Date Owner Date")
    assert right_edges_beyond(page, 186) == []


@pytest.mark.parametrize("students, pages", [(40, 1), (90, 3)])
def test_register_prints_with_letterhead(browse, institute, instructor, students, pages):
    june = datetime.date(2026, 6, 1)
    batch = DailyBatchFactory(instructor=instructor, starts_on=june, ends_on=june.replace(day=30))
    EnrollmentFactory.create_batch(students, batch=batch, enrolled_on=june)
    for day in range(1, 27):
        save_marks(batch, june.replace(day=day))
    page = browse(instructor)

    texts = print_page(page, reverse("attendance:batch-attendance", args=[batch.pk]))

    assert len(texts) <= pages
    assert all("These days Total" in text for text in texts)
    assert right_edges_beyond(page, 281) == []
