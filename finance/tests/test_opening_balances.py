import datetime
from decimal import Decimal

import pytest
import time_machine
from django.core.management import call_command

from academics.models import Enrollment
from academics.tests.factories import BatchFactory, CourseFactory
from accounts.models import StudentProfile
from accounts.tests.factories import StudentFactory
from coachmaster.core.tests.imports import run_import
from coachmaster.core.tests.workbooks import xlsx
from finance.ledger import fee_status
from finance.models import Charge, Concession, Payment, ReceiptSeries
from finance.services.cancellations import cancel_receipt

from .factories import enrolled, paid

pytestmark = pytest.mark.django_db

TODAY = datetime.date(2026, 11, 24)
HEAD = (
    "Name,Mobile,Guardian,Batch,Joined on,Fee,Concession,Inst 1 date,Inst 1,Inst 2 date,Inst 2,"
    "Paid so far,Last paid on,"
    "Receipt nos,Balance\n"
)
KIRAN = (
    "Kiran Rao,9876543220,Mohan Rao,JEE-M1,01/06/2026,100000,20000,01/06/2026,40000,"
    "01/12/2026,40000,40000,03/06/2026,B/21 B/40,40000\n"
)
LEELA = "Leela Nair,9876543222,,JEE-M1,15/06/2026,,,,,,,25000,,B/33,75000\n"
MEERA = "Meera Das,9876543223,,NEET-1,,,,,,,,,,,40000\n"


@pytest.fixture(autouse=True)
def today():
    with time_machine.travel(datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC), tick=False):
        yield


@pytest.fixture
def batches(db):
    jee = CourseFactory(name="JEE", total_fee=Decimal(100_000))
    return {
        "jee": BatchFactory(
            name="JEE Morning", code="JEE-M1", course=jee, starts_on=datetime.date(2026, 6, 1)
        ),
        "neet": BatchFactory(
            name="NEET",
            code="NEET-1",
            course__total_fee=Decimal(40_000),
            starts_on=datetime.date(2026, 6, 1),
        ),
    }


def switch(file, *lines, flags=()):
    return run_import("import_workbook", file(HEAD + "".join(lines)), *flags)


def balances():
    return {
        student.user.full_name: fee_status(student, TODAY).balance
        for student in StudentProfile.objects.select_related("user")
    }


def test_row_creates_person_enrollment_charges_and_payment(file, batches):
    run = switch(file, KIRAN, LEELA, MEERA)

    assert (run.code, run.summary) == (0, "3 rows created, 0 changed, 0 unchanged, 0 skipped."), (
        run.errors
    )
    assert balances() == {"Kiran Rao": 40_000, "Leela Nair": 75_000, "Meera Das": 40_000}
    kiran = StudentProfile.objects.get(user__full_name="Kiran Rao")
    assert (kiran.user.phone, kiran.guardian_name) == ("9876543220", "Mohan Rao")
    charges = Charge.objects.filter(student=kiran).order_by("due_on")
    assert [(charge.due_on.isoformat(), charge.amount) for charge in charges] == [
        ("2026-06-01", 50_000),
        ("2026-12-01", 50_000),
    ]
    assert [concession.amount for concession in Concession.objects.order_by("charge__due_on")] == [
        10_000,
        10_000,
    ]
    call_command("verify")


def test_opening_payments_have_own_series(file, batches, admin):
    switch(file, KIRAN, LEELA)

    openings = Payment.objects.order_by("pk")
    assert sorted(payment.receipt_number for payment in openings) == [
        "OP/26-27/00001",
        "OP/26-27/00002",
    ]
    assert "B/21 B/40" in openings.get(amount=40_000).notes
    assert {payment.received_by for payment in openings} == {None}
    first = paid(student=openings[0].student, amount="10.00", by=admin)
    assert (first.series.kind, first.number) == (ReceiptSeries.Kind.RECEIPT, 1)


