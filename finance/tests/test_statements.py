import datetime
import io
import re
import zipfile
from decimal import Decimal
from types import SimpleNamespace

import pypdf
import pytest
import time_machine
import zxingcpp
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.urls import reverse

from academics.models import Institute
from academics.tests.factories import BatchFactory
from accounts.models import StudentProfile
from accounts.tests.factories import StudentFactory
from finance.documents.data import StatementTerm
from finance.documents.pdf import statement_context
from finance.documents.statements import statement_data, statements_of
from finance.ledger import fee_status
from finance.models import Charge, Payment, Reversal
from finance.services import charges, concessions, refunds
from finance.services.cancellations import cancel_receipt
from finance.services.enrollments import drop

from .factories import cleared, enrolled, paid
from .test_upi import draw

pytestmark = pytest.mark.django_db
FIRST = datetime.date(2026, 11, 2)


def day(number):
    """A day of November 2026."""
    return FIRST.replace(day=number)


@pytest.fixture
def clock():
    """Set noon of 2 November 2026; `clock(5)` moves on to the fifth."""
    with time_machine.travel(
        datetime.datetime(2026, 11, 2, 6, 30, tzinfo=datetime.UTC), tick=False
    ) as traveller:
        yield lambda number: traveller.move_to(
            datetime.datetime(2026, 11, number, 6, 30, tzinfo=datetime.UTC)
        )


@pytest.fixture
def busy(clock, student, admin):
    """Asha Verma with one entry of every kind, on the 2nd to the 13th."""
    Institute.objects.filter(pk=Institute.ONLY).update(name="Rao Classes", upi_id="rao@okhdfcbank")
    cache.clear()
    enrollment = enrolled(
        student=student, enrolled_on=FIRST, due_on=FIRST, fee="12000.00", by=admin
    )
    tuition = Charge.objects.filter(enrollment=enrollment)

    def concede(on, kind, amount):
        return concessions.request_concession(
            student=student,
            charges=on,
            kind=kind,
            reason="Because",
            by=admin,
            amount=Decimal(amount),
        )

    def charge(kind, amount):
        charges.post_charges(
            students=[student],
            kind=kind,
            label="",
            amount=Decimal(amount),
            due_on=day(20),
            token=kind,
            by=admin,
        )
        return Charge.objects.get(kind=kind)

    clock(3)
    concede(tuition, "merit", "1000.00")
    clock(4)
    (sibling,) = concede(tuition, "sibling", "500.00")
    concede(tuition, "hardship", "6000.00")  # above the limit: it waits, and takes nothing off
    clock(5)
    charge("material", "700.00")
    exam = charge("exam", "300.00")
    concede([exam], "staff", "100.00")
    clock(6)
    first = paid(student=student, amount="4000.00", by=admin)
    clock(7)
    wrong = paid(student=student, amount="2500.00", mode="upi", by=admin)
    clock(8)
    cheque = cleared(
        paid(student=student, amount="600.00", mode="cheque", cheque_on=day(8), by=admin)
    )
    clock(9)
    concessions.cancel_concession(token=sibling.token, reason="No sibling", by=admin)
    clock(10)
    cancel_receipt(payment=wrong, by=admin, reason="entered twice")
    clock(11)
    Reversal.objects.create(
        payment=cheque,
        kind="bounced",
        voided_on=day(11),
        booked_on=day(11),
        reason="No funds",
        voided_by=admin,
    )
    clock(12)
    charges.cancel_charge(charge=exam, reason="Not held", by=admin)
    clock(13)
    refunds.refund_payment(
        payment=first,
        amount=Decimal("250.00"),
        refunded_on=day(13),
        mode="cash",
        reason="Moved",
        token="t",
        by=admin,
    )
    return student


def statement(student, on):
    return statement_data(student, Institute.objects.current(), on)


def said_by(response):
    reader = pypdf.PdfReader(io.BytesIO(response.content))
    return " ".join(word for sheet in reader.pages for word in sheet.extract_text().split())


def test_statement_lists_every_entry_by_date(busy):
    tuition, material, exam = (
        str(Charge.objects.get(kind=kind)) for kind in ("tuition", "material", "exam")
    )

    assert [(line.on.day, line.label, line.amount) for line in statement(busy, day(13)).lines] == [
        (2, tuition, 12000),
        (3, f"Merit concession: {tuition}", -1000),
        (4, f"Sibling concession: {tuition}", -500),
        (5, material, 700),
        (5, exam, 300),
        (5, f"Child of staff concession: {exam}", -100),
        (6, "Payment (Cash)", -4000),
        (7, "Payment (UPI)", -2500),
        (8, "Payment (Cheque)", -600),
        (9, f"Cancelled: Sibling concession: {tuition}", 500),
        (10, "Receipt cancelled", 2500),
        (11, "Cheque bounced", 600),
        (12, f"Cancelled: {exam}", -300),
        (12, f"Cancelled: Child of staff concession: {exam}", 100),
        (13, "Refund (Cash)", 250),
    ]


