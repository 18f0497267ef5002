import datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from academics.class_times import parse
from academics.models import Batch, Enrollment, EnrollmentStatus, Institute
from academics.services.batches import save_batch
from academics.tests.factories import BatchFactory
from accounts.tests.factories import StudentFactory
from coachmaster.core.tests.imports import run_import
from finance.ledger import fee_status
from finance.models import Account, Charge, DayTotal, Mode, Payment, ReceiptSeries
from finance.services.cancellations import cancel_receipt

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch():
    """A running batch for ₹12,000."""
    return BatchFactory(name="Morning", code="M1", starts_on=datetime.date(2026, 6, 1))


@pytest.fixture
def asha(student):
    """Asha Verma, with the admission number 26-77701."""
    student.admission_number = "26-77701"
    student.save()
    return student


def balance(student):
    """Return the balance of the account, after a check against the ledger."""
    balance = Account.objects.get(pk=student.pk).balance
    assert balance == fee_status(student, timezone.localdate()).balance
    return balance


# Enrollments ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["26-77701a", "ASHA@example.com", "asha verma"])
def test_student_may_be_named_by_number_email_or_name(file, asha, batch, name):
    asha.admission_number = "26-77701A"
    asha.save()

    run = run_import("import_enrollments", file(f"student,batch\n{name},Morning\n"))

    assert run.summary == "1 enrollment created, 0 changed, 0 unchanged, 0 skipped."
    assert Enrollment.objects.get().student == asha


def test_enrollment_is_imported_with_its_charge(file, asha, batch):
    at_the_desk = enrolled(batch=batch, enrolled_on=datetime.date(2026, 6, 10))

    run_import(
        "import_enrollments", file("Admission No,Batch,Joining Date\n26-77701,m1,10/06/2026\n")
    )

    imported = Enrollment.objects.get(student=asha)
    for name in (
        "status",
        "enrolled_on",
        "ended_on",
        "list_fee",
        "agreed_fee",
        "fee_reason",
        "is_exclusive",
    ):
        assert getattr(imported, name) == getattr(at_the_desk, name), name
    charge, theirs = imported.charges.get(), at_the_desk.charges.get()
    for name in ("kind", "amount", "posted_on", "due_on", "posted_by"):
        assert getattr(charge, name) == getattr(theirs, name), name
    assert balance(asha) == Decimal("12000.00")
    assert imported.history.count() == 1


def test_enrollment_without_date_begins_with_batch(file, asha, batch):
    path = file("student,batch\n26-77701,M1\n")

    first, second = (run_import("import_enrollments", path) for _ in range(2))

    assert first.summary == "1 enrollment created, 0 changed, 0 unchanged, 0 skipped."
    assert second.summary == "0 enrollments created, 0 changed, 1 unchanged, 0 skipped."
    assert Enrollment.objects.get().enrolled_on == batch.starts_on
    assert Charge.objects.count() == 1


def test_default_date_today_is_imported_once(file, asha, batch):
    path = file("student,batch\n26-77701,M1\n")
    run_import("import_enrollments", path, "--default", "enrolled_on=2026-06-02")

    run = run_import("import_enrollments", path, "--default", "enrolled_on=today")

    assert run.summary == "0 enrollments created, 0 changed, 1 unchanged, 0 skipped."
    assert Enrollment.objects.get().enrolled_on == datetime.date(2026, 6, 2)


def test_enrollment_in_past_batch_is_completed(file, asha):
    old = BatchFactory(
        name="Old", starts_on=datetime.date(2015, 6, 1), ends_on=datetime.date(2016, 4, 29)
    )
    other = BatchFactory(
        name="Older", starts_on=datetime.date(2013, 6, 1), ends_on=datetime.date(2014, 4, 29)
    )
    path = file("batch_id,email\nOld,asha@example.com\nOlder,asha@example.com\n")

    first, second = (run_import("import_enrollments", path) for _ in range(2))

    assert first.summary == "2 enrollments created, 0 changed, 0 unchanged, 0 skipped."
    assert second.summary == "0 enrollments created, 0 changed, 2 unchanged, 0 skipped."
    enrollment = Enrollment.objects.get(batch=old)
    assert (enrollment.status, enrollment.ended_on) == (
        EnrollmentStatus.COMPLETED,
        datetime.date(2016, 4, 30),
    )
    assert enrollment.covers(old.ends_on)
    assert not enrollment.covers(datetime.date(2016, 4, 30))
    assert not Enrollment.objects.active().filter(batch=other).exists()
    assert balance(asha) == Decimal("24000.00")


