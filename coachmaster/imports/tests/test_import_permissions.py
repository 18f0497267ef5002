"""A file can do nothing that the pages refuse to the same person."""

import datetime

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, Enrollment, Holiday, Institute
from academics.tests.factories import BatchFactory, CourseFactory, DailyBatchFactory, HolidayFactory
from accounts.models import Membership, StudentProfile, User
from accounts.tests.factories import StudentFactory, UserFactory, user_with
from attendance.models import EarlierAttendance, Mark, MarkChange
from attendance.tests.factories import save_marks
from coachmaster.core.dates import format_date
from coachmaster.core.exceptions import Conflict
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE
from coachmaster.imports.kinds import KINDS
from coachmaster.imports.models import Import
from finance.checks import find_problems
from finance.models import Account, Payment, Refund
from finance.services.bulk_actions import undo_bulk_action
from finance.tests.factories import enrolled, paid

pytestmark = pytest.mark.django_db

EXISTS = "Exists already, and your role does not permit changing it. Skip this row."
TEACHING = ("academics.view_course", "academics.view_batch", "academics.teach_batch")
INSTRUCTOR_PERMISSIONS = (*TEACHING, "academics.view_enrollment", "attendance.view_sheet",
                          "attendance.add_sheet")  # fmt: skip


@pytest.fixture
def imported(client_of, django_capture_on_commit_callbacks):
    """`imported(user, kind, text)`: sentences of the problems after an upload and an import."""

    def run(user, kind, text):
        client = client_of(user)
        file = SimpleUploadedFile("rows.csv", text.encode())
        answer = client.post(reverse("imports:import-list"), {"kind": kind, "file": file})
        if answer.status_code == 200:
            return answer.context["form"].errors["kind"]
        upload = Import.objects.latest("pk")
        preview = client.get(reverse("imports:import-detail", args=[upload.pk]))
        assert preview.status_code == 200
        with django_capture_on_commit_callbacks(execute=True):
            client.post(reverse("imports:import-apply", args=[upload.pk]))
        upload.refresh_from_db()
        return [problem["sentence"] for problem in upload.report.get("problems", [])]

    return run


def importer_with(*permissions, **fields):
    """Return a user who sees everybody and may import files."""
    return user_with("imports.add_import", SEE_WHOLE_INSTITUTE, *permissions, **fields)


# People ---------------------------------------------------------------------------------------


def test_file_does_not_change_a_student_without_the_permission_to_change_people(imported, student):
    adder = importer_with("accounts.add_user")
    text = f"name,email,admission number\nAsha Verma,thief@example.com,{student.admission_number}\n"

    assert imported(adder, "students", text) == [EXISTS]

    student.user.refresh_from_db()
    assert student.user.email == "asha@example.com"


def test_file_does_not_add_an_instructor_without_the_permissions_of_instructors(imported):
    adder = importer_with("accounts.add_user")
    text = "name,email\nMaya Das,maya@example.com\n"

    assert imported(adder, "instructors", text) == [
        "Select a valid choice. instructors is not one of the available choices."
    ]
    assert not User.objects.filter(email="maya@example.com").exists()

    colleague = importer_with("accounts.add_user", *INSTRUCTOR_PERMISSIONS)
    assert imported(colleague, "instructors", text) == []
    assert User.objects.get(email="maya@example.com").role == "Instructor"


def test_file_does_not_change_a_fee_without_the_permission_to_change_courses(imported):
    course = CourseFactory(name="JEE", total_fee=125000)

    assert imported(importer_with("academics.add_course"), "courses", "name,fee\nJEE,1\n") == [
        EXISTS
    ]

    course.refresh_from_db()
    assert course.total_fee == 125000
    (problem,) = Import.objects.get().report["problems"]
    assert (problem["line"], problem["value"]) == (2, "JEE")


def test_unchanged_row_is_refused_too_so_that_a_file_cannot_ask_for_values(imported, student):
    text = "name,email\nAsha Verma,asha@example.com\n"

    assert imported(importer_with("accounts.add_user"), "students", text) == [EXISTS]