@pytest.mark.parametrize("on", [day(number) for number in range(1, 15)])
def test_statement_of_any_day_ends_with_the_balance_of_the_ledger(busy, on):
    data, fees = statement(busy, on), fee_status(busy, on)
    of = {
        term: sum(line.amount for line in data.lines if line.term == term) for term in StatementTerm
    }

    assert sum(of.values()) == fees.balance
    assert of[StatementTerm.CHARGES] == fees.total_fee
    assert -of[StatementTerm.CONCESSIONS] == fees.conceded
    assert -of[StatementTerm.PAYMENTS] - of[StatementTerm.REFUNDS] == fees.total_paid
    assert [due.amount for due in data.dues] == [line.unpaid for line in fees.lines if line.unpaid]


def test_pdf_shows_balance_dues_and_how_to_pay(client_of, admin, busy):
    response = client_of(admin).get(reverse("finance:statement-pdf", args=[busy.pk]))
    said = said_by(response)
    batch = Charge.objects.get(kind="tuition").enrollment.batch.name

    # 12,000 − 1,000 + 700 − 4,000 + 250
    assert "Balance ₹7,950.00" in said
    assert f"Tuition fee, {batch} 2 Nov 2026 Overdue ₹7,250.00" in said
    assert f"Material, {batch} 20 Nov 2026 ₹700.00" in said
    assert "rao@okhdfcbank" in said
    assert (
        response["Content-Disposition"]
        == f'inline; filename="statement-{busy.admission_number}.pdf"'
    )


def test_statement_without_any_fee_is_possible(client_of, admin, student):
    said = said_by(client_of(admin).get(reverse("finance:statement-pdf", args=[student.pk])))

    assert "Asha Verma" in said
    assert "No charges or payments yet." in said


def test_student_prints_only_their_own_statement(client_of, student):
    address = reverse("finance:statement-pdf", args=[student.pk])

    assert client_of(student).get(address).status_code == 200
    assert client_of(StudentFactory()).get(address).status_code == 404


def test_code_on_the_fees_page_pays_the_amount_due_now(client_of, busy):
    page = client_of(busy).get(reverse("finance:student-fees", args=[busy.pk])).content.decode()
    svg = re.search(r'pay-by-upi">\s*(<svg.*?</svg>)', page, re.DOTALL)[1]
    reference = "".join(c for c in busy.admission_number if c.isalnum())

    (code,) = zxingcpp.read_barcodes(draw(svg))
    assert code.text == (
        "upi://pay?pa=rao@okhdfcbank&pn=Rao%20Classes&am=7250.00&cu=INR"
        f"&tn=Fees%20{busy.admission_number}&tr={reference}261113725000"
    )
    assert f'href="{code.text.replace("&", "&amp;")}"' in page


def statement_page(client, student):
    return client.get(reverse("finance:statement", args=[student.pk])).content.decode()


