import io
import re
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
import segno
import zxingcpp
from django.core.exceptions import ValidationError
from PIL import Image

from academics.validators import validate_upi_id
from coachmaster.core.qr import qr_svg
from finance.upi import payment_link


def link(**changes):
    return payment_link(
        **{
            "upi_id": "institute@okhdfcbank",
            "name": "Rao Classes",
            "amount": Decimal("12500.50"),
            "admission_number": "26-00042",
            "reference": "26-00042/2026-04-05",
            **changes,
        }
    )


def draw(svg, scale=4):
    """Return the image that a browser shows: rows of runs, as segno writes its path."""
    size = int(re.search(r'viewBox="0 0 (\d+) \1"', svg)[1])
    image = Image.new("L", (size, size), 255)
    x, y = 0, 0.0
    for command, numbers in re.findall(
        r"([Mmh])([-\d. ]+)", re.search(r'stroke="#000" d="([^"]+)"', svg)[1]
    ):
        first, *rest = (float(number) for number in re.findall(r"-?[\d.]+", numbers))
        if command == "M":
            x, y = first, rest[0]
        elif command == "m":
            x, y = x + first, y + rest[0]
        else:
            for dark in range(int(x), int(x + first)):
                image.putpixel((dark, int(y)), 0)
            x += first
    return image.resize((size * scale, size * scale), Image.Resampling.NEAREST)


def test_link_contains_payee_amount_currency_note_and_reference():
    assert link() == (
        "upi://pay?pa=institute@okhdfcbank&pn=Rao%20Classes&am=12500.50&cu=INR&tn=Fees%2026-00042&tr=260004220260405"
    )


@pytest.mark.parametrize("amount", ["0.01", "5", "125000", "99999999.99"])
def test_amount_has_two_decimals_and_no_commas(amount):
    assert parse_qs(urlsplit(link(amount=Decimal(amount))).query)["am"] == [
        f"{Decimal(amount):.2f}"
    ]


@pytest.mark.parametrize("amount", ["0.00", "-1.00", "0.001", "NaN"])
def test_invalid_amount_is_refused(amount):
    with pytest.raises(ValueError):
        link(amount=Decimal(amount))


@pytest.mark.parametrize(
    "name", ["Rao & Sons", "आकाश क्लासेस", "100% Success? #1 + more=less", 'A "B" <c>', "e\u0301 🎓"]
)
def test_any_name_is_quoted_in_the_link(name):
    assert parse_qs(urlsplit(link(name=name)).query, strict_parsing=True) == {
        "pa": ["institute@okhdfcbank"],
        "pn": [name],
        "am": ["12500.50"],
        "cu": ["INR"],
        "tn": ["Fees 26-00042"],
        "tr": ["260004220260405"],
    }


def test_note_and_reference_are_limited_to_upi_lengths():
    query = parse_qs(
        urlsplit(link(admission_number="A" * 60, reference="CM/26-27/" + "9" * 60)).query
    )
    assert len(query["tn"][0]) == 50
    assert query["tr"] == ["CM2627" + "9" * 29]


@pytest.mark.parametrize("name", ["Rao Classes", "Rao & Sons", "आकाश क्लासेस " * 8])
def test_qr_code_on_the_page_contains_the_link(name):
    (code,) = zxingcpp.read_barcodes(draw(qr_svg(link(name=name))))
    assert code.text == link(name=name)


def test_qr_code_as_png_contains_the_link():
    png = io.BytesIO()
    segno.make_qr(link(), error="m").save(png, kind="png", scale=4)
    (code,) = zxingcpp.read_barcodes(Image.open(png).convert("L"))
    assert code.text == link()


def test_qr_code_has_no_inline_style_and_has_a_title():
    svg = qr_svg(link(), title="Pay by <UPI>")
    assert svg.startswith("<svg ")
    assert "style" not in svg
    assert "class" not in svg
    assert "<title>Pay by &lt;UPI&gt;</title>" in svg
    assert "<title>" not in qr_svg(link())


@pytest.mark.parametrize(
    "upi_id", ["institute@okhdfcbank", "98765-43210@upi", "rao.classes_1@ybl", "ab@icici"]
)
def test_valid_upi_id_is_accepted(upi_id):
    validate_upi_id(upi_id)


@pytest.mark.parametrize(
    "upi_id",
    [
        "",
        "institute",
        "a@upi",
        "@upi",
        "rao@",
        "rao@1",
        "rao classes@upi",
        "rao@upi&am=1",
        "rao@@upi",
        "rao@upi\n",
        "राव@upi",
    ],
)
def test_invalid_upi_id_is_refused(upi_id):
    with pytest.raises(ValidationError, match="as the bank shows it"):
        validate_upi_id(upi_id)