def test_owner_of_a_changed_email_is_told_at_the_old_address(imported, student, settings):
    settings.SENDS_MAIL = True
    editor = importer_with("accounts.add_user", "accounts.change_user")
    text = f"name,email,admission number\nAsha Verma,new@example.com,{student.admission_number}\n"

    assert imported(editor, "students", text) == []

    student.user.refresh_from_db()
    assert student.user.email == "new@example.com"
    assert [message.to for message in mail.outbox] == [["asha@example.com"]]
    assert "was changed to new@example.com" in mail.outbox[0].body


def test_person_with_more_permissions_is_not_changed(imported):
    owner = StudentFactory(
        user__full_name="Olga Owner", user__email="olga@example.com", user__is_superuser=True
    )
    teacher = UserFactory(
        full_name="Imran Khan", email="imran@example.com", role="Instructor", is_superuser=True
    )
    editor = importer_with("accounts.add_user", "accounts.change_user", *INSTRUCTOR_PERMISSIONS)
    sentence = "Has permissions that you do not have, so you cannot change them. Skip this row."
    text = f"name,email,admission number\nOlga Owner,x@example.com,{owner.admission_number}\n"

    assert imported(editor, "students", text) == [sentence]
    assert imported(editor, "instructors", "name,email\nX,imran@example.com\n") == [sentence]

    assert User.objects.get(pk=owner.pk).email == "olga@example.com"
    assert User.objects.get(pk=teacher.pk).full_name == "Imran Khan"


def test_person_who_is_not_visible_is_neither_changed_nor_named(imported, student, instructor):
    editor = user_with(
        "imports.add_import", "accounts.add_user", "accounts.change_user", *INSTRUCTOR_PERMISSIONS
    )
    by_email = "name,email\nAsha Rao,asha@example.com\n"
    student.admission_number = "JEE/1"
    student.save()
    by_number = "name,admission number\nAsha Rao,jee/1\n"

    assert imported(editor, "students", by_email) == [
        "Somebody has this email. Enter another, or none."
    ]
    assert imported(editor, "students", by_number) == [
        "Another student has this number. Enter another, or none."
    ]
    assert imported(editor, "instructors", "name,email\nX,imran@example.com\n") == [
        "Somebody has this email. Skip this row."
    ]
    assert User.objects.get(pk=student.pk).full_name == "Asha Verma"
    assert User.objects.get(pk=instructor.pk).full_name == "Imran Khan"


def test_own_student_is_changed_and_another_with_the_same_name_and_phone_is_not(imported):
    editor = user_with(
        "academics.teach_batch",
        "imports.add_import",
        "accounts.add_user",
        "accounts.change_user",
    )
    own, other = (
        StudentFactory(user__full_name="Ravi Iyer", user__phone="9876543213") for _ in range(2)
    )
    enrolled(student=own, batch=BatchFactory(instructor=editor))
    text = "name,phone,address\nRavi Iyer,9876543213,4 MG Road\n"

    assert imported(editor, "students", text) == []

    addresses = dict(StudentProfile.objects.values_list("pk", "address"))
    assert addresses == {own.pk: "4 MG Road", other.pk: ""}


# Courses, batches, holidays -------------------------------------------------------------------


def test_batches_and_holidays_need_the_permission_to_change_existing_ones(imported):
    batch = BatchFactory(name="Morning", course__name="JEE", room="Hall 1")
    holiday = HolidayFactory(day=datetime.date(2026, 11, 8), name="Diwali")
    adder = importer_with("academics.add_batch", "academics.add_holiday")
    batches = f"name,course,start,room\nMorning,JEE,{batch.starts_on},Hall 2\n"
    holidays = "name,date,until\nDeepavali,2026-11-08,2026-11-09\n"

    assert imported(adder, "batches", batches) == [EXISTS]
    assert imported(adder, "holidays", holidays) == [EXISTS]

    assert Batch.objects.get().room == "Hall 1"
    assert list(Holiday.objects.all()) == [holiday]
    assert Holiday.objects.get().name == "Diwali"


def test_batch_that_is_not_visible_is_not_changed(imported):
    batch = BatchFactory(name="Morning", code="M-1", course__name="JEE", room="Hall 1")
    editor = user_with("imports.add_import", "academics.add_batch", "academics.change_batch")
    text = f"name,code,course,start,room\nMorning,M-1,JEE,{batch.starts_on},Hall 2\n"

    assert imported(editor, "batches", text) == ["Another batch has this code."]
    assert Batch.objects.get().room == "Hall 1"