def test_opening_payments_are_numbered_by_date(file, batches):
    switch(file, LEELA, KIRAN)

    found = Payment.objects.order_by("number").values_list(
        "number", "paid_on", "student__user__full_name"
    )
    assert list(found) == [
        (1, datetime.date(2026, 6, 3), "Kiran Rao"),
        (2, datetime.date(2026, 6, 15), "Leela Nair"),
    ]


def test_second_import_changes_nothing(file, batches):
    switch(file, KIRAN, LEELA, MEERA)
    before = (
        Charge.objects.count(),
        Concession.objects.count(),
        Payment.objects.count(),
        Enrollment.objects.count(),
    )

    run = switch(file, KIRAN, LEELA, MEERA)

    assert run.summary == "0 rows created, 0 changed, 3 unchanged, 0 skipped."
    after = (
        Charge.objects.count(),
        Concession.objects.count(),
        Payment.objects.count(),
        Enrollment.objects.count(),
    )
    assert after == before


def test_larger_amount_adds_difference(file, batches):
    switch(file, KIRAN, LEELA)

    run = switch(
        file,
        KIRAN,
        LEELA.replace("25000,,B/33,75000", "35000,,B/33,65000").replace(",,JEE", ",Anil Nair,JEE"),
    )

    assert run.summary == "0 rows created, 1 changed, 1 unchanged, 0 skipped."
    leela = StudentProfile.objects.get(user__full_name="Leela Nair")
    assert leela.guardian_name == "Anil Nair"
    assert sorted(payment.amount for payment in leela.payments.all()) == [10_000, 25_000]
    assert balances()["Leela Nair"] == 65_000
    call_command("verify")


def test_changed_phone_updates_student(file, batches):
    switch(file, KIRAN, LEELA)

    run = switch(file, KIRAN.replace("9876543220", "9876543299"), LEELA)

    assert run.summary == "0 rows created, 1 changed, 1 unchanged, 0 skipped."
    assert "  row 2, Kiran Rao · JEE-M1: phone 9876543220 → 9876543299\n" in run.out
    assert StudentProfile.objects.get(user__full_name="Kiran Rao").user.phone == "9876543299"
    assert balances() == {"Kiran Rao": 40_000, "Leela Nair": 75_000}


@pytest.mark.parametrize(
    "others",
    [
        [KIRAN, KIRAN.replace("9876543220", "9876543299")],  # both are in the file
        [
            KIRAN.replace("9876543220", "9876543299").replace(
                "JEE-M1,01/06/2026", "JEE-M1,02/06/2026"
            )
        ],
        [
            KIRAN.replace("9876543220", "9876543299")
            .replace("JEE-M1", "NEET-1")
            .split(",01/06/2026,")[0]
            + ",,,,,,,,,,,\n"
        ],
    ],
)
def test_same_name_may_be_another_student(file, batches, others):
    switch(file, KIRAN)

    run = switch(file, *others)

    assert run.code == 0
    assert sorted(StudentProfile.objects.values_list("user__phone", flat=True)) == [
        "9876543220",
        "9876543299",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("01/12/2026,40000", "01/01/2027,40000"),
        ("01/06/2026,40000,01/12/2026,40000", "01/06/2026,30000,01/12/2026,50000"),
    ],
)
def test_other_installments_are_reported_and_not_changed(file, batches, old, new):
    switch(file, KIRAN, LEELA)
    assert "has the installments" not in switch(file, KIRAN, LEELA).out
    before = list(Charge.objects.values_list("due_on", "amount"))

    run = switch(file, KIRAN.replace(old, new), LEELA)

    assert run.code == 0
    assert (
        "Row 2: CoachMaster has the installments ₹50,000.00 on 1 Jun 2026, "
        "₹50,000.00 on 1 Dec 2026, before the concession, which are not changed." in run.out
    )
    assert list(Charge.objects.values_list("due_on", "amount")) == before


