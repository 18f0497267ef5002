import io
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pypdf
import pytest
import zxingcpp
from PIL import Image

from finance.documents.data import (
    LetterheadData,
    ReceiptData,
    StatementData,
    StatementDue,
    StatementLine,
    StatementTerm,
    UpiPayment,
)
from finance.documents.pdf import (
    receipt_context,
    receipt_pdf,
    statement_context,
    statement_pdf,
    statement_pdfs,
    typeset,
)
from finance.gst import tax_within
from finance.upi import payment_link

HEAD = LetterheadData(
    "Rao Classes", "2nd Floor, MG Road\nKota, Rajasthan 324005", "98765 43210", "office@rao.example"
)
RECEIPT = ReceiptData(
    head=HEAD,
    number="CM/26-27/00042",
    paid_on=date(2026, 4, 5),
    student="Asha Verma",
    admission_number="26-00042",
    lines=[("Tuition fee, due 5 Apr 2026", Decimal("12000.00")), ("Material", Decimal("500.50"))],
    amount=Decimal("12500.50"),
    mode="UPI",
    balance_after=Decimal("37499.50"),
    batch="JEE 2027 Morning",
    reference="UTR 400000000001",
    received_by="Anita Rao",
    check_url="https://rao.example/r/42.aubC1jr96pgiDYUW9m3zrC3sFmKEf7uMMrv03iKkBl0",
)
TAX = tax_within(RECEIPT.amount, Decimal("18"), place="08", home="08")
INVOICE = replace(RECEIPT, head=replace(HEAD, gstin="27AAPFU0939F1ZV"), tax=TAX)
LINK = payment_link(
    upi_id="rao@okhdfcbank",
    name="Rao & Sons आकाश",
    amount=Decimal("12500.50"),
    admission_number="26-00042",
    reference="2600042",
)
STATEMENT = StatementData(
    head=HEAD,
    on=date(2026, 4, 10),
    student="Asha Verma",
    admission_number="26-00042",
    lines=[
        StatementLine(
            date(2026, 4, 1), "Tuition fee, part 1", StatementTerm.CHARGES, Decimal("50000.00")
        ),
        StatementLine(
            date(2026, 4, 2), "Sibling concession", StatementTerm.CONCESSIONS, Decimal("-5000.00")
        ),
        StatementLine(
            date(2026, 4, 5),
            "Payment by UPI",
            StatementTerm.PAYMENTS,
            Decimal("-12500.50"),
            "CM/26-27/00042",
        ),
        StatementLine(
            date(2026, 4, 6),
            "Receipt cancelled",
            StatementTerm.PAYMENTS,
            Decimal("12500.50"),
            "CM/26-27/00042",
        ),
        StatementLine(
            date(2026, 4, 6),
            "Payment in cash",
            StatementTerm.PAYMENTS,
            Decimal("-50000.00"),
            "CM/26-27/00043",
        ),
        StatementLine(
            date(2026, 4, 8), "Refund", StatementTerm.REFUNDS, Decimal("20000.05"), "RV/26-27/00001"
        ),
    ],
    dues=[
        StatementDue("Part 1", date(2026, 4, 9), Decimal("10000.00")),
        StatementDue("Part 2", date(2026, 4, 10), Decimal("2500.50")),
        StatementDue("Part 3", date(2026, 7, 1), Decimal("2499.55")),
    ],
    upi=UpiPayment("rao@okhdfcbank", Decimal("12500.50"), LINK),
)


def pages(pdf):
    return [
        "\n".join(" ".join(line.split()) for line in page.extract_text().splitlines())
        for page in pypdf.PdfReader(io.BytesIO(pdf)).pages
    ]


def text(pdf):
    return "\n".join(pages(pdf))


def codes(template, told):
    (png,) = [typeset(template, told, format="png", ppi=150)]
    return [code.text for code in zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))]


@pytest.mark.parametrize("paper", ["a5", "a4"])
def test_receipt_shows_student_amount_particulars_and_balance(paper):
    said = text(receipt_pdf(RECEIPT, paper=paper))
    for line in [
        "Rao Classes",
        "2nd Floor, MG Road",
        "Kota, Rajasthan 324005",
        "Phone 98765 43210 · office@rao.example",
        "Asha Verma",
        "26-00042",
        "JEE 2027 Morning",
        "UPI · UTR 400000000001",
        "Tuition fee, due 5 Apr 2026 ₹12,000.00",
        "Material ₹500.50",
        "Received ₹12,500.50",
        "Rupees twelve thousand five hundred and paise fifty only",
        "Balance after this payment: ₹37,499.50",
        "Received by Anita Rao",
    ]:
        assert line in said.splitlines()
    assert re.search(r"Fee receipt\s+Number CM/26-27/00042", said)
    assert "Date 5 Apr 2026" in said


def test_receipt_without_tax_does_not_mention_tax():
    said = text(receipt_pdf(replace(RECEIPT, head=replace(HEAD, gstin="27AAPFU0939F1ZV")))).lower()
    assert not re.search(r"\btax|gst|\bsac\b|999293|supply|invoice", said)


