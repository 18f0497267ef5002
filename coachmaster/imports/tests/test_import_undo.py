"""Undo an import as a whole, or be told who depends on it."""

import datetime
import functools
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, ClassTime, Course, Enrollment, Holiday
from academics.tests.factories import BatchFactory, CourseFactory, DailyBatchFactory
from accounts.models import Membership, StudentProfile, User
from accounts.roles import INSTRUCTOR
from accounts.tests.factories import StudentFactory, UserFactory, user_with
from attendance.checks import CHECKS as ATTENDANCE_CHECKS
from attendance.models import EarlierAttendance, Mark, Presence, Sheet
from attendance.percentages import MarkStatus
from attendance.services.sheets import SheetContent, save_sheet
from coachmaster.backups.checks import histories
from coachmaster.core.tests.imports import run_import
from coachmaster.imports.models import Import
from coachmaster.imports.undo import UNDO
from finance import checks
from finance.models import Account, BulkAction, Charge, DayTotal, LiveReference, Payment
from finance.services.bulk_actions import may_undo, undo_bulk_action
from finance.services.refunds import refund_payment
from finance.tests.factories import enrolled, paid
from finance.tests.test_races import at_once

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)
STUDENTS = "Name,Email\nAsha Verma,asha@example.com\nRavi Iyer,ravi@example.com\n"


@pytest.fixture
def client(client, admin):
    """The client of the Admin, who typed the password just now."""
    client.force_login(admin)
    session = client.session
    session["password_entered_at"] = timezone.now().timestamp()
    session.save()
    return client


@pytest.fixture
def imported(client):
    """`imported(kind, text)`: the action of a file that is uploaded, checked and imported."""

    def run(kind, text, name="rows.csv"):
        file = SimpleUploadedFile(name, text.encode())
        client.post(reverse("imports:import-list"), {"kind": kind, "file": file})
        upload = Import.objects.latest("pk")
        assert upload.report["problems"] == []
        client.post(reverse("imports:import-apply", args=[upload.pk]))
        upload.refresh_from_db()
        assert upload.applied_at
        return upload.action

    return run


def undo(action, by):
    return undo_bulk_action(action=action, by=by, reason="Wrong file")


def undo_errors(action, by):
    with pytest.raises(ValidationError) as refusal:
        undo(action, by)
    return refusal.value.messages


def problems():
    found = [*checks.find_problems(), *histories()]
    return [*found, *(problem for check in ATTENDANCE_CHECKS for problem in check())]


def balance(student):
    return Account.objects.get(pk=student.pk).balance


# The pages ------------------------------------------------------------------------------------


def test_page_of_the_import_leads_to_undo_and_says_afterwards_who_undid_it(client, imported):
    action = imported("students", STUDENTS, name="students.csv")
    detail = reverse("imports:import-detail", args=[action.import_file.pk])
    undo_url = reverse("finance:bulk-action-undo", args=[action.pk])

    assert str(action) == "2 students imported from students.csv"
    assert (action.kind, action.row_count, action.amount) == ("import", 2, None)
    assert undo_url in client.get(detail).content.decode()
    page = client.get(undo_url).content.decode()
    assert "Undo deletes the new people, unless one of them has signed in" in page
    client.post(undo_url, {"reason": "Wrong file"})

    assert not StudentProfile.objects.exists()
    page = " ".join(client.get(detail).content.decode().split())
    assert "by Anita Rao: Wrong file" in page and undo_url not in page
    assert "Undone" in client.get(reverse("imports:import-list")).content.decode()
    page = client.get(action.get_absolute_url()).content.decode()
    assert page.count("is not available") == 2


def test_preview_names_the_amount_and_what_undo_will_do(client):
    batch = BatchFactory(name="JEE", course__total_fee=Decimal("48000.00"))
    StudentFactory(user__full_name="Asha Verma")
    text = f"Student,Batch,Date\nAsha Verma,JEE,{batch.starts_on}\n"
    file = SimpleUploadedFile("rows.csv", text.encode())
    client.post(reverse("imports:import-list"), {"kind": "enrollments", "file": file})

    page = client.get(reverse("imports:import-detail", args=[Import.objects.get().pk]))

    page = " ".join(page.content.decode().split())
    assert "Import 1 enrollment · ₹48,000" in page
    assert "Undo ends the new enrollments on their first day and cancels their tuition" in page