@pytest.mark.parametrize(("old", "new"), [("03/06/2026,B", "04/06/2026,B"), ("B/21 B/40", "B/21")])
def test_other_payment_details_are_reported_and_not_changed(file, batches, old, new):
    switch(file, KIRAN, LEELA)
    sentence = "the date, mode or old receipts of the payment differ from those imported before"
    assert sentence not in switch(file, KIRAN, LEELA).out
    before = list(Payment.objects.values_list("paid_on", "notes"))

    run = switch(file, KIRAN.replace(old, new), LEELA)

    assert f"Row 2: {sentence}, which are not changed." in run.out
    assert "Row 3" not in run.out
    assert list(Payment.objects.values_list("paid_on", "notes")) == before


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "40000,03/06/2026,B/21 B/40,40000",
            "30000,03/06/2026,,50000",
            "40,000.00 was imported before.",
        ),
        (",100000,20000,", ",90000,10000,", "CoachMaster has ₹100,000.00"),
        (
            ",20000,01/06/2026,40000,01/12/2026,40000,40000,03/06/2026,B/21 B/40,40000",
            ",30000,01/06/2026,35000,01/12/2026,35000,40000,03/06/2026,,30000",
            "CoachMaster has ₹20,000.00",
        ),
    ],
)
def test_other_amounts_are_refused(file, batches, old, new, sentence):
    switch(file, KIRAN)
    assert old in KIRAN

    run = switch(file, KIRAN.replace(old, new))

    assert run.code == 1
    assert sentence.replace("100,000", "1,00,000") in run.errors
    assert balances() == {"Kiran Rao": 40_000}


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (",40000\n", ",39999\n", "Fee, concession and paid give ₹40,000.00."),
        (
            "01/12/2026,40000,40000",
            "01/12/2026,30000,40000",
            "The installments add up to ₹70,000.00, not to the fee of",
        ),
        ("01/12/2026,40000,40000", ",40000,40000", "Enter when ₹40,000.00 is due."),
        (",100000,20000,", ",100000,200000,", "At most ₹1,00,000.00, the fee."),
        (
            ",100000,20000,01/06/2026,40000,01/12/2026,40000,40000",
            ",200000,,,,,,40000",
            "At most ₹1,00,000.00, the course fee.",
        ),
        ("JEE-M1", "JEE-M9", "No batch has this code or name."),
        ("03/06/2026,B", "03/06/2027,B", "A payment cannot be dated in the future."),
        ("9876543220", "9.87654E+09", "A spreadsheet has rounded this number."),
    ],
)
def test_row_that_does_not_add_up_is_refused(file, batches, old, new, sentence):
    assert old in KIRAN

    run = switch(file, LEELA, KIRAN.replace(old, new))

    assert run.code == 1
    assert "row 3" in run.errors and sentence in run.errors
    assert not StudentProfile.objects.exists()


def test_all_rows_are_checked_after_an_error(file, batches):
    run = switch(
        file,
        KIRAN.replace(",40000\n", ",1\n"),
        LEELA.replace("75000", "2"),
        MEERA.replace("NEET-1", "NEET-9"),
    )

    assert run.code == 1
    assert [line in run.errors for line in ("row 2", "row 3", "row 4")] == [True, True, True]


def test_installments_add_up_to_fee_with_or_without_concession(file, batches):
    switch(
        file,
        KIRAN.replace("01/06/2026,40000,01/12/2026,40000,", "01/06/2026,60000,01/12/2026,40000,"),
    )

    assert [charge.amount for charge in Charge.objects.order_by("due_on")] == [60_000, 40_000]
    assert [concession.amount for concession in Concession.objects.order_by("charge__due_on")] == [
        12_000,
        8_000,
    ]


def test_lower_fee_is_stored_with_reason(file, batches):
    switch(file, LEELA.replace(",15/06/2026,,", ",15/06/2026,90000,").replace("75000", "65000"))

    enrollment = Enrollment.objects.get()
    assert (enrollment.agreed_fee, enrollment.fee_reason) == (
        90_000,
        "As agreed before CoachMaster",
    )


def test_existing_student_is_found(file, batches):
    StudentFactory(user__full_name="Kiran Rao", user__phone="9876543220", user__email="")

    run = switch(file, KIRAN)

    assert run.code == 0
    assert StudentProfile.objects.count() == 1