def test_batch_of_an_inactive_course_is_refused_as_on_the_page(imported, admin):
    CourseFactory(name="JEE", is_active=False)

    assert imported(admin, "batches", "name,course,start\nMorning,JEE,2026-06-01\n") == [
        "JEE is inactive. Activate the course first."
    ]
    assert not Batch.objects.exists()


# Enrollments, payments, attendance ------------------------------------------------------------

NO_STUDENT = "There is no such student. Write the admission number, email or full name as stored."
NO_BATCH = "No batch has this code or name. Correct it, or import the batch first."


@pytest.fixture
def teacher():
    """An instructor who may also import, enroll and record payments."""
    return user_with(
        "imports.add_import",
        "academics.add_enrollment",
        "finance.add_payment",
        *INSTRUCTOR_PERMISSIONS,
    )


@pytest.fixture
def others_batch(student):
    """A batch of another instructor, with the student `asha@example.com`."""
    batch = DailyBatchFactory(name="Evening", code="E-1")
    enrolled(student=student, batch=batch)
    return batch


def test_students_and_batches_of_others_are_unknown_to_a_file(imported, teacher, others_batch):
    today = timezone.localdate()
    files = {
        "enrollments": "student,batch\nasha@example.com,E-1\n",
        "payments": f"student,amount,date,mode\nasha@example.com,5,{today},cash\n",
        "attendance": f"date,batch,student,status\n{today},E-1,asha@example.com,P\n",
        "attendance-grid": f"student,batch,{today}\nasha@example.com,E-1,P\n",
    }

    got = {kind: imported(teacher, kind, text) for kind, text in files.items()}

    assert got == {
        "enrollments": [NO_STUDENT, NO_BATCH],
        "payments": [NO_STUDENT],
        "attendance": [NO_STUDENT, NO_BATCH],
        "attendance-grid": [NO_STUDENT, NO_BATCH],
    }
    assert not Payment.objects.exists() and not Mark.objects.exists()


def test_instructor_imports_marks_of_own_batch_as_long_as_the_sheet_is_open(imported, teacher):
    today = timezone.localdate()
    old = today - datetime.timedelta(days=60)
    student = StudentFactory(user__email="ravi@example.com")
    batch = DailyBatchFactory(code="M-1", instructor=teacher, starts_on=old)
    enrolled(student=student, batch=batch, enrolled_on=old)
    text = "date,batch,student,status\n{},M-1,ravi@example.com,P\n"

    assert imported(teacher, "attendance", text.format(today)) == []
    days = Institute.objects.current().attendance_edit_days
    assert imported(teacher, "attendance", text.format(old)) == [
        f"Attendance can be marked and corrected for {days} days. "
        "Ask the office to correct this sheet."
    ]
    assert list(Mark.objects.values_list("sheet__held_on", flat=True)) == [today]


def test_totals_need_the_permission_to_correct_any_day(imported, teacher):
    text = "student,batch,held,attended\nravi@example.com,M-1,40,36\n"

    assert imported(teacher, "attendance-totals", text) == [
        "Select a valid choice. attendance-totals is not one of the available choices."
    ]
    assert not EarlierAttendance.objects.exists()


def test_finished_import_names_records_only_as_long_as_they_are_visible(
    imported, teacher, student, client_of
):
    batch = DailyBatchFactory(instructor=teacher)
    enrolled(student=student, batch=batch)
    text = f"student,amount,date,mode\nasha@example.com,5,{timezone.localdate()},cash\n"
    assert imported(teacher, "payments", text) == []
    page = reverse("imports:import-detail", args=[Import.objects.get().pk])
    number = str(Payment.objects.get()).encode()

    def is_named():
        answers = [client_of(teacher).get(page), client_of(teacher).get(page, {"as": "csv"})]
        return [number in answer.getvalue() for answer in answers]

    assert is_named() == [True, True]
    Batch.objects.update(instructor=UserFactory())
    assert is_named() == [False, False]


