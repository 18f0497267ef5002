import datetime
import io
import re
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pypdf
import pytest
import time_machine
import zxingcpp
from django.core.cache import cache
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from academics.models import Institute, Logo
from academics.services.logos import change_logo
from accounts.tests.factories import StudentFactory
from coachmaster.core.images import Picture
from finance.documents import receipts
from finance.models import Letterhead, Payment, ReceiptPrint
from finance.services import receipt_prints, refunds
from finance.services.cancellations import cancel_receipt
from finance.verification import receipt_token

from .factories import enrolled, paid
from .test_upi import draw

pytestmark = pytest.mark.django_db
GSTIN = "08AAPFU0939F1ZV"
DAY = datetime.date(2026, 11, 20)


@pytest.fixture
def institute():
    """Rao Classes in Kota, without a GSTIN."""

    def change(**fields):
        Institute.objects.filter(pk=Institute.ONLY).update(**fields)
        cache.clear()
        return Institute.objects.current()

    change(name="Rao Classes", state="08", phone="9876543210")
    return change


@pytest.fixture
def payment(student, admin, institute):
    """₹5,000 of ₹12,000 from Asha Verma by UPI on 20 November 2026."""
    student.guardian_phone = "9876500001"
    student.save()
    enrolled(student=student, fee="12000.00", by=admin)
    return paid(
        student=student,
        amount="5000.00",
        paid_on=DAY,
        mode="upi",
        reference="UTR400000000001",
        by=admin,
    )


def page(client, payment):
    return client.get(payment.get_absolute_url()).content.decode()


def pdf(client, payment, **query):
    response = client.get(reverse("finance:receipt-pdf", args=[payment.pk]), query)
    assert response.status_code == 200
    return response


def said_by(response):
    reader = pypdf.PdfReader(io.BytesIO(response.content))
    return " ".join(word for sheet in reader.pages for word in sheet.extract_text().split())


def check(client, payment):
    return client.get(reverse("finance:receipt-check", args=[receipt_token(payment.pk)]))


# Paper ---


def test_pdf_has_the_text_of_the_receipt(client_of, admin, payment):
    batch = payment.enrollment.batch

    assert said_by(pdf(client_of(admin), payment)) == " ".join(
        [
            "Rao Classes",
            "Phone 98765 43210",
            "Fee receipt",
            f"Number {payment}",
            "Date 20 Nov 2026",
            "Received from Asha Verma",
            f"Admission number {payment.student.admission_number}",
            f"Batch {batch.name}, {batch.course.name}",
            "Mode UPI · UTR400000000001",
            "Particulars Amount",
            f"Tuition fee, {batch.name} ₹5,000.00",
            "Received ₹5,000.00",
            "Rupees five thousand only",
            "Balance after this payment: ₹7,000.00 (₹7,000 overdue since 1 Jun 2026)",
            "Scan to check this receipt",
            "Received by Anita Rao",
            "for Rao Classes",
        ]
    )


@pytest.mark.parametrize(
    ("query", "millimetres"), [({}, 148), ({"size": "a5"}, 148), ({"size": "a4"}, 210)]
)
def test_pdf_is_a5_or_a4_and_opens_in_the_browser(client_of, admin, payment, query, millimetres):
    response = pdf(client_of(admin), payment, **query)

    width = pypdf.PdfReader(io.BytesIO(response.content)).pages[0].mediabox.width
    assert round(float(width) / 72 * 25.4) == millimetres
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == 'inline; filename="receipt-CM-26-27-00001.pdf"'


@pytest.mark.parametrize("size", ["a3", "A4", "../a4", "a5 "])
def test_other_paper_sizes_are_not_found(client_of, admin, payment, size):
    address = reverse("finance:receipt-pdf", args=[payment.pk])

    assert client_of(admin).get(address, {"size": size}).status_code == 404


def test_a_student_prints_their_own_receipts_and_no_others(client_of, payment):
    assert pdf(client_of(payment.student), payment)
    client = client_of(StudentFactory())
    assert client.get(reverse("finance:receipt-pdf", args=[payment.pk])).status_code == 404