def test_tax_invoice_adds_up():
    said = text(receipt_pdf(INVOICE)).splitlines()
    for line in [
        "Tax invoice cum receipt",
        "GSTIN 27AAPFU0939F1ZV",
        "Rajasthan (08)",
        "Tuition fee, due 5 Apr 2026 999293 ₹12,000.00",
        "Material 999293 ₹500.50",
        "Taxable value ₹10,593.64",
        "CGST 9% ₹953.43",
        "SGST 9% ₹953.43",
        "Received, tax included ₹12,500.50",
    ]:
        assert any(line in part for part in said), line
    assert Decimal("10593.64") + 2 * Decimal("953.43") == RECEIPT.amount
    assert not any("IGST" in part for part in said)


def test_invoice_for_another_state_has_igst():
    tax = tax_within(RECEIPT.amount, Decimal("18"), place="07", home="08")
    said = text(receipt_pdf(replace(INVOICE, tax=tax)))
    assert "Delhi (07)" in said
    assert "Taxable value ₹10,593.64\nIGST 18% ₹1,906.86\n" in said
    assert "CGST" not in said


@pytest.mark.parametrize(
    ("balance", "words"),
    [("-0.05", "Advance after this payment: ₹0.05"), ("0.00", "No dues after this payment.")],
)
def test_receipt_shows_no_dues_or_an_advance(balance, words):
    assert words in text(receipt_pdf(replace(RECEIPT, balance_after=Decimal(balance))))


def test_only_a_second_print_says_duplicate():
    assert "DUPLICATE" in text(receipt_pdf(replace(RECEIPT, is_duplicate=True)))
    assert "DUPLICATE" not in text(receipt_pdf(RECEIPT))


def test_cancelled_receipt_is_marked_on_every_page_with_the_reason():
    many = [(f"Part {number}", Decimal("1.00")) for number in range(60)]
    said = pages(
        receipt_pdf(
            replace(RECEIPT, lines=many, cancelled="Cancelled on 6 Apr 2026: entered twice")
        )
    )
    assert len(said) > 1
    assert all("CANCELLED" in page for page in said)
    assert "Cancelled on 6 Apr 2026: entered twice" in said[0]
    assert "CANCELLED" not in text(receipt_pdf(RECEIPT))


def test_code_on_a_receipt_leads_to_its_check_page():
    for paper in ("a5", "a4"):
        assert codes("receipt", receipt_context(RECEIPT, paper)) == [RECEIPT.check_url]
    annotations = pypdf.PdfReader(io.BytesIO(receipt_pdf(RECEIPT))).pages[0]["/Annots"]
    assert [note.get_object()["/A"]["/URI"] for note in annotations] == [RECEIPT.check_url]


def test_receipt_with_required_data_only_is_printed():
    bare = ReceiptData(
        LetterheadData("X"),
        "A/26-27/00001",
        date(2026, 4, 5),
        "Y",
        "1",
        [],
        Decimal("0.01"),
        "Cash",
        Decimal("0.00"),
    )
    assert "Rupees zero and paise one only" in text(receipt_pdf(bare))


@pytest.mark.parametrize("paper", ["a5", "a4"])
def test_long_receipt_repeats_its_heading_and_numbers_its_pages(paper):
    name = "of a fee whose name takes more than a line on small paper, as some do"
    many = [(f"Part {number} {name}", Decimal("1.00")) for number in range(60)]
    said = pages(receipt_pdf(replace(RECEIPT, lines=many), paper=paper))
    assert len(said) > 1
    for number, page in enumerate(said, start=1):
        assert f"Page {number} of {len(said)}" in page
        assert "CM/26-27/00042" in page
    assert (
        sum("Particulars Amount" in page for page in said) >= len(said) - 1
    )  # the last may hold the signature alone
    assert all(f"Part {number} of a fee" in "\n".join(said) for number in range(60))


@pytest.mark.parametrize(
    "name",
    [
        '#panic("x") *bold* _it_ $x$',
        "\"quoted\" 'single'",
        "<label> @ref // no /* comment */",
        "`raw` \\ #{1+1} [x]",
        "a--b---c ... ~x",
    ],
)
def test_name_with_markup_is_printed_as_text(name):
    assert name in text(
        receipt_pdf(replace(RECEIPT, student=name, batch=name, head=replace(HEAD, name=name)))
    )
    assert name in text(statement_pdf(replace(STATEMENT, student=name)))


def test_emoji_and_very_long_names_are_printed():
    name = "Zoë 🎓 " + "A" * 150
    said = text(
        receipt_pdf(
            replace(RECEIPT, student=name, batch="B" * 200, head=replace(HEAD, name="C" * 120))
        )
    )
    letters = re.sub(r"[\s\u200b]", "", said)
    assert "Zoë" in letters
    for run in ("A" * 150, "B" * 200, "C" * 120):
        assert run in letters


