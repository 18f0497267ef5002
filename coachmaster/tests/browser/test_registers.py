import datetime
import re

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from academics.tests.factories import DailyBatchFactory, EnrollmentFactory
from attendance.tests.factories import save_marks

from .conftest import overflow, page_problems

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MONTH = datetime.date(2026, 6, 1)


@pytest.fixture
def batch(live_server, instructor):
    """A batch of forty students with 26 sheets in June 2026."""
    batch = DailyBatchFactory(
        name="JEE Morning", instructor=instructor, starts_on=MONTH, ends_on=MONTH.replace(day=30)
    )
    EnrollmentFactory.create_batch(40, batch=batch, enrolled_on=MONTH)
    for day in range(1, 27):
        save_marks(batch, MONTH.replace(day=day))
    return batch


def test_register_of_forty_students_prints_on_one_page(browse, instructor, batch):
    page = browse(instructor)
    page.goto(reverse("attendance:batch-attendance", args=[batch.pk]))
    expect(page.get_by_role("combobox", name="Month")).to_have_value("2026-06")
    assert page_problems(page) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    with page.expect_download() as download:
        page.get_by_role("link", name="XLSX").click()
    assert re.fullmatch(
        r"attendance-.*-2026-06-01-2026-06-30\.xlsx", download.value.suggested_filename
    )

    page.emulate_media(media="print", color_scheme="light")
    paper = page.pdf(prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox \[([\d. ]+)\]", paper)
    assert [[round(float(number)) for number in box.split()] for box in boxes] == [[0, 0, 842, 595]]


def test_student_pages_through_months_on_a_phone(browse, student):
    today = timezone.localdate().replace(day=1)
    batch = DailyBatchFactory(starts_on=today - datetime.timedelta(days=70))
    EnrollmentFactory(batch=batch, student=student, enrolled_on=batch.starts_on)
    before = today - datetime.timedelta(days=1)
    save_marks(batch, before, **{f"s{student.pk}": "late"})
    page = browse(student.user, phone=True)
    page.goto(reverse("attendance:student-attendance", args=[student.pk]))

    page.get_by_role("link", name=f"{before:%B %Y}").tap()

    expect(page.get_by_role("heading", name=f"{before:%B %Y}", exact=True)).to_be_visible()
    page.locator(".month").get_by_role("link", name="Late").tap()
    expect(page.locator("tr:target")).to_contain_text("Late")
    assert overflow(page) == []
    assert page_problems(page) == []