def test_cheque_is_printed_with_number_and_date(client_of, admin, student, institute):
    cheque = paid(
        student=student,
        amount="10.00",
        paid_on=DAY,
        mode="cheque",
        reference="000123",
        cheque_on=DAY,
        by=admin,
    )
    client = client_of(admin)

    assert "Mode Cheque · No. 000123 dated 20 Nov 2026" in said_by(pdf(client, cheque))
    assert "Cheque, No. 000123 dated 20 Nov 2026" in page(client, cheque)


def test_cancelled_receipt_shows_date_and_reason(payment, admin, institute):
    cancel_receipt(payment=payment, by=admin, reason="entered twice")
    payment = Payment.objects.for_receipt().get(pk=payment.pk)
    day = payment.reversal.voided_on

    said = receipts.receipt_data(payment).cancelled
    assert said == f"Cancelled on {day.day} {day:%b %Y}: entered twice"
    assert receipts.receipt_whatsapp_link(payment, institute()) == ""


# Printed again, and given back ---


def stamp(client, payment):
    (tag,) = re.findall(
        r'<p class="receipt-duplicate"[^>]*>\s*Duplicate\s*</p>', page(client, payment)
    )
    return "hidden" not in tag


def test_first_print_is_the_original_and_later_ones_duplicates(client_of, admin, payment):
    client = client_of(admin)
    assert not stamp(client, payment)

    assert [
        "DUPLICATE" in said_by(pdf(client, payment, size=size)) for size in ["a5", "a4", "a5"]
    ] == [
        False,
        True,
        True,
    ]
    assert stamp(client, payment)
    assert list(ReceiptPrint.objects.values_list("payment", "copy", "printed_by")) == [
        (payment.pk, copy, admin.pk) for copy in (1, 2, 3)
    ]


def test_a_hundred_prints_of_a_receipt_are_recorded(client_of, payment):
    client = client_of(payment.student)
    for _ in range(101):
        client.post(reverse("finance:receipt-printed", args=[payment.pk]))

    assert "DUPLICATE" in said_by(pdf(client, payment))
    assert ReceiptPrint.objects.count() == 100


def test_viewing_a_receipt_does_not_count_as_a_print(client_of, admin, payment):
    client = client_of(admin)
    for _ in range(2):
        assert not stamp(client, payment)
    assert client.head(reverse("finance:receipt-pdf", args=[payment.pk])).status_code == 200
    assert (
        client.get(reverse("finance:receipt-pdf", args=[payment.pk]), {"size": "a3"}).status_code
        == 404
    )

    assert not ReceiptPrint.objects.exists()


def test_prints_after_the_page_was_printed_are_duplicates(client_of, admin, payment):
    client, address = client_of(admin), reverse("finance:receipt-printed", args=[payment.pk])
    assert client.get(address).status_code == 405
    assert client.post(address).status_code == 204

    assert stamp(client, payment)
    assert "DUPLICATE" in said_by(pdf(client_of(payment.student), payment))


def test_first_print_of_another_receipt_is_an_original(client_of, admin, payment):
    client, other = client_of(admin), paid(student=payment.student, amount="10.00")
    pdf(client, payment)

    assert not stamp(client, other)
    assert "DUPLICATE" not in said_by(pdf(client, other))


