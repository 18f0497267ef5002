import datetime
import re

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from academics.models import Enrollment
from academics.tests.factories import DailyBatchFactory, EnrollmentFactory
from accounts.tests.factories import PASSWORD, UserFactory
from attendance.models import Mark, MarkChange, Sheet
from attendance.tests.factories import save_marks

from .conftest import overflow, page_problems, violations

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


DAY = datetime.timedelta(days=1)


@pytest.fixture
def batch(instructor, today):
    batch = DailyBatchFactory(name="JEE Morning", instructor=instructor, starts_on=today - 10 * DAY)
    for name in ("Asha Verma", "Bilal Shaikh", "Chitra Iyer"):
        EnrollmentFactory(batch=batch, student__user__full_name=name, enrolled_on=batch.starts_on)
    return batch


@pytest.fixture
def today(live_server):
    return timezone.localdate()


def address(batch, day):
    return reverse("attendance:sheet", args=[batch.pk, day])


def marks():
    return list(Mark.objects.order_by("student__user__full_name").values_list("status", flat=True))


def row(page, name):
    return page.locator(".sheet-row", has_text=name)


def save(page):
    page.get_by_role("button", name="Save").click()


def saved(page):
    expect(page.locator(".messages")).to_contain_text("saved")


def test_sheet_with_three_absences_takes_five_taps(browse, instructor, batch, today):
    EnrollmentFactory.create_batch(37, batch=batch, enrolled_on=batch.starts_on)
    absent = list(Enrollment.objects.order_by("student__user__full_name", "pk")[3:40:15])
    page = browse(instructor, phone=True)
    page.goto(reverse("dashboards:instructor-dashboard"))
    page.evaluate(
        "addEventListener('click',"
        " () => { sessionStorage.taps = Number(sessionStorage.taps ?? 0) + 1 }, true)"
    )
    page.add_init_script(
        "addEventListener('pointerup',"
        " () => { sessionStorage.taps = Number(sessionStorage.taps ?? 0) + 1 }, true)"
    )

    page.get_by_role("link", name="JEE Morning").first.tap()
    for enrollment in absent:
        row(page, enrollment.student.admission_number).tap(position={"x": 150, "y": 20})
    expect(page.locator("[data-totals]")).to_have_text("37 present · 3 absent")
    expect(page.locator("[data-totals]")).to_be_in_viewport()
    assert page_problems(page) == []
    page.set_viewport_size({"width": 360, "height": 800})
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.get_by_role("button", name="Save").tap()
    saved(page)

    assert int(page.evaluate("sessionStorage.taps")) <= 5
    assert sent.value.post_data.count("mark-") == 3  # the changed rows, and no others
    assert set(Mark.objects.filter(status="absent").values_list("enrollment", flat=True)) == {
        one.pk for one in absent
    }
    assert Mark.objects.count() == 40


def test_tap_cycles_through_statuses_and_buttons_choose_one(browse, instructor, batch, today):
    page = browse(instructor, phone=True)
    page.goto(address(batch, today))
    asha = row(page, "Asha Verma")

    for status in ("absent", "late", "excused", "present", "absent"):
        asha.tap(position={"x": 200, "y": 20})
        expect(asha.locator("input:checked")).to_have_value(status)
    asha.get_by_text("Excused").tap()
    expect(asha.locator("input:checked")).to_have_value("excused")
    asha.get_by_text("Note").tap()
    asha.get_by_label("Note on Asha Verma").fill("At a wedding")
    expect(asha.locator("input:checked")).to_have_value("excused")
    save(page)

    saved(page)
    assert marks() == ["excused", "present", "present"]
    assert Mark.objects.get(status="excused").note == "At a wedding"


def test_all_students_can_be_marked_at_once(browse, instructor, batch, today):
    chitra = Enrollment.objects.get(student__user__full_name="Chitra Iyer")
    save_marks(batch, today - DAY, **{f"s{chitra.student_id}": "late"})
    page = browse(instructor)
    page.goto(address(batch, today))
    page.get_by_label("Topic of the class").fill("Waves")

    page.get_by_role("link", name="All absent").click()
    expect(page.locator("[data-totals]")).to_have_text("3 absent")
    page.get_by_role("link", name="Same as last class").click()
    expect(page.locator("[data-totals]")).to_have_text("2 present · 1 late")
    save(page)

    saved(page)
    sheet = Sheet.objects.get(held_on=today)
    assert (sheet.topic, sheet.marks.get(status="late").enrollment) == ("Waves", chitra)