def test_changed_records_stay_and_are_counted_on_the_page(client, admin, imported):
    StudentFactory(user__full_name="Ravi Iyer", user__email="ravi@example.com",
                   user__phone="9876500000")  # fmt: skip
    text = (
        "Name,Email,Mobile\nAsha Verma,asha@example.com,\nRavi Iyer,ravi@example.com,9876511111\n"
    )

    action = imported("students", text)
    page = client.get(reverse("finance:bulk-action-undo", args=[action.pk])).content.decode()
    undo(action, admin)

    assert "1 changed record stays as it is." in page
    assert StudentProfile.objects.get().user.phone == "9876511111"


def test_file_that_only_changes_records_has_no_undo(client, imported):
    StudentFactory(user__full_name="Ravi Iyer", user__email="ravi@example.com")

    assert (
        imported("students", "Name,Email,Mobile\nRavi Iyer,ravi@example.com,9876511111\n") is None
    )
    upload = Import.objects.get()
    page = client.get(reverse("imports:import-detail", args=[upload.pk])).content.decode()
    assert "/undo/" not in page


@pytest.mark.parametrize("kind", UNDO)
def test_undo_needs_each_permission(kind, admin):
    from coachmaster.imports.kinds import KINDS
    from finance.services.bulk_actions import record_bulk_action

    action = record_bulk_action(
        kind="import", description="Rows", rows=[admin], by=admin,
        details={"kind": kind, "changed": 0},
    )  # fmt: skip
    needed = {"finance.change_bulkaction", *UNDO[kind].permissions,
              *KINDS[kind].importer_class.add_permissions}  # fmt: skip

    assert may_undo(action, user_with(*needed)) and may_undo(action, admin)
    for missing in needed:
        assert not may_undo(action, user_with(*needed - {missing})), missing


def test_import_at_a_shell_is_recorded_and_undone_too(file, admin):
    assert run_import("import_students", file(STUDENTS, "students.csv")).code == 0

    action = BulkAction.objects.get()
    assert (str(action), action.by) == ("2 students imported from students.csv", None)
    undo(action, admin)

    assert not StudentProfile.objects.exists() and problems() == []


def test_name_of_a_file_at_a_shell_may_hold_anything(file):
    run_import("import_students", file(STUDENTS, "a\n\x85b" + 120 * "ä" + ".csv"))

    assert str(BulkAction.objects.get()).startswith("2 students imported from a bä")


def test_page_of_the_action_needs_the_same_queries_for_many_sheets(client, imported, queries_of):
    batch = DailyBatchFactory(name="JEE", starts_on=datetime.date(2026, 6, 1))
    enrolled(student=StudentFactory(user__full_name="Asha"), batch=batch)

    def queries(days):
        rows = [f"2026-{day},JEE,Asha,P" for day in days]
        action = imported("attendance", "\n".join(["Date,Batch,Student,Status", *rows]))
        assert action.row_count == len(days)
        return queries_of(lambda: client.get(action.get_absolute_url()))

    queries(["06-01"])
    assert queries(["06-02", "06-03"]) == queries([f"07-{day:02}" for day in range(1, 13)])


def test_refusal_needs_the_same_queries_for_many_students(admin, imported, queries_of):
    def queries(number, word):
        names = [f"{word} {n}" for n in range(number)]
        rows = [f"{name},{word}{n}@example.com" for n, name in enumerate(names)]
        action = imported("students", "\n".join(["Name,Email", *rows]))
        for name in names:
            enrolled(student=StudentProfile.objects.get(user__full_name=name))
        messages = []
        count = queries_of(lambda: messages.extend(undo_errors(action, admin)))
        assert len(messages) == number
        return count

    queries(1, "x")
    assert queries(2, "few") == queries(12, "many")


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_students_are_enrolled_or_deleted_but_not_both(file, admin):
    """On PostgreSQL the foreign key is checked at the end of the later transaction."""
    run_import("import_students", file(STUDENTS))
    action, batch = BulkAction.objects.get(), BatchFactory()
    students = list(StudentProfile.objects.all())

    undone, *_ = at_once(
        lambda: undo(action, admin),
        *[functools.partial(enrolled, student=student, batch=batch) for student in students],
    )

    if isinstance(undone, ValidationError):
        assert StudentProfile.objects.count() == 2
    else:
        assert not StudentProfile.objects.exists() and not Enrollment.objects.exists()
    assert problems() == []