def words_of(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_page_shows_every_entry_with_balance_and_dues(client_of, busy):
    page = statement_page(client_of(busy), busy)
    shown = words_of(page)
    tuition = Charge.objects.get(kind="tuition")
    batch = tuition.enrollment.batch.name

    for line in [
        f"2 Nov 2026 {tuition} ₹12,000.00 ₹12,000.00",
        f"3 Nov 2026 Merit concession: {tuition} ₹1,000.00 ₹11,000.00",
        "6 Nov 2026 Payment (Cash) CM/26-27/00001 ₹4,000.00 ₹7,400.00",
        "10 Nov 2026 Receipt cancelled CM/26-27/00002 ₹2,500.00 ₹7,300.00",
        "11 Nov 2026 Cheque bounced CM/26-27/00003 ₹600.00 ₹7,900.00",
        f"12 Nov 2026 Cancelled: Child of staff concession: Exam fee, {batch} ₹100.00 ₹7,700.00",
        "13 Nov 2026 Refund (Cash) RV/26-27/00001 ₹250.00 ₹7,950.00",
        "Fees and charges ₹12,700.00 Concessions −₹1,000.00 Payments −₹4,000.00 "
        "Refunds ₹250.00 Balance ₹7,950.00",
        f"{tuition} Overdue 2 Nov 2026 ₹7,250.00",
        f"Material, {batch} 20 Nov 2026 ₹700.00",
        "Pay ₹7,250.00 by UPI",
    ]:
        assert line in shown
    payment = Payment.objects.get(number=1, series__kind="receipt")
    assert f'href="/payments/{payment.pk}/">CM/26-27/00001</a>' in page


def test_page_and_pdf_have_the_same_lines(client_of, admin, busy):
    client = client_of(admin)
    shown = words_of(statement_page(client, busy))
    paper = said_by(client.get(reverse("finance:statement-pdf", args=[busy.pk])))

    data = statement_context(statement(busy, day(13)))
    assert len(data["lines"]) == 15
    for line in data["lines"]:
        words = " ".join(
            filter(
                None,
                [
                    line[part]
                    for part in ("date", "label", "reference", "charged", "credited", "balance")
                ],
            )
        )
        assert words in shown
        assert words in paper


def test_page_and_pdf_have_the_code_of_the_fees_page(client_of, busy):
    def link_on(name):
        page = client_of(busy).get(reverse(name, args=[busy.pk])).content.decode()
        (code,) = zxingcpp.read_barcodes(
            draw(re.search(r'pay-by-upi">\s*(<svg.*?</svg>)', page, re.DOTALL)[1])
        )
        return code.text

    (paper,) = zxingcpp.read_barcodes(draw(statement_context(statement(busy, day(13)))["code"]))
    assert link_on("finance:statement") == link_on("finance:student-fees") == paper.text


def test_student_sees_only_their_own_statement(client_of, student):
    address = reverse("finance:statement", args=[student.pk])

    assert "No charges or payments yet" in client_of(student).get(address).content.decode()
    assert client_of(StudentFactory()).get(address).status_code == 404


def test_statement_of_a_past_day_shows_nothing_later(busy):
    assert statement_context(statement(busy, day(6)))["outcome"] == ("Balance", "₹7,400.00")
    assert statement_context(statement(busy, day(1)))["lines"] == []


def test_later_dues_get_another_upi_reference(client_of, busy, admin):
    def reference():
        page = client_of(busy).get(reverse("finance:student-fees", args=[busy.pk])).content.decode()
        return re.search(r"&amp;tr=(\w+)", page)[1]

    before = reference()
    charges.post_charges(
        students=[busy],
        kind="other",
        label="",
        amount=Decimal(5),
        due_on=day(13),
        token="o",
        by=admin,
    )
    assert reference() != before


def test_code_is_hidden_without_upi_id_or_dues(client_of, busy, admin):
    client, address = client_of(admin), reverse("finance:student-fees", args=[busy.pk])
    assert "upi://" in client.get(address).content.decode()

    paid(student=busy, amount="7250.00", by=admin)
    assert "upi://" not in client.get(address).content.decode()

    charges.post_charges(
        students=[busy],
        kind="other",
        label="",
        amount=Decimal(5),
        due_on=day(13),
        token="o",
        by=admin,
    )
    assert "upi://" in client.get(address).content.decode()
    Institute.objects.filter(pk=Institute.ONLY).update(upi_id="")
    cache.clear()
    assert "upi://" not in client.get(address).content.decode()


# Many at once ---


@pytest.fixture
def three(clock, admin):
    """Three students: two in one batch, one of them dropped, and one in another batch."""
    for number, name in enumerate(["Asha", "Bala", "Chitra"], start=1):
        StudentFactory(user__full_name=name, admission_number=f"26-0000{number}")
    StudentFactory(user__full_name="Dev", admission_number="26-00004")  # never charged anything
    asha, bala, chitra, _ = StudentProfile.objects.order_by("admission_number")
    neet = BatchFactory(
        name="NEET evening", code="NEET-E", course__code="NEET", course__total_fee=Decimal("900.00")
    )
    other = BatchFactory(
        name="JEE morning", course__name="JEE", course__total_fee=Decimal("500.00")
    )
    for student, batch in [(asha, neet), (bala, neet), (chitra, other)]:
        enrolled(student=student, batch=batch, enrolled_on=FIRST, by=admin)
    drop(enrollment=bala.enrollments.get(), ended_on=day(2), reason="other", note="Moved", by=admin)
    paid(student=asha, amount="400.00", by=admin)
    return asha, bala, chitra


def run(*args, **options):
    out = io.StringIO()
    call_command("statements", *args, stdout=out, **options)
    return out.getvalue()


def papers(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {
            name: said_by(SimpleNamespace(content=archive.read(name)))
            for name in archive.namelist()
        }


def test_command_writes_a_statement_for_every_charged_student(three, tmp_path):
    said = run(tmp_path / "all.zip")

    found = papers((tmp_path / "all.zip").read_bytes())
    assert list(found) == [f"statement-26-0000{number}.pdf" for number in (1, 2, 3)]
    assert "Balance ₹500.00" in found["statement-26-00001.pdf"]
    assert "Asha" in found["statement-26-00001.pdf"]
    assert "Chitra" not in found["statement-26-00001.pdf"]
    assert said.startswith(f"3 statements as of 2 Nov 2026 in {tmp_path / 'all.zip'}, ")
    assert [file.name for file in tmp_path.iterdir()] == ["all.zip"]
    assert (tmp_path / "all.zip").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--batch", "neet-e"], [1, 2]),
        (["--batch", "NEET evening"], [1, 2]),
        (["--batch", "JEE morning"], [3]),
        (["--course", "NEET"], [1, 2]),
        (["--course", "jee"], [3]),
    ],
)
def test_command_takes_code_or_name_of_a_batch_or_course(three, tmp_path, options, numbers):
    run(tmp_path / "some.zip", *options)

    names = zipfile.ZipFile(tmp_path / "some.zip").namelist()
    assert names == [f"statement-26-0000{number}.pdf" for number in numbers]