def test_sheet_works_without_scripts(browse, instructor, batch, today):
    page = browse(instructor, phone=True, java_script_enabled=False)
    page.goto(address(batch, today))
    page.get_by_role("link", name="All absent").tap()
    row(page, "Asha Verma").get_by_text("Present", exact=True).tap()
    row(page, "Bilal Shaikh").get_by_text("Note").tap()
    page.get_by_label("Note on Bilal Shaikh").fill("Fever")
    save(page)
    saved(page)
    assert marks() == ["present", "absent", "absent"]

    row(page, "Chitra Iyer").get_by_text("Late", exact=True).tap()
    save(page)
    saved(page)
    assert marks() == ["present", "absent", "late"]
    assert Mark.objects.get(status="absent").note == "Fever"
    assert MarkChange.objects.count() == 1


def test_sheet_works_by_keyboard(browse, instructor, batch, today):
    page = browse(instructor)
    page.goto(address(batch, today))

    for key in ("ArrowDown", "a", "ArrowDown", "ArrowUp", "e", "l"):
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="Save")).to_be_focused()
    page.keyboard.press("Enter")

    saved(page)
    assert marks() == ["absent", "excused", "late"]


# Not saved yet


def test_marks_survive_lost_connection_and_closed_page(browse, instructor, batch, today):
    page = browse(instructor, phone=True, unsteady=True)
    page.goto(address(batch, today))
    row(page, "Bilal Shaikh").tap(position={"x": 150, "y": 20})
    page.get_by_label("Topic of the class").fill("Optics")
    expect(page.get_by_text("Not saved yet. Stored on this device.")).to_be_visible()

    page.context.set_offline(True)
    page.get_by_role("button", name="Save").tap()
    expect(page.locator("[data-kept-notice]")).to_contain_text(
        "Not saved yet: there is no connection."
    )
    expect(row(page, "Bilal Shaikh").locator("input:checked")).to_have_value("absent")
    assert overflow(page) == []
    assert not Sheet.objects.exists()

    page.context.set_offline(False)
    again = page.context.new_page()
    page.close()
    again.goto(address(batch, today))
    expect(again.locator("[data-kept-notice]")).to_contain_text(
        "Not saved yet: stored on this device since"
    )
    expect(again.locator("[data-totals]")).to_have_text("2 present · 1 absent")
    expect(again.get_by_label("Topic of the class")).to_have_value("Optics")
    assert page_problems(again) == []
    again.get_by_role("button", name="Save").click()
    saved(again)
    assert (marks(), Sheet.objects.get().topic) == (["present", "absent", "present"], "Optics")

    again.reload()
    expect(again.locator("[data-kept-notice]")).to_be_hidden()
    assert again.evaluate("localStorage.length") == 0


def test_save_after_lost_connection_is_one_save(browse, instructor, batch, today):
    page = browse(instructor, unsteady=True)
    page.goto(address(batch, today))
    page.context.set_offline(True)
    save(page)
    expect(page.locator("[data-kept-notice]")).to_contain_text("no connection")
    page.context.set_offline(False)
    save(page)

    saved(page)
    assert Sheet.objects.get().version == 1