def test_dry_run_and_refused_file_record_nothing(file):
    run_import("import_students", file(STUDENTS), "--dry-run")
    run_import("import_students", file("Name,Email\nAsha,not an email\n"))

    assert not BulkAction.objects.exists()


# People, courses, batches, holidays -----------------------------------------------------------


def test_undo_deletes_new_students_with_all_that_belongs_to_them(admin, imported):
    other = StudentFactory()
    action = imported("students", STUDENTS)

    undo(action, admin)

    assert set(User.objects.all()) == {admin, other.user}
    assert Membership.objects.count() == 2 and StudentProfile.objects.get() == other
    assert problems() == []
    assert imported("students", STUDENTS).row_count == 2


def test_student_with_an_empty_account_is_deleted(admin, imported):
    action = imported("students", STUDENTS)
    student = StudentProfile.objects.get(user__full_name="Ravi Iyer")
    Account.objects.create(student=student)

    undo(action, admin)

    assert not StudentProfile.objects.exists() and not Account.objects.exists()


def test_undo_names_the_students_who_are_needed_and_deletes_nobody(admin, imported):
    action = imported("students", STUDENTS + "Meera Das,meera@example.com\nAnil,anil@example.com\n")
    asha, ravi, meera, _ = StudentProfile.objects.order_by("pk")
    enrolled(student=asha)
    paid(student=ravi, amount="100", by=admin)
    meera.user.last_login = timezone.now()
    meera.user.save()

    assert sorted(undo_errors(action, admin)) == [
        "Asha Verma: 1 enrollment, 1 charge.",
        "Meera Das has signed in.",
        "Ravi Iyer: 1 payment.",
    ]
    assert StudentProfile.objects.count() == 4 and not BulkAction.objects.get().is_undone


def test_undo_deletes_new_instructors_unless_they_teach(admin, imported):
    action = imported("instructors", "Name,Email\nMaya,maya@example.com\nImran,im@example.com\n")
    batch = BatchFactory(instructor=User.objects.get(full_name="Maya"))

    assert undo_errors(action, admin) == ["Maya: 1 batch."]
    batch.instructor = UserFactory(role=INSTRUCTOR)
    batch.save()
    undo(action, admin)

    assert not User.objects.filter(full_name__in=["Maya", "Imran"]).exists()
    assert problems() == []


def test_undo_does_not_delete_people_with_more_permissions(imported, admin):
    action = imported("students", STUDENTS)
    User.objects.filter(full_name="Ravi Iyer").update(is_superuser=True)

    assert undo_errors(action, admin) == ["Ravi Iyer has more permissions than you."]


def test_undo_deletes_new_courses_unless_they_have_batches(admin, imported):
    action = imported("courses", "Course,Fee\nJEE,1000\nNEET,2000\n")
    batch = BatchFactory(course=Course.objects.get(name="JEE"))

    assert undo_errors(action, admin) == ["JEE: 1 batch."]
    Batch.objects.filter(pk=batch.pk).delete()
    undo(action, admin)

    assert not Course.objects.exists()


def test_undo_deletes_new_batches_with_their_class_times_unless_somebody_enrolled(admin, imported):
    CourseFactory(name="JEE")
    text = (
        "Batch,Course,Start date,Timings\nM1,JEE,2026-06-01,Mon 07:00-08:00\nM2,JEE,2026-06-01,\n"
    )
    first, second = imported("batches", text), None
    enrolled(batch=Batch.objects.get(name="M2"))

    assert undo_errors(first, admin) == ["M2: 1 enrollment."]
    second = imported("batches", text.replace("M1", "M3").replace("M2", "M4"))
    undo(second, admin)

    assert set(Batch.objects.values_list("name", flat=True)) == {"M1", "M2"}
    assert ClassTime.objects.get().batch.name == "M1" and problems() == []


def test_undo_deletes_new_holidays_and_keeps_renamed_ones(admin, imported):
    Holiday.objects.create(day=datetime.date(2026, 11, 8), name="Old")
    action = imported("holidays", "Holiday,Date,Until\nDiwali,2026-11-09,2026-11-11\n"
                                  "New,2026-11-08,\n")  # fmt: skip

    undo(action, admin)

    assert action.row_count == 3 and Holiday.objects.get().name == "New"


# Money ----------------------------------------------------------------------------------------