def test_refunds_are_listed_with_their_vouchers(client_of, admin, payment):
    with time_machine.travel(datetime.datetime(2026, 11, 21, 6, 30, tzinfo=datetime.UTC)):
        vouchers = [
            refunds.refund_payment(
                payment=payment,
                amount=Decimal(amount),
                refunded_on=day,
                mode="cash",
                reason="Moved",
                token=amount,
                by=admin,
            )
            for amount, day in [("1500.00", DAY + datetime.timedelta(days=1)), ("0.50", DAY)]
        ]
    shown, paper = both(client_of(admin), payment)

    assert "₹0.50 refunded on 20 Nov 2026, voucher RV/26-27/00002. ₹1,500.00 refunded on" in paper
    assert "₹0.50 refunded on 20 Nov 2026, voucher RV/26-27/00002 . ₹1,500.00 refunded on" in shown
    assert all(
        f'href="/refunds/{voucher.pk}/"' in page(client_of(admin), payment) for voucher in vouchers
    )


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_only_one_of_simultaneous_prints_is_the_original(payment, admin):
    def print_one(_):
        try:
            return receipt_prints.record_print(payment, by=admin)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(print_one, range(8))) == list(range(1, 9))


# Tax ---


def test_receipt_without_gstin_does_not_mention_tax(client_of, admin, payment):
    client = client_of(admin)

    shown = re.sub(r"<[^>]+>", " ", page(client, payment))
    for said in (shown, said_by(pdf(client, payment))):
        assert not re.search(
            r"\b(tax|gst|gstin|cgst|sgst|sac|invoice|supply)\b|999293", said, re.IGNORECASE
        )


def both(client, payment):
    """Text of page and PDF, both as the original."""
    shown = re.sub(r"<[^>]+>", " ", page(client, payment))
    return " ".join(shown.replace("Duplicate", "").split()), said_by(pdf(client, payment)).replace(
        "DUPLICATE ", ""
    )


def test_receipt_with_gstin_is_a_tax_invoice(client_of, admin, payment, institute):
    institute(gstin=GSTIN, gst_percent=Decimal("18.00"))
    taxed = paid(student=payment.student, amount="5000.00", by=admin)

    for said in both(client_of(admin), taxed):
        for what in [
            "Tax invoice cum receipt",
            f"GSTIN {GSTIN}",
            "Place of supply Rajasthan (08)",
            f"Tuition fee, {taxed.enrollment.batch.name} 999293 ₹5,000.00",
            "Taxable value ₹4,237.28",
            "CGST 9% ₹381.36",
            "SGST 9% ₹381.36",
            "Received, tax included ₹5,000.00",
        ]:
            assert what in said


def test_later_gstin_does_not_change_issued_receipts(client_of, admin, payment, institute):
    before = both(client_of(admin), payment)
    institute(gstin=GSTIN)

    assert both(client_of(admin), payment) == before
    assert receipts.included_tax(Payment.objects.get(pk=payment.pk)) is None


def test_tax_invoice_does_not_change_with_the_institute(client_of, admin, student, institute):
    institute(
        gstin=GSTIN,
        gst_percent=Decimal("18.00"),
        address="1, Station Road\nKota",
        email="office@rao.example",
    )
    enrolled(student=student, fee="5000.00", by=admin)
    payment = paid(student=student, amount="5000.00", by=admin)
    said = both(client_of(admin), payment)
    institute(
        name="Rao Academy",
        address="",
        phone="",
        email="",
        gstin="27AAPFU0939F1ZV",
        state="27",
        gst_percent=Decimal(5),
    )

    page, paper = both(client_of(admin), payment)
    assert paper == said[1]
    assert all(
        what in page
        for what in ["Rao Classes 1, Station Road Kota", GSTIN, "Rajasthan (08)", "CGST 9% ₹381.36"]
    )
    later = receipts.included_tax(paid(student=student, amount="105.00", by=admin))
    assert (later.place_label, later.rows) == (
        "Maharashtra (27)",
        [("CGST 2.5%", Decimal("2.50")), ("SGST 2.5%", Decimal("2.50"))],
    )


def test_student_of_another_state_pays_igst_even_if_moved_later(
    client_of, admin, student, institute
):
    institute(gstin=GSTIN, gst_percent=Decimal("18.00"))
    student.state = "07"
    student.save()
    payment = paid(student=student, amount="5000.00", by=admin)
    student.state = ""
    student.save()

    for said in both(client_of(admin), payment):
        for what in [
            "Place of supply Delhi (07)",
            "Taxable value ₹4,237.29",
            "IGST 18% ₹762.71",
            "tax included ₹5,000.00",
        ]:
            assert what in said
        assert "CGST" not in said
    later = receipts.included_tax(paid(student=student, amount="5000.00", by=admin))
    assert [name for name, _ in later.rows] == ["CGST 9%", "SGST 9%"]