def test_marks_survive_expired_session(browse, instructor, batch, today):
    page = browse(instructor, phone=True)
    page.goto(address(batch, today))
    row(page, "Chitra Iyer").tap(position={"x": 150, "y": 20})
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)

    page.get_by_role("button", name="Save").tap()
    page.get_by_role("link", name="Sign in and come back").tap()
    page.get_by_label("Email or admission number").fill(instructor.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").tap()

    expect(page).to_have_url(re.compile(re.escape(address(batch, today))))
    expect(page.locator("[data-kept-notice]")).to_contain_text("restored below")
    expect(row(page, "Chitra Iyer").locator("input:checked")).to_have_value("absent")
    page.get_by_role("button", name="Save").tap()
    saved(page)
    assert marks() == ["present", "present", "absent"]


def test_marks_survive_expired_session_without_scripts(browse, instructor, batch, today):
    page = browse(instructor, phone=True, java_script_enabled=False)
    page.goto(address(batch, today))
    row(page, "Chitra Iyer").get_by_text("Absent", exact=True).tap()
    page.get_by_label("Topic of the class").fill("Optics")
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)

    save(page)
    expect(page.get_by_role("status")).to_contain_text("your entries are shown again")
    page.get_by_label("Email or admission number").fill(instructor.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").tap()

    expect(
        page.get_by_text("Not saved yet: the marks from before you signed in are restored below.")
    ).to_be_visible()
    expect(row(page, "Chitra Iyer").locator("input:checked")).to_have_value("absent")
    assert not Sheet.objects.exists()
    save(page)
    saved(page)
    assert (marks(), Sheet.objects.get().topic) == (["present", "present", "absent"], "Optics")


def test_unsaved_marks_can_be_discarded(browse, instructor, batch, today):
    page = browse(instructor)
    page.goto(address(batch, today))
    row(page, "Asha Verma").get_by_text("Late", exact=True).click()
    page.reload()
    page.get_by_role("button", name="Discard").click()

    expect(page.locator("[data-kept-notice]")).to_be_hidden()
    expect(page.locator("[data-totals]")).to_have_text("3 present")
    assert page.evaluate("localStorage.length") == 0


def test_unsaved_marks_are_not_shown_to_another_user(browse, instructor, admin, batch, today):
    page = browse(instructor)
    page.goto(address(batch, today))
    row(page, "Asha Verma").get_by_text("Late", exact=True).click()
    page.context.clear_cookies()
    page.goto(f"/accounts/login/?next={address(batch, today)}")
    page.get_by_label("Email or admission number").fill(admin.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page.locator("[data-totals]")).to_have_text("3 present")
    expect(page.locator("[data-kept-notice]")).to_be_hidden()


# Two tabs


def test_second_tab_keeps_its_marks_after_a_conflict(browse, instructor, batch, today):
    other = UserFactory(full_name="Anita Rao", role="Admin")
    mine, theirs = browse(instructor, phone=True), browse(other)
    for page in (mine, theirs):
        page.goto(address(batch, today))
    row(theirs, "Asha Verma").get_by_text("Absent", exact=True).click()
    save(theirs)
    saved(theirs)

    row(mine, "Chitra Iyer").get_by_text("Late", exact=True).tap()
    mine.get_by_role("button", name="Save").tap()

    expect(mine.get_by_role("alert")).to_contain_text("Anita Rao saved this sheet at")
    expect(row(mine, "Chitra Iyer")).to_contain_text(
        "Saved as Present. Save again to make it Late."
    )
    expect(row(mine, "Asha Verma")).to_contain_text("Changed to Absent by that save.")
    assert page_problems(mine) == []
    assert marks() == ["absent", "present", "present"]
    mine.get_by_role("button", name="Save").click()
    saved(mine)
    assert marks() == ["absent", "present", "late"]
    change = MarkChange.objects.get()
    assert (change.before, change.after, change.changed_by) == ("present", "late", instructor)
    assert page_problems(mine) == []
    mine.get_by_role("link", name="History").click()
    expect(mine.get_by_role("heading", name="Saves")).to_be_visible()
    assert page_problems(mine) == [] and overflow(mine) == []
    assert mine.evaluate("localStorage.length") == 0


def sign_out(page):
    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Sign out", exact=True).click()


def test_sign_out_warns_of_marks_that_are_not_saved(browse, instructor, batch, today):
    page = browse(instructor)
    page.goto(address(batch, today))
    row(page, "Asha Verma").get_by_text("Late", exact=True).click()
    page.goto(reverse("accounts:me"))

    sign_out(page)
    dialog = page.get_by_role("dialog", name="Marks on this device are not saved yet")
    expect(dialog.get_by_role("link", name=f"JEE Morning, {today:%-d %b %Y}")).to_be_visible()
    assert violations(page) + overflow(page) == []
    dialog.get_by_role("button", name="Stay signed in").click()
    expect(dialog).to_have_count(0)
    sign_out(page)
    dialog.get_by_role("link").click()

    expect(page.locator("[data-kept-notice]")).to_contain_text("restored below")
    expect(row(page, "Asha Verma").locator("input:checked")).to_have_value("late")


def test_sign_out_deletes_the_marks_after_the_warning(browse, instructor, batch, today):
    page = browse(instructor, phone=True, dark=True)
    page.goto(address(batch, today))
    row(page, "Asha Verma").get_by_text("Late", exact=True).click()

    sign_out(page)
    page.get_by_role("button", name="Sign out and delete them").click()

    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0


def test_sign_out_clears_what_is_stored_without_a_question(browse, instructor, batch, today):
    page = browse(instructor)
    page.goto(address(batch, today))
    page.evaluate("localStorage.setItem('anything', 'else')")

    sign_out(page)

    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0


def test_sign_out_of_django_admin_warns_too(browse, admin, batch, today):
    page = browse(admin)
    page.goto(address(batch, today))
    row(page, "Asha Verma").get_by_text("Late", exact=True).click()
    page.goto(reverse("admin:index"))

    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Sign out and delete them").click()

    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0
