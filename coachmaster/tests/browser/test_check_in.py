import datetime
import io
import time
from types import SimpleNamespace

import pytest
import zxingcpp
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from playwright.sync_api import expect

from academics.models import ClassTime, Institute
from academics.tests.factories import DailyBatchFactory, EnrollmentFactory
from accounts.tests.factories import PASSWORD
from attendance.models import Mark, Sheet
from attendance.services import check_in

from .conftest import page_problems

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def batch(live_server, instructor):
    """A class all day long with Asha and Bela."""
    Institute.objects.update(check_in_by_code=True, late_after_minutes=120)
    batch = DailyBatchFactory(name="JEE Morning", instructor=instructor)
    ClassTime.objects.update(starts_at=datetime.time(0), ends_at=datetime.time(23, 59, 59))
    for name in ("Asha Verma", "Bela Rao"):
        EnrollmentFactory(batch=batch, student__user__full_name=name)
    return batch


def student(name):
    return EnrollmentFactory._meta.model.objects.get(student__user__full_name=name).student.user


def scanned(screen):
    """Return the URL of the QR code on the screen."""
    picture = Image.open(io.BytesIO(screen.locator(".check-in-qr svg").screenshot()))
    # Other kinds of codes may be found by chance in the picture.
    (code,) = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    return code.text


def test_instructor_sees_students_check_in(browse, batch, instructor):
    screen = browse(instructor)
    screen.goto(reverse("attendance:sheet", args=[batch.pk, timezone.localdate()]))
    screen.get_by_role("link", name="Check-in by code").click()
    expect(screen.get_by_text("0 of 2 checked in")).to_be_visible()
    assert page_problems(screen) == []

    phone = browse(phone=True)  # not signed in yet
    phone.goto(scanned(screen))
    phone.get_by_label("Email or admission number").fill(student("Asha Verma").email)
    phone.get_by_label("Password").fill(PASSWORD)
    phone.get_by_role("button", name="Sign in").tap()
    expect(phone.get_by_role("heading", level=1)).to_have_text("JEE Morning")
    assert page_problems(phone) == []
    assert not Mark.objects.exists()
    phone.get_by_role("button", name="Check in").tap()
    expect(phone.get_by_text("Checked in to JEE Morning")).to_be_visible()

    # The list fills by itself.
    expect(screen.get_by_text("1 of 2 checked in")).to_be_visible()
    expect(screen.get_by_role("table")).to_contain_text("Asha Verma")

    # Bela has no phone with her and borrows Asha's.
    phone.context.clear_cookies(name="sessionid")
    phone.goto(scanned(screen))
    phone.get_by_label("Email or admission number").fill(student("Bela Rao").email)
    phone.get_by_label("Password").fill(PASSWORD)
    phone.get_by_role("button", name="Sign in").tap()
    expect(phone.get_by_text("This device has already checked in another student")).to_be_visible()

    # The last word: Bela was there after all.
    screen.get_by_role("link", name="Open sheet").click()
    expect(screen.get_by_text("1 of 2 have checked in")).to_be_visible()
    screen.get_by_role("listitem").filter(has_text="Bela Rao").get_by_text(
        "Present", exact=True
    ).click()
    screen.get_by_role("button", name="Save").click()
    expect(screen.get_by_text("saved:")).to_be_visible()
    assert set(Mark.objects.values_list("status", flat=True)) <= {"present", "late"}
    assert Mark.objects.count() == 2 and not Sheet.objects.get().is_open


def test_expired_or_foreign_code_marks_nobody(browse, batch, instructor, monkeypatch):
    now = time.time()
    screen = browse(instructor)
    screen.goto(reverse("attendance:check-in-screen", args=[batch.pk]))
    phone = browse(student("Asha Verma"), phone=True)

    with monkeypatch.context() as earlier:
        earlier.setattr(
            check_in, "time", SimpleNamespace(time=lambda: now - 2 * check_in.CODE_SECONDS)
        )
        over = check_in.make_code(batch, timezone.localdate(), instructor)
    phone.goto(reverse("attendance:check-in-scan", args=[over]))
    expect(phone.get_by_text("This code has expired")).to_be_visible()
    assert page_problems(phone) == []

    code = scanned(screen)
    phone.goto(code)
    phone.get_by_role("button", name="Check in").tap()
    expect(phone.get_by_text("Checked in to JEE Morning")).to_be_visible()
    phone.goto(code)
    expect(phone.get_by_text("You are already marked")).to_be_visible()

    stranger = browse(EnrollmentFactory(batch=DailyBatchFactory()).student.user, phone=True)
    stranger.goto(scanned(screen))
    expect(stranger.get_by_text("You are not in JEE Morning")).to_be_visible()
    assert stranger.get_by_role("button", name="Check in").count() == 0
    assert page_problems(stranger) == []
    assert Mark.objects.count() == 1


def test_check_in_works_without_scripts(browse, batch, instructor):
    screen = browse(instructor, java_script_enabled=False)
    screen.goto(reverse("attendance:check-in-screen", args=[batch.pk]))
    assert 'http-equiv="refresh" content="20"' in screen.content()

    phone = browse(student("Asha Verma"), phone=True, java_script_enabled=False)
    phone.goto(scanned(screen))
    phone.get_by_role("button", name="Check in").tap()
    expect(phone.get_by_text("Checked in to JEE Morning")).to_be_visible()
    screen.reload()
    expect(screen.get_by_text("1 of 2 checked in")).to_be_visible()