def test_command_can_write_statements_of_a_past_day(three, tmp_path, clock, admin):
    clock(5)
    paid(student=three[0], amount="500.00", by=admin)
    run(tmp_path / "then.zip", "--on", "2026-11-02", "--batch", "NEET-E")

    assert (
        "Balance ₹500.00" in papers((tmp_path / "then.zip").read_bytes())["statement-26-00001.pdf"]
    )


def test_command_names_the_file_by_date(three, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run()

    assert [file.name for file in tmp_path.iterdir()] == ["statements-2026-11-02.zip"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--batch", "GATE"], "--batch GATE: No batch has this code or name."),
        (["--course", ""], "No course has this code or name."),
        (["--on", "2026-02-31"], "2026-02-31 is not a date."),
        (["--on", "0001-01-01"], "0001-01-01 is not a date."),
        (["--on", "yesterday"], "yesterday is not a date."),
        (
            ["--batch", "NEET-E", "--course", "JEE"],
            "None of these students has charges.",
        ),
    ],
)
def test_command_refuses_invalid_options_and_writes_nothing(three, tmp_path, options, words):
    with pytest.raises(CommandError, match=re.escape(words)):
        run(tmp_path / "none.zip", *options)

    assert list(tmp_path.iterdir()) == []


def test_command_refuses_a_missing_folder(three, tmp_path):
    with pytest.raises(CommandError, match="cannot be written"):
        run(tmp_path / "nowhere" / "all.zip")


def test_command_replaces_what_was_left_behind(three, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear parents")
    (tmp_path / "all.zip.part").symlink_to(tmp_path / "letter.txt")

    run(tmp_path / "all.zip")

    assert (tmp_path / "letter.txt").read_text() == "Dear parents"
    assert len(papers((tmp_path / "all.zip").read_bytes())) == 3


def test_interrupted_command_keeps_the_old_file(three, tmp_path, monkeypatch):
    (tmp_path / "all.zip").write_bytes(b"last month's")
    monkeypatch.setattr(
        "finance.management.commands.statements.statement_pdfs", lambda statements: 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "all.zip")

    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [
        ("all.zip", b"last month's")
    ]


def test_hundred_statements_need_as_many_queries_as_one(three, admin, queries_of):
    institute = Institute.objects.cached()

    def queries_for(students):
        return queries_of(lambda: list(statements_of(students, institute, day(2))))

    assert queries_for([three[0]]) == queries_for([*three] * 20)


def test_statements_of_a_batch_are_downloaded_as_zip(client_of, admin, three):
    batch = three[0].enrollments.get().batch
    client = client_of(admin)
    address = reverse("finance:batch-statements", args=[batch.pk])

    assert f'href="{address}"' in client.get(batch.get_absolute_url()).content.decode()
    response = client.get(address)
    assert (
        response["Content-Disposition"] == 'attachment; filename="statements-NEET-E-2026-11-02.zip"'
    )
    found = papers(b"".join(response.streaming_content))
    assert list(found) == ["statement-26-00001.pdf", "statement-26-00002.pdf"]
    assert "Balance ₹500.00" in found["statement-26-00001.pdf"]
