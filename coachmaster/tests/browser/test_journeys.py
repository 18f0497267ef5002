import datetime
import re
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from academics.models import Course, Enrollment
from academics.tests.factories import DailyBatchFactory
from accounts.tests.factories import PASSWORD, StudentFactory
from attendance.models import Mark, Sheet
from finance.models import Charge, FeePlan, Payment
from finance.services.fee_plans import save_plan
from finance.tests.factories import enrolled, paid

from .conftest import overflow, page_problems

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DAY = datetime.timedelta(days=1)


@pytest.fixture
def batch(live_server, instructor):
    today = timezone.localdate()
    return DailyBatchFactory(
        name="JEE Morning", instructor=instructor, starts_on=today.replace(day=1), capacity=40
    )


def sign_in(page, name):
    page.goto("/")
    page.get_by_label("Email or admission number").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/dashboard/"))


def test_desk_enrolls_student_and_prints_receipt_on_one_page(browse, admin, batch):
    student = StudentFactory(user__full_name="Asha Verma", user__phone="9876543210")
    page = browse()
    sign_in(page, admin.email)

    page.keyboard.press("/")
    page.keyboard.type("ver")
    page.get_by_role("link", name="Asha Verma").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Asha Verma")

    page.get_by_role("main").get_by_role("link", name="Enroll", exact=True).first.click()
    page.get_by_label("Batch").select_option(
        label=page.locator("option", has_text="JEE Morning").first.inner_text()
    )
    assert page_problems(page) == []
    page.get_by_role("button", name="Enroll").click()
    expect(page.get_by_text(re.compile("Asha Verma.*JEE Morning"))).not_to_have_count(0)
    assert Enrollment.objects.get().student == student

    page.goto(f"{reverse('finance:payment-create')}?student={student.pk}")
    page.get_by_label("Amount").fill("5,000")
    page.get_by_label("UPI", exact=True).check()
    page.get_by_label("Reference").fill("412345678901")
    assert page_problems(page) == []
    page.get_by_role("button", name="Record payment").dblclick()

    expect(page.get_by_role("status").or_(page.locator(".messages"))).to_contain_text(
        "Payment of ₹5,000.00 from Asha Verma"
    )
    payment = Payment.objects.get()
    assert (payment.amount, payment.reference) == (Decimal("5000.00"), "412345678901")
    expect(page.locator(".receipt")).to_contain_text("Rupees five thousand only")
    expect(page.locator(".receipt")).to_contain_text("₹7,000.00")
    assert page_problems(page) == []

    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    expect(page.locator(".receipt")).to_contain_text(payment.receipt_number)
    expect(page.get_by_text("Duplicate", exact=True)).to_be_hidden()
    printed = page.pdf(format="A5", prefer_css_page_size=True)
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") == 1
    expect(page.get_by_text("Duplicate", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_text("Duplicate", exact=True)).to_be_visible()
    assert payment.prints.get().printed_by == admin


def test_desk_records_deposits_and_clears_a_cheque(browse, admin, batch):
    student = enrolled(
        student=StudentFactory(user__full_name="Asha Verma"), batch=batch, by=admin
    ).student
    page = browse()
    sign_in(page, admin.email)

    page.goto(f"{reverse('finance:payment-create')}?student={student.pk}")
    page.get_by_label("Amount").fill("5000")
    page.get_by_label("Cheque", exact=True).check()
    page.get_by_label("Reference").fill("000123")
    page.get_by_label("Cheque date").fill(timezone.localdate().isoformat())
    page.get_by_role("button", name="Record payment").click()
    expect(page.locator(".messages")).to_contain_text("It counts once the cheque has cleared.")
    expect(page.locator(".receipt")).to_contain_text("Subject to clearing")
    expect(page.locator(".receipt")).to_contain_text("₹5,000 by cheque, not cleared")

    page.goto(reverse("finance:payment-list"))
    page.get_by_role("link", name="Cheques").click()
    for name, tab in (("Deposited", "To deposit"), ("Cleared", "Deposited")):
        page.get_by_role("link", name=tab).first.click()
        page.get_by_label("Select the cheque of Asha Verma").check()
        page.get_by_role("button", name=name).click()
        assert page_problems(page) == []
        page.get_by_role("button", name="Mark 1 cheque of ₹5,000").dblclick()
        expect(page.locator(".messages")).to_contain_text("1 cheque of ₹5,000.00")
    page.get_by_role("link", name="Cleared").click()
    page.get_by_role("link", name="Asha Verma").click()
    expect(page.get_by_role("main")).to_contain_text("₹5,000.00 of ₹12,000.00 paid")
    expect(page.get_by_role("main")).not_to_contain_text("not cleared")


def test_desk_prorates_and_splits_a_fee_by_plan(browse, admin, batch):
    student = StudentFactory(user__full_name="Asha Verma")
    batch.starts_on, batch.ends_on = (
        timezone.localdate() - 28 * DAY,
        timezone.localdate() + 11 * DAY,
    )
    batch.save()
    plan = FeePlan.objects.create(course=batch.course, name="Two halves")
    save_plan(plan, [{"percent": 50, "days": 0}, {"percent": 50, "days": 30}])
    page = browse(admin)
    page.goto(f"{reverse('finance:enrollment-create')}?student={student.pk}")
    amounts = page.get_by_label(re.compile("Installment .: amount"))

    page.get_by_label("Batch").select_option(
        label=page.locator("option", has_text="JEE Morning").first.inner_text()
    )
    expect(page.get_by_text("remaining 12 of 40 classes: ₹3,600.00")).to_be_visible()
    page.get_by_label("Two halves").check()
    expect(amounts.nth(1)).to_have_value("6000.00")
    page.get_by_role("button", name="Use ₹3,600.00").click()
    expect(page.get_by_label("Agreed fee")).to_have_value("3600.00")
    expect(amounts.nth(1)).to_have_value("1800.00")
    amounts.nth(0).fill("600")
    amounts.nth(1).fill("")
    page.get_by_label("Installment 2: due on").fill("")
    page.get_by_label("Split the rest into").fill("2")
    page.get_by_role("button", name="Split").click()
    expect(amounts.nth(2)).to_have_value("1500.00")
    assert page_problems(page) == []
    page.get_by_role("button", name="Enroll").click()

    expect(page.locator(".messages")).to_contain_text(
        "Asha Verma enrolled in JEE Morning for ₹3,600.00."
    )
    charged = Charge.objects.order_by("due_on").values_list("amount", flat=True)
    assert list(charged) == [Decimal("600.00"), Decimal("1500.00"), Decimal("1500.00")]


def test_desk_drops_student_with_refund(browse, admin, batch):
    batch.starts_on, batch.ends_on = (
        timezone.localdate() - 15 * DAY,
        timezone.localdate() + 14 * DAY,
    )
    batch.save()
    student = StudentFactory(user__full_name="Asha Verma")
    enrollment = enrolled(student=student, batch=batch, enrolled_on=batch.starts_on, by=admin)
    paid(student=student, amount="12000.00", mode="upi", by=admin)
    page = browse(admin)
    page.goto(reverse("finance:enrollment-drop", args=[enrollment.pk]))

    # 15 of 30 classes are 6,000 of 12,000; a tenth is deducted.
    expect(page.get_by_text("₹12,000.00 × 15 of 30 classes")).to_be_visible()
    expect(page.get_by_role("definition").filter(has_text="₹4,800.00")).to_be_visible()
    page.get_by_label("Not in the batch from").fill((timezone.localdate() + 5 * DAY).isoformat())
    page.locator("[name=reason]").select_option("Moved away")
    page.get_by_label("Note").fill("To Pune")
    expect(page.get_by_text("₹12,000.00 × 20 of 30 classes")).to_be_visible()
    page.get_by_label("Fee to retain (₹)").fill("7,000")
    page.get_by_label("Reason for another fee").fill("The teacher was ill for a week")
    expect(page.get_by_role("definition").filter(has_text="₹5,000.00")).to_be_visible()
    assert page_problems(page) == []
    page.get_by_role("button", name="Drop").click()
    expect(page.locator(".messages")).to_contain_text(
        "Fee retained: ₹7,000.00. Refund ₹5,000.00 by"
    )

    page.goto(reverse("finance:refund-due-list"))
    assert page_problems(page) == []
    page.get_by_role("link", name="Refund Asha Verma").click()
    expect(page.get_by_label("Amount")).to_have_value("")
    expect(page.get_by_text("The student’s advance is ₹5,000.00.")).to_be_visible()
    expect(page.get_by_label("UPI", exact=True)).to_be_checked()
    page.get_by_label("Amount").fill("5000")
    page.get_by_label("Reference").fill("412345678902")
    page.locator("[name=reason]").fill("Moved to Pune")
    page.get_by_role("button", name="Refund", exact=True).dblclick()

    expect(page.locator(".receipt")).to_contain_text("Rupees five thousand only")
    page.get_by_role("link", name="Refunds due").click()
    expect(page.get_by_text("No refunds due")).to_be_visible()
    assert student.account.balance == 0


def test_attendance_is_marked_on_a_phone(browse, instructor, batch):
    names = ["Asha Verma", "Bilal Shaikh", "Chitra Iyer"]
    students = {
        name: enrolled(student=StudentFactory(user__full_name=name), batch=batch).student
        for name in names
    }
    page = browse(phone=True)
    sign_in(page, instructor.email)

    page.get_by_role("link", name="JEE Morning").first.tap()
    expect(page.get_by_role("heading", level=1)).to_contain_text("JEE Morning")
    for name in ("Bilal Shaikh", "Chitra Iyer"):
        page.get_by_text(name, exact=True).tap()
    assert overflow(page) == []
    expect(page.locator("[data-totals]")).to_contain_text("1 present · 2 absent")
    assert page_problems(page) == []
    page.get_by_role("button", name="Save").tap()

    expect(page.locator(".messages")).to_contain_text("JEE Morning")
    assert dict(Mark.objects.values_list("student__user__full_name", "status")) == {
        "Asha Verma": "present",
        "Bilal Shaikh": "absent",
        "Chitra Iyer": "absent",
    }
    assert Sheet.objects.get().taken_by == instructor
    assert len(students) == Mark.objects.count()


def test_attendance_is_marked_without_a_mouse(browse, instructor, batch):
    for name in ("Asha Verma", "Bilal Shaikh", "Chitra Iyer"):
        enrolled(student=StudentFactory(user__full_name=name), batch=batch)
    page = browse(instructor)
    page.goto(reverse("attendance:sheet", args=[batch.pk, timezone.localdate()]))

    page.locator(".marks input").first.focus()
    page.keyboard.type("pal")
    expect(page.get_by_role("button", name="Save")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator(".messages")).to_be_visible()
    assert list(
        Mark.objects.order_by("student__user__full_name").values_list("status", flat=True)
    ) == [
        "present",
        "absent",
        "late",
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_student_sees_attendance_fees_and_receipts_on_a_phone(browse, student, batch, dark):
    enrolled(student=student, batch=batch)
    payment = paid(student=student, amount="4500.00")
    page = browse(phone=True, dark=dark)
    sign_in(page, student.admission_number if not dark else student.user.email)
    expect(page.get_by_role("main")).to_contain_text("₹7,500")
    assert page_problems(page) == []

    for link, words in [
        ("Attendance", "no classes yet"),
        ("Fees", "₹12,000.00"),
        ("Receipts", payment.receipt_number),
        ("Enrollment", "JEE Morning"),
    ]:
        page.get_by_role("navigation", name="Main").get_by_role("link", name=link).tap()
        expect(page.get_by_role("main")).to_contain_text(
            re.compile(re.escape(words), re.IGNORECASE)
        )
        assert overflow(page) == []
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Receipts").tap()
    page.get_by_role("link", name=payment.receipt_number).first.tap()
    expect(page.locator(".receipt")).to_contain_text("Rupees four thousand five hundred only")


def test_daily_work_is_possible_without_scripts(browse, instructor, batch):
    enrolled(student=StudentFactory(user__full_name="Asha Verma"), batch=batch)
    page = browse(instructor, phone=True, java_script_enabled=False)
    page.goto(reverse("attendance:sheet", args=[batch.pk, timezone.localdate()]))
    page.get_by_text("Absent", exact=True).first.tap()
    page.get_by_role("button", name="Save").tap()

    expect(page.locator(".messages")).to_be_visible()
    assert Mark.objects.get().status == "absent"


def test_invalid_form_opens_at_its_first_error(browse, admin):
    page = browse(admin, phone=True)
    page.goto(reverse("accounts:person-create"))
    page.get_by_label("Full name").fill("Asha Verma")
    page.get_by_label("Guardian's phone").fill("12")
    page.get_by_role("button", name="Save and enroll").tap()

    expect(page.get_by_text("Enter a phone number with its digits")).to_be_in_viewport()
    expect(page.get_by_label("Guardian's phone")).to_be_focused()
    expect(page.get_by_label("Full name")).to_have_value("Asha Verma")


def test_import_shows_its_progress(browse, admin):
    page = browse(admin)
    page.goto("/imports/")
    page.set_input_files(
        "input[type=file]",
        {"name": "students.csv", "mimeType": "text/csv", "buffer": b"Name\nAsha Verma\n"},
    )
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("progressbar")).to_be_hidden()
    page.evaluate(
        "addEventListener('submit', (event) => event.preventDefault())"
    )  # the answer is long in coming

    page.get_by_role("button", name="Import 1 student").click()

    expect(page.get_by_role("status")).to_contain_text("Importing 1 student: all rows, or none.")
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert overflow(page) == page_problems(page) == []


def undo_with_reason(page, reason):
    page.get_by_role("link", name="Undo", exact=True).click()
    page.get_by_label("Reason").fill(reason)
    if page.get_by_label("Your password").count():
        page.get_by_label("Your password").fill(PASSWORD)
    assert overflow(page) == page_problems(page) == []
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_text("undone.")).to_be_visible()