def test_letterhead_is_stored_once_per_version(student, institute):
    for phone in ["9876543210", "9876543211", "9876543211", "9876543210"]:
        institute(phone=phone)
        paid(student=student, amount="1.00")

    assert [head.phone for head in Letterhead.objects.order_by("pk")] == [
        "9876543210",
        "9876543211",
    ]
    assert [p.letterhead.phone for p in Payment.objects.order_by("pk")] == [
        "9876543210",
        "9876543211",
        "9876543211",
        "9876543210",
    ]


def square(color):
    """Return a logo in one color."""
    file = io.BytesIO()
    Image.new("RGB", (30, 30), color).save(file, "PNG")
    return Picture(file.getvalue(), 30, 30)


def colors_in(response):
    images = pypdf.PdfReader(io.BytesIO(response.content)).pages[0].images
    return [image.image.convert("RGB").getpixel((15, 15)) for image in images]


@pytest.mark.parametrize("paper", ["a5", "a4"])
def test_receipt_keeps_the_logo_of_its_day(client_of, admin, student, paper):
    client, payments = client_of(admin), []
    for color in [None, (200, 0, 0), (0, 0, 200), None]:
        change_logo(color and square(color))
        payments.append(paid(student=student, amount="1.00", by=admin))

    logos = [f"/logos/{logo.digest}/" for logo in Logo.objects.all()]
    shown = [[logo in page(client, payment) for logo in logos] for payment in payments]
    assert shown == [[False, False], [True, False], [False, True], [False, False]]
    printed = [colors_in(pdf(client, payment, size=paper)) for payment in payments]
    assert printed == [[], [(200, 0, 0)], [(0, 0, 200)], []]
    assert Letterhead.objects.count() == 3


def test_statements_and_vouchers_have_the_logo(client_of, admin, payment):
    change_logo(square((200, 0, 0)))
    client, logo = client_of(admin), Logo.objects.get()
    voucher = refunds.refund_payment(
        payment=payment,
        amount=Decimal("1.00"),
        refunded_on=timezone.localdate(),
        mode="cash",
        reason="Left",
        token="t",
        by=admin,
    )

    statement = client.get(reverse("finance:statement-pdf", args=[payment.student_id]))

    assert (200, 0, 0) in colors_in(statement)
    assert logo.get_absolute_url() in client.get(voucher.get_absolute_url()).content.decode()


def test_receipt_names_the_next_due_date_and_its_amount(client_of, admin, student, institute):
    with time_machine.travel(datetime.datetime(2026, 6, 1, 6, 30, tzinfo=datetime.UTC)):
        enrolled(student=student, fee="3000.00", due_on=datetime.date(2026, 6, 20), by=admin)
        first = paid(student=student, amount="1000.00", by=admin)
        client = client_of(admin)
        for text in (page(client, first), said_by(pdf(client, first))):
            assert "₹2,000 due on 20 Jun 2026" in text


def test_state_follows_from_the_gstin_if_none_is_chosen(student, institute):
    institute(gstin=GSTIN, state="")
    tax = receipts.included_tax(paid(student=student, amount="100.00"))

    assert tax.place_label == "Rajasthan (08)"
    assert [name for name, _ in tax.rows] == ["CGST 9%", "SGST 9%"]


# Page and message ---