def test_cancelled_opening_payment_is_imported_again(file, batches, admin):
    switch(file, KIRAN)
    cancel_receipt(payment=Payment.objects.get(), reason="Wrong", by=admin)

    switch(file, KIRAN)

    assert balances() == {"Kiran Rao": 40_000}
    assert Payment.objects.active().get().receipt_number == "OP/26-27/00002"


def test_student_in_two_batches_has_two_rows(file, batches, institute_of_several):
    run = switch(
        file, KIRAN, KIRAN.replace("JEE-M1", "NEET-1").split(",01/06/2026,")[0] + ",,,,,,,,,,,\n"
    )

    assert run.code == 0, run.errors
    assert StudentProfile.objects.count() == 1
    assert Enrollment.objects.count() == 2


@pytest.fixture
def institute_of_several():
    from academics.models import Institute

    institute = Institute.objects.current()
    institute.several_batches_at_once = True
    institute.save()


def test_repeated_row_is_refused(file, batches):
    run = switch(file, KIRAN, KIRAN)

    assert run.code == 1
    assert "row 3, Batch: “JEE-M1”: Row 2 is the same student in this batch." in run.errors


def test_totals_are_compared_by_batch(file, batches, admin):
    enrolled(student=StudentFactory(), batch=batches["neet"])

    run = switch(file, KIRAN, LEELA, MEERA)

    text = " ".join(run.out.split())
    assert (
        "JEE Morning in the file in CoachMaster students 2 2 fee ₹2,00,000.00 ₹2,00,000.00 "
        "concession ₹20,000.00" in text
    )
    assert "paid ₹65,000.00 ₹65,000.00 balance ₹1,15,000.00 ₹1,15,000.00" in text
    assert "NEET (differs)" in text and "students 1 2 ←" in text


def test_dry_run_compares_and_writes_nothing(file, batches):
    run = switch(file, KIRAN, flags=["--dry-run"])

    assert "balance" in run.out
    assert not StudentProfile.objects.exists() and not Payment.objects.exists()


def test_opening_balances_are_read_from_workbook(file, batches):
    rows = [["Name", "Phone", "Batch", "Paid"], ["Kiran Rao", 9876543220, "JEE-M1", 40000.5]]

    run = run_import(
        "import_workbook", file(xlsx([["x"]], Students=rows), "b.xlsx"), "--sheet", "Students"
    )

    assert run.code == 0, run.errors
    assert balances() == {"Kiran Rao": Decimal("59999.50")}


@pytest.mark.parametrize(
    ("total", "agrees"),
    [
        ("Total,,,,,240000,20000,,,,,65000,,,155000\n", True),
        ('Grand Total:,,,,,"₹2,40,000.00",,,,,,,,,\n', True),
        ("TOTAL (3),,,,,240000,20000,,,,,66000,,,154000\n", False),
    ],
)
def test_row_of_totals_is_skipped_and_compared(file, batches, total, agrees):
    run = switch(file, KIRAN, LEELA, MEERA, total)

    assert run.code == 0, run.errors
    assert "3 rows created" in run.out
    assert "Row 5: read as totals, and skipped." in run.out
    assert ("Total in row 5 (differs)" in run.out) is not agrees
    assert "Total in row 5" in run.out
    assert StudentProfile.objects.count() == 3


def test_student_named_total_is_imported(file, batches):
    run = switch(file, LEELA.replace("Leela Nair", "Total"))

    assert run.code == 0, run.errors
    assert StudentProfile.objects.get().user.full_name == "Total"


def test_subtotals_are_skipped(file, batches):
    first, last = (
        "Subtotal,,,,,200000,20000,,,,,65000,,,\n",
        "Total,,,,,240000,20000,,,,,65000,,,\n",
    )

    run = switch(file, KIRAN, LEELA, first, MEERA, last)

    assert run.code == 0, run.errors
    assert "Rows 4, 6: read as totals, and skipped." in run.out
    assert "Total in row 6\n" in run.out
    assert "differs" not in run.out