def test_several_students_enrolled_by_mistake_are_undone(browse, admin, batch):
    for name in ("Asha Verma", "Ravi Iyer"):
        StudentFactory(user__full_name=name)
    page = browse(admin, phone=True)
    page.goto(reverse("finance:batch-enroll", args=[batch.pk]))
    page.get_by_role("checkbox", name="Asha Verma").check()
    page.get_by_role("checkbox", name="Ravi Iyer").check()
    page.get_by_role("button", name="Enroll students").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Enroll 2 students in JEE Morning")
    assert overflow(page) == page_problems(page) == []
    page.get_by_role("button", name=re.compile("^Enroll 2 students · ₹")).click()
    expect(page).to_have_url(re.compile("/bulk-actions/"))
    assert batch.enrollments.active().count() == 2

    undo_with_reason(page, "Wrong batch")

    assert not batch.enrollments.active().exists() and not Charge.objects.active().exists()


def test_batch_completed_too_early_is_undone(browse, admin, batch):
    enrolled(student=StudentFactory(user__full_name="Asha Verma"), batch=batch)
    page = browse(admin)
    page.goto(reverse("finance:batch-complete", args=[batch.pk]))
    page.get_by_role("button", name="Show dues").click()
    expect(page.get_by_text("unpaid fees of this batch, which stay due")).to_be_visible()
    assert overflow(page) == page_problems(page) == []
    page.get_by_role("button", name="Complete 1 student").click()
    expect(page).to_have_url(re.compile("/bulk-actions/"))
    assert not batch.enrollments.active().exists()

    undo_with_reason(page, "Too early")

    assert batch.enrollments.active().count() == 1


def test_wrong_file_is_undone(browse, admin):
    page = browse(admin)
    page.goto("/imports/")
    content = b"Course,Fee\nJEE,1000\nNEET,2000\n"
    page.get_by_role("radio", name="Courses").check()
    page.set_input_files(
        "input[type=file]", {"name": "courses.csv", "mimeType": "text/csv", "buffer": content}
    )
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_role("button", name="Import 2 courses").click()
    expect(page.get_by_text("courses.csv imported: 2 courses created")).to_be_visible()
    assert Course.objects.count() == 2

    undo_with_reason(page, "Last year's fees")

    assert not Course.objects.exists()