def test_lower_fee_needs_a_reason(file, asha, batch):
    refused = run_import("import_enrollments", file('student,batch,fee\n26-77701,M1,"10,000"\n'))
    taken = run_import(
        "import_enrollments", file('student,batch,fee,reason\n26-77701,M1,"10,000",Sister here\n')
    )

    assert "row 2, fee_reason: Enter the reason for the lower fee." in refused.errors
    assert taken.code == 0
    assert balance(asha) == Decimal("10000.00")


def test_last_seat_goes_to_first_row(file, batch):
    Batch.objects.update(capacity=2)
    enrolled(batch=batch)
    StudentFactory.create_batch(2)
    names = [s.admission_number for s in StudentFactory.create_batch(2)]

    run = run_import(
        "import_enrollments", file("student,batch\n" + "".join(f"{name},M1\n" for name in names))
    )

    assert run.code == 1
    assert "row 3, batch: “M1”: Morning is full: all 2 seats are taken." in run.errors
    assert Enrollment.objects.count() == 1


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("x@example.com,M1,", "row 2, student: “x@example.com”: There is no such student."),
        ("26-77701,Latin,", "row 2, batch: “Latin”: No batch has this code or name."),
        ("26-77701,Twin,", "row 2, batch: “Twin”: Several have this name. Write the code."),
        ("Twin Person,M1,", "row 2, student: “Twin Person”: Several students have this name."),
        (
            "gone@example.com,M1,",
            "row 2, student: “gone@example.com”: Gone Person is inactive. Activate the person "
            "first.",
        ),
        ("26-77701,M1,\n26-77701,M2,", "Asha Verma already has an active enrollment in Morning."),
        (
            "26-77701,M1,\nasha@example.com,Morning,",
            "row 3, student: “asha@example.com”: Row 2 enrolls the same student",
        ),
        ("26-77701,M1,\n26-77701,M1,02/06/2026", "Asha Verma is already enrolled in Morning."),
        (
            "26-77701,Old,01/06/2026",
            "row 2, date: “01/06/2026”: Old ended on 29 Apr 2016. "
            "Enter that day or an earlier one.",
        ),
        (",M1,", "row 2, student: Fill in this cell"),
    ],
)
def test_import_refuses_what_the_page_refuses(file, asha, batch, rows, sentence):
    BatchFactory(name="Noon", code="M2")
    BatchFactory(
        name="Old", starts_on=datetime.date(2015, 6, 1), ends_on=datetime.date(2016, 4, 29)
    )
    BatchFactory.create_batch(2, name="Twin")
    StudentFactory.create_batch(2, user__full_name="Twin Person")
    StudentFactory(
        user__full_name="Gone Person", user__email="gone@example.com", user__is_active=False
    )

    run = run_import("import_enrollments", file(f"student,batch,date\n{rows}\n"))

    assert run.code == 1
    assert sentence in run.errors
    assert (Enrollment.objects.count(), Charge.objects.count()) == (0, 0)


def test_several_batches_are_imported_where_allowed(file, asha, batch):
    Institute.objects.update(several_batches_at_once=True)
    BatchFactory(name="Noon", code="M2")

    run = run_import("import_enrollments", file("student,batch\n26-77701,M1\n26-77701,M2\n"))

    assert run.code == 0
    assert Enrollment.objects.active().filter(student=asha, is_exclusive=False).count() == 2


# Payments -------------------------------------------------------------------------------------

PAYMENTS = """Student;Amount Paid;Payment Date;Mode;UTR No;Receipt No;Remarks
26-77701;"₹ 5,000";05/07/2026;GPay;412345678901;B/17;by father
asha@example.com;2000;05/06/2026;cash;;B/3;
26-77701;8,000/-;2026-07-20;neft;;B/21;
"""