def test_correction_of_an_old_sheet_by_a_file_has_a_reason(imported, admin):
    old = timezone.localdate() - datetime.timedelta(days=60)
    batch = DailyBatchFactory(code="M-1", starts_on=old)
    enrolled(student=StudentFactory(user__email="ravi@example.com"), batch=batch, enrolled_on=old)
    save_marks(batch, old, by=admin)

    text = f"date,batch,student,status\n{old},M-1,ravi@example.com,A\n"
    assert imported(admin, "attendance", text) == []

    assert MarkChange.objects.get().reason == "Imported from a file"


def test_payment_of_another_student_is_not_named(imported, admin, teacher, others_batch):
    ravi = StudentFactory(user__email="ravi@example.com")
    enrolled(student=ravi, batch=BatchFactory(instructor=teacher))
    text = "student,amount,date,mode,receipt no\n{},{},{},cash,B/17\n"
    today = timezone.localdate()
    assert imported(admin, "payments", text.format("asha@example.com", 500, today)) == []

    assert imported(teacher, "payments", text.format("ravi@example.com", 600, today)) == [
        "This was imported before for another student. A payment is never changed: cancel that "
        "receipt and record it again, or correct the row."
    ]


def test_payments_are_named_only_to_those_who_see_payments(imported, admin, student):
    enrolled(student=student, batch=BatchFactory())
    text = "student,amount,date,mode,receipt no,utr\nasha@example.com,{},{},upi,{},{}\n"
    today = timezone.localdate()
    assert imported(admin, "payments", text.format(500, today, "B/17", "123456789012")) == []
    clerk = user_with(SEE_WHOLE_INSTITUTE, "imports.add_import", "finance.add_payment")

    for row in [(600, today, "B/17", "999956789012"), (600, today, "B/18", "123456789012")]:
        (sentence,) = imported(clerk, "payments", text.format(*row))
        assert "CM/26-27" not in sentence and "500" not in sentence, sentence


def test_reference_of_a_hidden_receipt_does_not_name_it(imported, teacher, student, others_batch):
    ravi = StudentFactory(user__email="ravi@example.com")
    enrolled(student=ravi, batch=BatchFactory(instructor=teacher))
    paid(student=student, amount=500, mode="upi", reference="123456789012")
    text = f"student,amount,date,mode,utr\nravi@example.com,5,{timezone.localdate()},upi,{{}}\n"

    assert imported(teacher, "payments", text.format("123456789012")) == [
        "Another receipt has this reference already. Check the row."
    ]
    with pytest.raises(Conflict, match="This reference is already on another receipt"):
        paid(student=ravi, amount=5, mode="upi", reference="123456789012", by=teacher)


def test_hidden_batch_of_an_own_student_is_not_named(imported, teacher, student, others_batch):
    Institute.objects.update(several_batches_at_once=True)
    enrolled(student=student, batch=BatchFactory(name="Own", instructor=teacher))
    DailyBatchFactory(name="Later", code="L-1", instructor=teacher)
    text = "student,batch\nasha@example.com,L-1\n"

    Institute.objects.update(several_batches_at_once=False)
    assert imported(teacher, "enrollments", text) == [
        "Asha Verma already has an active enrollment in another batch. "
        "Complete, drop or transfer it first."
    ]

    Institute.objects.update(several_batches_at_once=True)
    assert imported(teacher, "enrollments", text) == []
    assert Import.objects.latest("pk").report["notes"] == [
        "Asha Verma has class in another batch and Later at one time."
    ]


def test_file_of_batches_finds_no_hidden_instructor(imported):
    permissions = ("academics.add_batch", "academics.change_batch", "imports.add_import")
    teacher = user_with(*TEACHING, *permissions, email="maya@example.com")
    UserFactory(email="ravi@example.com", full_name="Ravi Iyer")
    CourseFactory(code="JEE")
    today = timezone.localdate()
    rows = [f"{who},JEE,{who},{today},{today}" for who in ("Ravi Iyer", "ravi@example.com")]
    unknown = "No instructor has this email or name. Write it as stored, or add them first."

    def problems(*lines):
        header = "name,course,instructor,start date,end date"
        return imported(teacher, "batches", "\n".join([header, *lines]) + "\n")

    assert problems(*rows) == [unknown, unknown]
    assert problems(f"Evening,JEE,maya@example.com,{today},{today}") == []