def test_undo_cancels_new_enrollments_with_their_tuition(admin, imported):
    batch = BatchFactory(name="JEE", course__total_fee=Decimal("1000.00"), capacity=2)
    over = BatchFactory(
        name="Over", course__total_fee=Decimal("500.00"),
        starts_on=datetime.date(2024, 4, 1), ends_on=datetime.date(2024, 6, 30),
    )  # fmt: skip
    asha, ravi = (StudentFactory(user__full_name=name) for name in ("Asha", "Ravi"))
    text = (
        f"Student,Batch,Date\nAsha,JEE,{batch.starts_on}\nRavi,JEE,{batch.starts_on}\nRavi,Over,\n"
    )

    action = imported("enrollments", text)
    assert (action.row_count, action.amount) == (3, Decimal("2500.00"))
    assert (balance(asha), balance(ravi)) == (Decimal("1000.00"), Decimal("1500.00"))
    undo(action, admin)

    assert (balance(asha), balance(ravi)) == (0, 0)
    ended = Enrollment.objects.order_by("pk").values_list("status", "ended_on", "end_reason")
    assert list(ended) == [
        ("dropped", batch.starts_on, "Wrong file"),
        ("dropped", batch.starts_on, "Wrong file"),
        ("dropped", over.starts_on, "Wrong file"),
    ]
    assert not Charge.objects.active().exists() and problems() == []

    again = imported("enrollments", text)
    assert again.row_count == 3 and balance(ravi) == Decimal("1500.00")
    assert problems() == []


def test_undo_of_enrollments_names_who_paid_since(admin, imported):
    batch = BatchFactory(name="JEE", course__total_fee=Decimal("1000.00"))
    student = StudentFactory(user__full_name="Asha")
    action = imported("enrollments", f"Student,Batch,Date\nAsha,JEE,{batch.starts_on}\n")
    payment = paid(student=student, amount="100", by=admin)

    assert undo_errors(action, admin) == [f"Asha paid ₹100.00 since: receipt {payment}."]
    assert balance(student) == Decimal("900.00")


PAYMENTS = (
    "Student,Amount,Date,Mode,UTR,Receipt no\nAsha,400,2026-06-05,UPI,412345678901,B/17\n"
    "Asha,100,2026-06-05,cash,,B/18\nRavi,50,2025-06-05,cash,,B/1\n"
)


def test_undo_cancels_new_receipts_and_their_numbers_stay_used(admin, imported):
    asha, ravi = (StudentFactory(user__full_name=name) for name in ("Asha", "Ravi"))
    enrolled(student=asha, fee="1000.00")

    action = imported("payments", PAYMENTS)
    assert (action.row_count, action.amount) == (3, Decimal("550.00"))
    assert (balance(asha), balance(ravi)) == (Decimal("500.00"), Decimal("-50.00"))
    undo(action, admin)

    assert (balance(asha), balance(ravi)) == (Decimal("1000.00"), 0)
    assert {payment.reversal.reason for payment in Payment.objects.all()} == {"Wrong file"}
    assert not LiveReference.objects.exists()
    assert set(DayTotal.objects.values_list("amount", "receipts")) == {(0, 0)}
    assert problems() == []


def test_corrected_file_can_be_imported_after_undo_again_and_again(admin, imported):
    for name in ("Asha", "Ravi"):
        StudentFactory(user__full_name=name)
    undo(imported("payments", PAYMENTS), admin)
    corrected = PAYMENTS.replace("400", "450")

    second = imported("payments", corrected)
    assert (second.row_count, second.amount) == (3, Decimal("600.00"))
    undo(second, admin)
    third = imported("payments", corrected)

    assert third.row_count == 3 and Payment.objects.count() == 9
    assert balance(StudentProfile.objects.get(user__full_name="Asha")) == Decimal("-550.00")
    assert imported("payments", corrected) is None
    assert problems() == []


def test_receipt_that_a_clerk_cancelled_is_not_imported_again(admin, imported):
    from finance.services.cancellations import cancel_receipt

    for name in ("Asha", "Ravi"):
        StudentFactory(user__full_name=name)
    imported("payments", PAYMENTS)
    cancel_receipt(payment=Payment.objects.first(), reason="Twice", by=admin)

    assert imported("payments", PAYMENTS) is None
    assert Payment.objects.count() == 3


