import datetime
import re

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from academics.models import ClassChange
from academics.tests.factories import DailyBatchFactory, EnrollmentFactory

from .conftest import page_problems

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def tomorrow(live_server):
    return timezone.localdate() + datetime.timedelta(days=1)


@pytest.fixture
def batch(tomorrow, instructor):
    batch = DailyBatchFactory(name="JEE Morning", instructor=instructor, starts_on=tomorrow)
    EnrollmentFactory(batch=batch, student__user__full_name="Asha Verma")
    return batch


def test_class_is_rescheduled_by_keyboard_despite_a_clash(
    browse, admin, instructor, batch, tomorrow
):
    DailyBatchFactory(name="NEET Evening", instructor=instructor, starts_on=tomorrow)
    page = browse(admin)
    page.goto(f"{reverse('academics:calendar')}?week={tomorrow}&batch={batch.pk}")
    page.get_by_role(
        "link", name=re.compile(f"^Move or cancel JEE Morning, {tomorrow:%a} {tomorrow.day} ")
    ).focus()
    page.keyboard.press("Enter")
    page.get_by_label("From").fill("18:00")
    page.get_by_label("To").fill("19:00")
    page.get_by_label("Reason").focus()
    page.keyboard.type("Hall is taken")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text(
        f"Imran Khan has NEET Evening on {tomorrow:%a} 17:00-18:30."
    )
    assert not ClassChange.objects.exists()
    assert page_problems(page) == []
    page.get_by_label("Save anyway").focus()
    page.keyboard.press("Space")
    page.get_by_label("Reason").focus()
    page.keyboard.press("Enter")

    expect(page.locator(".messages")).to_contain_text("The class of JEE Morning is now on")
    assert ClassChange.objects.get().reason == "Hall is taken"

    phone = browse(batch.enrollments.get().student.user, phone=True)
    phone.goto("/")
    phone.get_by_role("navigation", name="Main").get_by_role("link", name="Timetable").click()
    phone.goto(f"{reverse('academics:calendar')}?week={tomorrow}")
    expect(phone.get_by_text(re.compile("Moved from .*, 17:00: Hall is taken"))).to_be_visible()
    assert page_problems(phone) == []


def test_class_is_cancelled_and_restored_without_scripts(browse, admin, batch, tomorrow):
    page = browse(admin, java_script_enabled=False)
    page.goto(batch.get_absolute_url())
    page.get_by_role(
        "link", name=re.compile(f"^Cancel the class of {tomorrow:%a} {tomorrow.day} ")
    ).click()
    page.get_by_label("Reason").fill("Fever")
    page.get_by_role("button", name="Cancel class").click()

    row = page.locator("tr", has_text="Cancelled: Fever")
    expect(row).to_be_visible()
    row.get_by_role("link", name=re.compile("^Undo")).click()
    page.get_by_role("button", name="Undo change").click()

    expect(page.locator(".messages")).to_contain_text("Change of JEE Morning undone: Cancelled")
    expect(page.locator("tr", has_text="Cancelled: Fever")).to_have_count(0)
    assert not ClassChange.objects.exists()


def test_week_starts_today_on_a_phone_and_is_a_grid_on_a_desk(browse, admin, batch):
    page = browse(admin, phone=True)
    page.goto(reverse("academics:calendar"))

    def tops():
        return page.locator(".week-day").evaluate_all(
            "days => days.map(day => day.getBoundingClientRect().top)"
        )

    today = timezone.localdate().weekday()
    on_phone = tops()
    assert min(range(7), key=lambda place: on_phone[place]) == today
    page.set_viewport_size({"width": 1280, "height": 900})
    assert len(set(tops())) == 1


def test_calendar_feed_url_is_created_and_renewed(browse, instructor, batch):
    page = browse(instructor, phone=True)
    page.goto(reverse("accounts:me"))
    page.get_by_role("button", name="Create address").click()
    first = page.get_by_label("Address").input_value()
    assert page_problems(page) == []
    answer = page.request.get(first)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    assert "SUMMARY:JEE Morning" in answer.text()

    page.get_by_role("button", name="Create a new address").click()

    assert page.get_by_label("Address").input_value() != first
    assert page.request.get(first).status == 404