LIMITS = [
    (
        "500,{past},upi,123456789012",
        "Payments can be dated back 7 days. Choose {earliest} or a later day.",
    ),
    (
        "500,{today},upi,",
        "Enter the reference of the UPI payment, as the bank shows it.",
    ),
    (
        "150000,{today},cash,\nasha@example.com,50000,{today},cash,",
        "With this payment, cash received from Asha Verma on {shown} would be ₹2,00,000.00. "
        "Section 269ST of the Income-tax Act forbids ₹2,00,000.00 or more. Accept a bank "
        "transfer, UPI or card.",
    ),
]


@pytest.mark.parametrize(("cells", "sentence"), LIMITS)
def test_payments_of_a_file_have_the_limits_of_the_page(imported, admin, student, cells, sentence):
    Institute.objects.update(back_dating_days=7)
    enrolled(student=student, batch=BatchFactory(course__total_fee=300_000))
    today = timezone.localdate()
    days = {
        "today": today,
        "past": today - datetime.timedelta(days=8),
        "shown": format_date(today),
        "earliest": format_date(today - datetime.timedelta(days=7)),
    }
    text = f"student,amount,date,mode,utr\nasha@example.com,{cells.format(**days)}\n"
    clerk = importer_with("finance.add_payment")

    assert imported(clerk, "payments", text) == [sentence.format(**days)]
    assert not Payment.objects.exists()

    # Who sets where receipts start takes over old books.
    assert imported(admin, "payments", text) == []
    assert Payment.objects.count() == text.count("asha")


def cheques_of_a_file(imported, user, student):
    """Import ₹4,000 by a cheque of today and ₹5,000 by a post-dated one, for dues of ₹10,000."""
    enrolled(student=student, fee="10000.00")
    today = timezone.localdate()
    later = today + datetime.timedelta(days=60)
    text = (
        "student,amount,date,mode,cheque no,cheque date\n"
        f"asha@example.com,4000,{today},cheque,000777,{today}\n"
        f"asha@example.com,5000,{today},cheque,000778,{later}\n"
    )
    assert imported(user, "payments", text) == []
    return Payment.objects.order_by("pk")


def test_cheques_of_a_file_wait_for_the_bank_as_on_the_page(imported, client_of, student):
    clerk = importer_with("finance.add_payment", "finance.view_payment", "finance.add_refund")

    first, second = cheques_of_a_file(imported, clerk, student)

    assert (first.is_cleared, second.is_cleared) == (False, False)
    assert (first.balance_after, second.balance_after) == (10_000, 10_000)
    account = Account.objects.get(pk=student.pk)
    assert (account.balance, account.uncleared) == (10_000, 9_000)
    client, refund = client_of(clerk), reverse("finance:refund-create", args=[first.pk])
    sent = {"amount": "9", "mode": "cash", "reason": "Left", "refunded_on": timezone.localdate()}
    client.post(refund, sent)
    assert not Refund.objects.exists()
    assert not list(find_problems())


def test_cheques_of_old_books_have_cleared_unless_post_dated(imported, admin, student):
    first, second = cheques_of_a_file(imported, admin, student)

    assert (first.clearing.cleared_on, second.is_cleared) == (timezone.localdate(), False)
    assert (first.balance_after, second.balance_after) == (6_000, 6_000)
    account = Account.objects.get(pk=student.pk)
    assert (account.balance, account.uncleared) == (6_000, 5_000)
    assert not list(find_problems())

    undo_bulk_action(action=Import.objects.get().action, by=admin, reason="Wrong file")
    account.refresh_from_db()
    assert (account.balance, account.uncleared) == (10_000, 0)
    assert not list(find_problems())


def test_cash_recorded_before_counts_for_the_limit_of_a_file(imported, student):
    enrolled(student=student, batch=BatchFactory(course__total_fee=300_000))
    paid(student=student, amount=150_000)
    text = f"student,amount,date,mode\nasha@example.com,50000,{timezone.localdate()},cash\n"

    (sentence,) = imported(importer_with("finance.add_payment"), "payments", text)

    assert "Section 269ST" in sentence