def test_clashing_classes_of_several_batches_are_reported(file, asha):
    Institute.objects.update(several_batches_at_once=True)
    times = {
        "Evening": "Mon, Wed 17:00-18:30",
        "Late": "Wed 18:00-19:00",
        "Next": "Mon 18:30-19:30",
        "Early": "Tue 17:00-18:30",
    }
    batches = {
        name: BatchFactory(name=name, starts_on=datetime.date(2026, 6, 1))
        for name in [*times, "Spring"]
    }
    for name, text in times.items():
        save_batch(batches[name], parse(text))
    over = BatchFactory(
        name="Over", starts_on=datetime.date(2026, 1, 1), ends_on=datetime.date(2026, 5, 31)
    )
    save_batch(over, parse("Wed 17:00-19:00"))
    enrolled(student=asha, batch=batches["Evening"])
    for number, name in (("26-77702", "Bina"), ("26-77703", "Chandra")):
        StudentFactory(admission_number=number, user__full_name=name)
    rows = ["26-77701,Late", "26-77701,Next", "26-77701,Early", "26-77701,Spring", "26-77701,Over"]
    rows += [
        "26-77702,Late",
        "26-77702,Evening",
        "26-77702,Next",
        "26-77703,Late",
        "26-77703,Evening",
    ]
    path = file("student,batch\n" + "\n".join(rows) + "\n")

    run, done = (
        run_import("import_enrollments", path, "--dry-run"),
        run_import("import_enrollments", path),
    )

    clashes = [line for line in done.out.splitlines() if "at one time" in line]
    assert clashes == [
        "Asha Verma has class in Evening and Late at one time.",
        "Bina and 1 more have class in Late and Evening at one time.",
    ]
    assert all(line in run.out for line in clashes)


def test_payments_get_receipts_by_date_and_reduce_dues(file, asha, batch):
    enrolled(student=asha, batch=batch)

    run = run_import("import_payments", file(PAYMENTS))

    assert run.summary == "3 payments created, 0 changed, 0 unchanged, 0 skipped."
    rows = Payment.objects.order_by("number").values_list(
        "receipt_number", "amount", "paid_on", "mode", "balance_after"
    )
    assert list(rows) == [
        (
            "CM/26-27/00001",
            Decimal("2000.00"),
            datetime.date(2026, 6, 5),
            Mode.CASH,
            Decimal("10000.00"),
        ),
        (
            "CM/26-27/00002",
            Decimal("5000.00"),
            datetime.date(2026, 7, 5),
            Mode.UPI,
            Decimal("5000.00"),
        ),
        (
            "CM/26-27/00003",
            Decimal("8000.00"),
            datetime.date(2026, 7, 20),
            Mode.BANK_TRANSFER,
            Decimal("-3000.00"),
        ),
    ]
    last = Payment.objects.get(number=3)
    assert last.settled == [["Tuition fee, Morning", "5000.00"], ["Advance", "3000.00"]]
    assert last.enrollment.batch == batch
    assert Payment.objects.get(number=2).notes == "by father\nOld receipt: B/17"
    assert ReceiptSeries.objects.get(year=2026).last_number == 3
    assert balance(asha) == Decimal("-3000.00")
    assert DayTotal.objects.get(paid_on="2026-07-05", mode=Mode.UPI).amount == Decimal("5000.00")


def test_imported_receipt_equals_receipt_of_the_page(file, asha, batch):
    twin = StudentFactory()
    for student in (asha, twin):
        enrolled(student=student, batch=batch)

    run_import(
        "import_payments",
        file("student,amount,date,mode,ref\n26-77701,15000,05/06/2026,upi,abc1\n"),
    )

    imported, desk = (
        Payment.objects.get(student=asha),
        paid(student=twin, amount=15000, paid_on=datetime.date(2026, 6, 5), mode=Mode.UPI),
    )
    for name in ("amount", "booked_on", "settled", "balance_after", "received_by", "cheque_on"):
        assert getattr(imported, name) == getattr(desk, name), name
    assert desk.number == imported.number + 1


def test_payments_are_imported_once_with_or_without_receipt_numbers(file, asha):
    bare = (
        "student,amount,date,mode\n26-77701,500,05/06/2026,cash\n26-77701,500,05/06/2026,"
        "cash\n26-77701,500,06/06/2026,cash\n"
    )
    for text in (PAYMENTS, bare):
        assert run_import("import_payments", file(text)).summary.startswith("3 payments created")

        run = run_import("import_payments", file(text))

        assert run.summary == "0 payments created, 0 changed, 3 unchanged, 0 skipped."
    assert Payment.objects.count() == 6
    assert ReceiptSeries.objects.get(year=2026).last_number == 6