def test_undo_keeps_receipts_that_were_cancelled_before(admin, imported):
    from finance.services.cancellations import cancel_receipt

    for name in ("Asha", "Ravi"):
        StudentFactory(user__full_name=name)
    action = imported("payments", PAYMENTS)
    cancel_receipt(payment=Payment.objects.order_by("pk").first(), reason="Twice", by=admin)
    undo(action, admin)

    reasons = [payment.reversal.reason for payment in Payment.objects.order_by("pk")]
    assert reasons == ["Twice", "Wrong file", "Wrong file"] and problems() == []


def test_undo_of_payments_names_what_was_refunded(admin, imported):
    for name in ("Asha", "Ravi"):
        StudentFactory(user__full_name=name)
    action = imported("payments", PAYMENTS)
    payment = Payment.objects.get(amount=Decimal("400.00"))
    refund_payment(
        payment=payment, amount=Decimal("10"), refunded_on=timezone.localdate(), mode="cash",
        reason="Too much", token="t", by=admin,
    )  # fmt: skip

    assert undo_errors(action, admin) == [f"Asha: ₹10.00 of receipt {payment} was refunded."]
    assert Payment.objects.active().count() == 3


def test_undo_after_the_day_was_closed_counts_on_the_next_day(admin, imported):
    from finance.services.day_closes import close_day

    StudentFactory(user__full_name="Asha")
    today = timezone.localdate()
    action = imported("payments", f"Student,Amount,Date,Mode\nAsha,100,{today},cash\n")
    close_day(person=admin, on=today, counted_cash=Decimal("100"))

    undo(action, admin)

    assert Payment.objects.get().reversal.booked_on == today + DAY
    assert problems() == []


def test_undo_of_opening_balances_cancels_all_but_the_people(admin, imported):
    batch = BatchFactory(name="JEE", course__total_fee=Decimal("1000.00"))
    known = StudentFactory(user__full_name="Known", user__phone="+919876543223")
    text = (
        "Name,Mobile,Batch,Joined on,Fee,Concession,Paid so far,Balance\n"
        f"Kiran Rao,9876543220,JEE,{batch.starts_on},1000,100,400,500\n"
        f"Known,9876543223,JEE,{batch.starts_on},1000,,250,750\n"
    )

    action = imported("workbook", text)
    kiran = StudentProfile.objects.get(user__full_name="Kiran Rao")
    assert (balance(kiran), balance(known)) == (Decimal("500.00"), Decimal("750.00"))
    assert action.row_count == 5  # a person, two enrollments, two payments
    undo(action, admin)

    assert (balance(kiran), balance(known)) == (0, 0)
    assert not batch.enrollments.active().exists() and not Payment.objects.active().exists()
    assert problems() == []

    again = imported("workbook", text.replace("400,500", "300,600"))
    assert (balance(kiran), balance(known)) == (Decimal("600.00"), Decimal("750.00"))
    assert again.row_count == 4 and StudentProfile.objects.count() == 2
    assert [batch["agrees"] for batch in again.import_file.report["comparison"]] == [True]
    assert problems() == []


# Attendance -----------------------------------------------------------------------------------


@pytest.fixture
def register():
    """A batch with Asha and Ravi, and a sheet of its first day with a mark of Asha."""
    batch = DailyBatchFactory(name="JEE", starts_on=datetime.date(2026, 6, 1))
    for name in ("Asha", "Ravi"):
        enrolled(student=StudentFactory(user__full_name=name), batch=batch)
    asha = StudentProfile.objects.get(user__full_name="Asha")
    mark(batch, datetime.date(2026, 6, 1), asha)
    return batch


def mark(batch, day, student, status=MarkStatus.PRESENT, **kwargs):
    content = SheetContent({student.pk: status}, **kwargs)
    save_sheet(batch=batch, held_on=day, content=content, by=None, allow_unplanned=True)


ATTENDANCE = (
    "Date,Batch,Student,Status\n2026-06-01,JEE,Ravi,A\n2026-06-02,JEE,Asha,A\n"
    "2026-06-02,JEE,Ravi,P\n2026-06-03,JEE,Ravi,A\n"
)