def test_page_links_both_pdfs_and_whatsapp(client_of, admin, payment, settings):
    settings.SITE_URL = "https://rao.example"
    shown = page(client_of(admin), payment)

    assert f'href="/payments/{payment.pk}/pdf/?size=a5"' in shown
    assert f'href="/payments/{payment.pk}/pdf/?size=a4"' in shown
    link = re.search(r'href="(https://wa\.me/[^"]+)" target="_blank" rel="noopener"', shown)[1]
    assert urlsplit(link).path == "/919876500001"
    assert parse_qs(urlsplit(link).query) == {
        "text": [
            "Rao Classes received ₹5,000.00 from Asha Verma on 20 Nov 2026. "
            "Receipt CM/26-27/00001. Balance after this payment: ₹7,000.00 "
            "(₹7,000 overdue since 1 Jun 2026). "
            f"Check it at https://rao.example/r/{receipt_token(payment.pk)}/"
        ]
    }


@pytest.mark.parametrize(
    ("guardian", "own", "number"), [("", "9876500002", "919876500002"), ("", "", None)]
)
def test_whatsapp_goes_to_the_student_if_no_guardian_has_a_phone(
    payment, institute, guardian, own, number
):
    payment.student.guardian_phone, payment.student.user.phone = guardian, own

    link = receipts.receipt_whatsapp_link(payment, institute())
    assert link.startswith(f"https://wa.me/{number}?text=") if number else link == ""


def test_qr_code_leads_to_the_public_check_page(client_of, client, admin, payment, settings):
    settings.SITE_URL = "https://rao.example"
    svg = re.search(
        r'<div class="receipt-check">\s*(<svg.*?</svg>)', page(client_of(admin), payment), re.DOTALL
    )[1]
    client.logout()

    (code,) = zxingcpp.read_barcodes(draw(svg))
    assert code.text == f"https://rao.example/r/{receipt_token(payment.pk)}/"
    assert client.get(urlsplit(code.text).path).status_code == 200


# Checking ---


def test_check_page_shows_a_valid_receipt_with_first_name_only(client, payment):
    response = check(client, payment)
    shown = " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())

    assert (
        "Receipt CM/26-27/00001 Genuine This receipt was issued here and is valid. "
        "Date 20 Nov 2026 Amount ₹5,000.00 Received from Asha" in shown
    )
    assert "Verma" not in shown
    assert payment.student.admission_number not in shown
    assert "no-store" in response["Cache-Control"]


def test_check_page_shows_a_cancellation_without_its_reason(client, payment, admin):
    cancel_receipt(payment=payment, by=admin, reason="entered twice")

    shown = check(client, payment).content.decode()
    assert "It is not proof of payment." in shown
    assert "Genuine" not in shown
    assert "entered twice" not in shown


@pytest.mark.parametrize(
    ("amount", "words"),
    [("1.00", "Partly refunded"), ("4999.99", "Partly refunded"), ("5000.00", "Refunded")],
)
def test_check_page_shows_refunds_without_amounts(client, payment, admin, amount, words):
    refunds.refund_payment(
        payment=payment,
        amount=Decimal(amount),
        refunded_on=timezone.localdate(),
        mode="cash",
        reason="Moved",
        token="t",
        by=admin,
    )

    shown = check(client, payment).content.decode()
    assert f">{words}</span>" in shown
    assert "Genuine" not in shown
    assert re.findall("₹[0-9.,]+", shown) == ["₹5,000.00"]


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: f"9{t}", lambda t: t.partition(".")[0], lambda t: "x"]
)
def test_check_page_refuses_invalid_tokens(client, payment, institute, change):
    institute(phone="9876543210")
    response = client.get(
        reverse("finance:receipt-check", args=[change(receipt_token(payment.pk))])
    )

    assert response.status_code == 404
    shown = " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())
    assert "Not genuine No receipt was issued here under this address." in shown
    assert "the receipt is not from Rao Classes. Call 98765 43210 to ask." in shown
    assert payment.receipt_number not in shown
    assert "Asha" not in shown


def test_check_page_allows_sixty_checks_an_hour_per_address(client, payment):
    codes = [check(client, payment).status_code for _ in range(61)]

    assert codes == [200] * 60 + [429]
    again = client.get(reverse("finance:receipt-check", args=["x"]), REMOTE_ADDR="192.0.2.7")
    assert again.status_code == 404