def test_hindi_is_shaped_by_the_bundled_font():
    said = text(receipt_pdf(replace(RECEIPT, student="आरव शर्मा")))
    assert "आरव शर्मा" in said
    fonts = {
        font.get_object()["/BaseFont"].split("+")[-1]
        for font in pypdf.PdfReader(io.BytesIO(receipt_pdf(RECEIPT)))
        .pages[0]["/Resources"]["/Font"]
        .values()
    }
    assert fonts == {"Mukta-Regular", "Mukta-SemiBold", "Mukta-Bold"}


def test_statement_lists_every_entry_with_its_balance():
    said = text(statement_pdf(STATEMENT))
    for line in [
        "1 Apr 2026 Tuition fee, part 1 ₹50,000.00 ₹50,000.00",
        "2 Apr 2026 Sibling concession ₹5,000.00 ₹45,000.00",
        "5 Apr 2026 Payment by UPI CM/26-27/00042 ₹12,500.50 ₹32,499.50",
        "6 Apr 2026 Receipt cancelled CM/26-27/00042 ₹12,500.50 ₹45,000.00",
        "6 Apr 2026 Payment in cash CM/26-27/00043 ₹50,000.00 −₹5,000.00",
        "8 Apr 2026 Refund RV/26-27/00001 ₹20,000.05 ₹15,000.05",
        "Balance ₹15,000.05",
    ]:
        assert line in said.splitlines()


def test_totals_of_a_statement_follow_the_equation():
    said = text(statement_pdf(STATEMENT))
    assert (
        "Summary\n"
        "Fees and charges ₹50,000.00\nConcessions −₹5,000.00\n"
        "Payments −₹50,000.00\nRefunds ₹20,000.05\n"
        "Balance ₹15,000.05\n"
    ) in said


def test_balance_brought_forward_counts():
    said = text(
        statement_pdf(
            replace(STATEMENT, lines=STATEMENT.lines[:2], brought_forward=Decimal("-45000.10"))
        )
    )
    assert (
        "Brought forward −₹45,000.10\n1 Apr 2026 Tuition fee, part 1 ₹50,000.00 ₹4,999.90\n" in said
    )
    assert "Advance ₹0.10" in said


def test_statement_marks_dues_as_overdue_or_due_today():
    said = text(statement_pdf(STATEMENT))
    assert re.search(r"Part 1\n9 Apr 2026\s+Overdue\s+₹10,000\.00", said)
    assert re.search(r"Part 2\n10 Apr 2026\s+Due today\s+₹2,500\.50", said)
    assert re.search(r"Part 3\n1 Jul 2026\s+₹2,499\.55", said)


def test_the_code_on_a_statement_pays_the_exact_amount():
    assert codes("statement", statement_context(STATEMENT)) == [LINK]
    said = text(statement_pdf(STATEMENT))
    assert "Pay ₹12,500.50 by UPI" in said
    assert "rao@okhdfcbank" in said
    annotations = pypdf.PdfReader(io.BytesIO(statement_pdf(STATEMENT))).pages[0]["/Annots"]
    assert {note.get_object()["/A"]["/URI"] for note in annotations} == {LINK}
    assert "UPI app" not in text(statement_pdf(replace(STATEMENT, upi=None)))


def test_empty_statement_says_so():
    assert "No charges or payments yet." in text(
        statement_pdf(replace(STATEMENT, lines=[], dues=[], upi=None))
    )


def test_long_statement_repeats_its_heading():
    lines = [
        StatementLine(
            date(2026, 4, 1) + timedelta(days=day),
            f"Act {day}",
            StatementTerm.CHARGES,
            Decimal("0.01"),
        )
        for day in range(80)
    ]
    said = pages(statement_pdf(replace(STATEMENT, lines=lines)))
    assert len(said) == 3
    assert ["Date Particulars Charged Credited Balance" in page for page in said] == [
        True,
        True,
        False,
    ]
    assert "Page 3 of 3" in said[2]
    assert "Balance ₹0.80" in said[1]


@pytest.mark.parametrize("template", ["receipt", "statement"])
def test_documents_are_accessible_to_screen_readers(template):
    told = receipt_context(INVOICE, "a5") if template == "receipt" else statement_context(STATEMENT)
    assert typeset(template, told, pdf_standards="ua-1").startswith(
        b"%PDF"
    )  # refused where a rule is broken


def test_statements_get_portable_file_names():
    made = statement_pdfs(
        replace(STATEMENT, admission_number=number) for number in ["26-00042", "A/../7", "क 1"]
    )
    names = []
    for name, pdf in made:
        names.append(name)
        assert pdf.startswith(b"%PDF")
    assert names == ["statement-26-00042.pdf", "statement-A----7.pdf", "statement-क-1.pdf"]


def test_receipts_are_printed_on_a5_or_a4():
    with pytest.raises(ValueError, match="not on a3"):
        receipt_pdf(RECEIPT, paper="a3")


@pytest.mark.size
def test_threads_render_at_once_without_mixing_documents():
    def print_one(number):
        said = text(
            receipt_pdf(
                replace(RECEIPT, number=f"CM/26-27/{number:05d}", student=f"Student {number}")
            )
        )
        return f"CM/26-27/{number:05d}" in said and f"Student {number}\n" in said

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(print_one, range(80))) == [True] * 80