def test_receipt_number_may_repeat_in_another_financial_year(file, asha):
    text = (
        "student,amount,date,mode,receipt\n26-77701,500,31/03/2026,cash,1\n26-77701,500,"
        "01/04/2026,cash,1\n"
    )

    assert run_import("import_payments", file(text)).code == 0
    assert sorted(Payment.objects.values_list("receipt_number", flat=True)) == [
        "CM/25-26/00001",
        "CM/26-27/00001",
    ]


def test_imported_payment_is_never_changed(file, asha):
    run_import("import_payments", file(PAYMENTS))

    run = run_import("import_payments", file(PAYMENTS.replace("5,000", "6,000")))

    assert run.code == 1
    assert (
        "row 2, Receipt No: “B/17”: This was imported before as CM/26-27/00002 with other "
        "content (₹5,000.00)." in run.errors
    )
    assert Payment.objects.count() == 3


def test_cancelled_payment_is_not_imported_again(file, asha, admin):
    run_import("import_payments", file(PAYMENTS))
    cancel_receipt(payment=Payment.objects.get(number=2), reason="Wrong student", by=admin)

    run = run_import("import_payments", file(PAYMENTS))

    assert run.summary == "0 payments created, 0 changed, 3 unchanged, 0 skipped."


def test_cheque_without_date_gets_payment_date(file, asha):
    text = (
        "student,amount,date,mode,cheque no,cheque date\n26-77701,1,05/06/2026,cheque,"
        "000123,\n26-77701,1,05/06/2026,cheque,000124,01/06/2026\n"
    )

    run_import("import_payments", file(text))

    assert list(Payment.objects.order_by("pk").values_list("cheque_on", flat=True)) == [
        datetime.date(2026, 6, 5),
        datetime.date(2026, 6, 1),
    ]


@pytest.mark.parametrize("amount", ["0", "-5", "NaN", "1e309", "12.345", "१२३", "1,00", ""])
def test_hostile_payment_amount_is_refused(file, asha, amount):
    run = run_import(
        "import_payments", file(f'student,amount,date,mode\n26-77701,"{amount}",05/06/2026,cash\n')
    )

    assert run.code == 1
    assert "row 2, amount: " in run.errors
    assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("26-77701,1,05/06/2026,gold,,", "row 2, mode: “gold”: This mode of payment is not known."),
        (
            "26-77701,1,05/06/2099,cash,,",
            "row 2, date: “05/06/2099”: A payment cannot be dated in the future.",
        ),
        (
            "26-77701,1,05/06/1999,cash,,",
            "row 2, date: “05/06/1999”: Enter a date from 1 Apr 2000 on.",
        ),
        ("nobody,1,05/06/2026,cash,,", "row 2, student: “nobody”: There is no such student."),
        (
            "26-77701,1,05/06/2026,upi,4.12346E+11,",
            "row 2, ref: “4.12346E+11”: A spreadsheet has rounded this number.",
        ),
        (
            "26-77701,1,05/06/2026,upi,A-1,\n26-77701,2,05/06/2026,upi,a 1,7",
            "row 3, ref: “a 1”: Row 2 has this reference",
        ),
        (
            "26-77701,1,05/06/2026,cash,,7\n26-77701,2,06/06/2026,cash,,7",
            "row 3, receipt: “7”: Row 2 has this receipt",
        ),
        (
            "26-77701,1,05/06/2026,upi,UTR 9,",
            "row 2, ref: “UTR 9”: Receipt CM/26-27/00001 has this reference already.",
        ),
    ],
)
def test_invalid_payment_is_refused_and_uses_no_number(file, asha, rows, sentence):
    paid(student=asha, amount=1, paid_on=datetime.date(2026, 6, 1), mode=Mode.UPI, reference="UTR9")

    run = run_import("import_payments", file(f"student,amount,date,mode,ref,receipt\n{rows}\n"))

    assert run.code == 1
    assert sentence in run.errors
    assert Payment.objects.count() == 1
    assert ReceiptSeries.objects.get(year=2026).last_number == 1