# Opening balances -----------------------------------------------------------------------------

WORKBOOK = [
    "accounts.add_user",
    "accounts.change_user",
    "academics.add_enrollment",
    "finance.add_payment",
    "finance.add_concession",
    "finance.approve_concession",
    "finance.change_receiptseries",
    SEE_WHOLE_INSTITUTE,
]


@pytest.mark.parametrize("missing", WORKBOOK)
def test_opening_balances_need_all_permissions_of_what_they_write(imported, missing):
    BatchFactory(name="Morning")
    others = [permission for permission in WORKBOOK if permission != missing]
    user = user_with("imports.add_import", *others)

    assert imported(user, "workbook", "name,batch,fee,paid\nKiran Rao,Morning,100,50\n") == [
        "Select a valid choice. workbook is not one of the available choices."
    ]
    assert not Enrollment.objects.exists()


def test_opening_balances_are_imported_with_these_permissions(imported):
    BatchFactory(name="Morning", course__total_fee=100)

    text = "name,batch,fee,paid\nKiran Rao,Morning,100,50\n"
    assert imported(importer_with(*WORKBOOK), "workbook", text) == []

    assert Payment.objects.get().student.user.full_name == "Kiran Rao"


# Pages ----------------------------------------------------------------------------------------


def test_each_kind_names_its_permissions():
    assert {
        slug for slug, kind in KINDS.items() if not kind.importer_class.add_permissions
    } == set()


def test_permission_that_is_lost_after_the_check_stops_the_import(client_of, student):
    user = importer_with("accounts.add_user")
    client = client_of(user)
    file = SimpleUploadedFile("rows.csv", b"name\nRavi Iyer\n")
    client.post(reverse("imports:import-list"), {"kind": "students", "file": file})
    upload = Import.objects.get()
    user.membership.group.permissions.remove(
        user.membership.group.permissions.get(codename="add_user")
    )

    steps = ["detail", "sheet", "columns", "problems", "progress"]
    assert {
        client.get(reverse(f"imports:import-{step}", args=[upload.pk])).status_code
        for step in steps
    } == {403}
    assert {
        client.post(reverse(f"imports:import-{step}", args=[upload.pk])).status_code
        for step in ("apply", "correct", "discard", "columns", "sheet")
    } == {403}
    assert StudentProfile.objects.get() == student


def test_imports_of_others_are_shown_to_those_who_may_import_that_kind(client_of, imported, admin):
    imported(admin, "students", "name\nRavi Iyer\n")
    upload = Import.objects.get()
    page, imports = (
        reverse("imports:import-detail", args=[upload.pk]),
        reverse("imports:import-list"),
    )

    client = client_of(importer_with("academics.add_course"))
    assert client.get(page).status_code == client.get(f"{page}?as=csv").status_code == 403
    assert "rows.csv" not in client.get(imports).content.decode()

    client = client_of(importer_with("accounts.add_user"))
    assert "Ravi Iyer" in client.get(page).content.decode()
    assert "rows.csv" in client.get(imports).content.decode()


def test_changed_values_of_others_are_shown_to_those_who_may_change_them(
    client_of, imported, admin, student
):
    imported(admin, "students", "name,email,phone\nAsha Verma,asha@example.com,9876543210\n")
    page = reverse("imports:import-detail", args=[Import.objects.get().pk])

    adder = client_of(importer_with("accounts.add_user"))
    assert "98765" not in adder.get(page).content.decode()
    assert b"98765" not in b"".join(adder.get(f"{page}?as=csv").streaming_content)
    editor = client_of(importer_with("accounts.add_user", "accounts.change_user"))
    assert "98765" in editor.get(page).content.decode()


def test_page_says_which_kinds_may_only_be_added(client_of):
    page = client_of(importer_with("academics.add_course")).get(reverse("imports:import-list"))

    assert "your role does not permit changing courses" in page.content.decode()


def test_own_role_is_not_changed_by_a_file(imported):
    user = importer_with("accounts.add_user", "accounts.change_user", email="me@example.com")

    imported(user, "students", "name,email\nMe,me@example.com\n")

    assert Membership.objects.get(user=user).group.name == user.role
    assert not StudentProfile.objects.exists()