def test_undo_deletes_new_sheets_and_counts_again(admin, imported, register):
    action = imported("attendance", ATTENDANCE)
    assert (str(action), action.row_count) == ("4 marks imported from rows.csv", 2)

    undo(action, admin)

    assert Sheet.objects.get().held_on == datetime.date(2026, 6, 1)
    marks = Mark.objects.order_by("pk").values_list("student__user__full_name", "status")
    assert list(marks) == [("Asha", "present"), ("Ravi", "absent")]
    counts = Presence.objects.order_by("pk").values_list("present", "absent", "absences_in_a_row")
    assert list(counts) == [(1, 0, 0), (0, 1, 1)]
    days = Enrollment.objects.values_list("last_marked_on", flat=True)
    assert set(days) == {datetime.date(2026, 6, 1)} and problems() == []
    assert imported("attendance", ATTENDANCE).row_count == 2


def test_undo_names_the_sheets_that_were_saved_again(admin, imported, register):
    action = imported("attendance", ATTENDANCE)
    asha = StudentProfile.objects.get(user__full_name="Asha")
    mark(register, datetime.date(2026, 6, 2), asha, MarkStatus.LATE, reason="Bus")

    assert undo_errors(action, admin) == ["JEE, 02 Jun 2026 was saved again since."]
    assert Sheet.objects.count() == 3 and problems() == []


def test_undo_of_a_register_and_then_of_its_enrollments(admin, imported):
    batch = DailyBatchFactory(name="JEE", starts_on=datetime.date(2026, 6, 1))
    StudentFactory(user__full_name="Asha")
    enrollments = imported("enrollments", "Student,Batch,Date\nAsha,JEE,2026-06-01\n")
    register = imported("attendance-grid", "Student,Batch,01/06/2026,02/06/2026\nAsha,JEE,P,A\n")

    assert undo_errors(enrollments, admin) == [
        "Asha in JEE: attendance is marked until 2 Jun 2026."
    ]
    undo(register, admin)
    undo(enrollments, admin)

    assert not batch.enrollments.active().exists() and not Mark.objects.exists()
    assert problems() == []


def test_undo_removes_new_totals(admin, imported, register):
    action = imported("attendance-totals", "Student,Batch,Classes held,Attended\nAsha,JEE,40,36\n")
    asha = Presence.objects.get(enrollment__student__user__full_name="Asha")
    assert asha.present == 37

    undo(action, admin)

    asha.refresh_from_db()
    assert (asha.present, asha.absent) == (1, 0) and not EarlierAttendance.objects.exists()
    assert problems() == []


def test_instructor_cannot_undo_sheets_of_a_batch_that_is_no_longer_theirs(imported, register):
    action = imported("attendance", ATTENDANCE)
    teacher = user_with("attendance.add_sheet", "attendance.correct_any_day",
                        "academics.teach_batch", "finance.change_bulkaction")  # fmt: skip
    Batch.objects.update(instructor=teacher)
    assert may_undo(action, teacher)
    Batch.objects.update(instructor=UserFactory(role=INSTRUCTOR))

    assert undo_errors(action, teacher) == [
        "Some of the rows are not yours any more. Ask the office."
    ]
    Batch.objects.update(instructor=teacher)
    undo(action, teacher)
    assert Sheet.objects.count() == 1


# Many rows ------------------------------------------------------------------------------------


def test_queries_of_undo_do_not_grow_with_the_rows(admin, imported, queries_of):
    batch = DailyBatchFactory(name="JEE", course__total_fee=Decimal("1000.00"), capacity=None)

    def files(number, offset):
        names = [f"Student {offset + n:03}" for n in range(number)]
        rows = [f"{name},JEE,2026-06-01" for name in names]
        return [
            ("enrollments", "\n".join(["Student,Batch,Date", *rows])),
            ("payments", "\n".join(
                ["Student,Amount,Date,Mode", *(f"{name},10,2026-06-05,cash" for name in names)]
            )),
            ("attendance", "\n".join(
                ["Student,Batch,Date,Status", *(f"{name},JEE,2026-07-{offset // 10 + 1:02},A"
                                                for name in names)]
            )),
        ]  # fmt: skip

    def count(number, offset):
        for n in range(number):
            StudentFactory(user__full_name=f"Student {offset + n:03}")
        actions = [imported(*file) for file in files(number, offset)]
        undos = [functools.partial(undo, action, admin) for action in reversed(actions)]
        return [queries_of(undo_one) for undo_one in undos]

    count(2, 0)
    few, many = count(2, 10), count(12, 20)
    assert few == many
    assert batch.enrollments.count() == 16 and problems() == []
