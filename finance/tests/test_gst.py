from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from academics.validators import gstin_check_digit, validate_gstin
from coachmaster.core.states import State
from finance.gst import SAC, percent, place_of_supply, tax_within

RAJASTHAN, DELHI, CHANDIGARH = State.RAJASTHAN, State.DELHI, State.CHANDIGARH


@pytest.mark.parametrize(
    ("amount", "rate", "taxable", "half"),
    [
        ("11800.00", "18", "10000.00", "900.00"),
        ("25000.00", "18", "21186.44", "1906.78"),  # 1906.7796…
        ("100.00", "18", "84.74", "7.63"),  # 7.6271…
        ("999.99", "18", "847.45", "76.27"),  # 76.2704…
        ("0.01", "18", "0.01", "0.00"),
        ("0.07", "18", "0.05", "0.01"),  # 0.0053…
        ("105.00", "5", "100.00", "2.50"),
        ("1000.00", "0", "1000.00", "0.00"),
        ("99999999.99", "18", "84745762.71", "7627118.64"),
    ],
)
def test_tax_within_the_state_is_half_cgst_and_half_sgst(amount, rate, taxable, half):
    tax = tax_within(Decimal(amount), Decimal(rate), place=RAJASTHAN, home=RAJASTHAN)
    assert (tax.taxable, tax.cgst, tax.sgst, tax.igst) == (
        Decimal(taxable),
        Decimal(half),
        Decimal(half),
        0,
    )


@pytest.mark.parametrize(
    ("amount", "rate", "taxable", "igst"),
    [
        ("11800.00", "18", "10000.00", "1800.00"),
        ("25000.00", "18", "21186.44", "3813.56"),  # 3813.5593…
        ("100.00", "18", "84.75", "15.25"),  # 15.2542…; by halves it would be 15.26
        ("0.01", "18", "0.01", "0.00"),
        ("1050.00", "5", "1000.00", "50.00"),
    ],
)
def test_tax_for_another_state_is_igst(amount, rate, taxable, igst):
    tax = tax_within(Decimal(amount), Decimal(rate), place=DELHI, home=RAJASTHAN)
    assert (tax.taxable, tax.cgst, tax.sgst, tax.igst) == (Decimal(taxable), 0, 0, Decimal(igst))


def test_half_a_paisa_is_rounded_up():
    # 0.03 × 50 ÷ 150 = 0.01 exactly; 0.03 × 25 ÷ 150 = 0.005
    tax = tax_within(Decimal("0.03"), Decimal("50"), place=RAJASTHAN, home=RAJASTHAN)
    assert (tax.taxable, tax.cgst, tax.sgst) == (Decimal("0.01"), Decimal("0.01"), Decimal("0.01"))


@given(
    paise=st.integers(0, 9_999_999_999),
    rate=st.decimals(0, 100, places=2),
    place=st.sampled_from([RAJASTHAN, DELHI]),
)
def test_parts_add_up_and_are_exact_to_a_paisa(paise, rate, place):
    amount = Decimal(paise).scaleb(-2)
    tax = tax_within(amount, rate, place=place, home=RAJASTHAN)
    assert tax.taxable + tax.total == amount
    assert min(tax.taxable, tax.cgst, tax.sgst, tax.igst) >= 0
    assert tax.cgst == tax.sgst
    assert abs(tax.total - amount * rate / (100 + rate)) <= Decimal("0.01")
    assert all(
        part == part.quantize(Decimal("0.01"))
        for part in (tax.taxable, tax.cgst, tax.sgst, tax.igst)
    )
    assert sum((part for _name, part in tax.rows), tax.taxable) == amount


@pytest.mark.parametrize(
    ("place", "home", "rows"),
    [
        (RAJASTHAN, RAJASTHAN, [("CGST 9%", Decimal("7.63")), ("SGST 9%", Decimal("7.63"))]),
        (CHANDIGARH, CHANDIGARH, [("CGST 9%", Decimal("7.63")), ("UTGST 9%", Decimal("7.63"))]),
        (DELHI, DELHI, [("CGST 9%", Decimal("7.63")), ("SGST 9%", Decimal("7.63"))]),
        (DELHI, RAJASTHAN, [("IGST 18%", Decimal("15.25"))]),
    ],
)
def test_invoice_lists_the_taxes_of_its_place_of_supply(place, home, rows):
    assert tax_within(Decimal("100.00"), Decimal("18"), place=place, home=home).rows == rows


def test_place_of_supply_is_shown_with_its_code():
    tax = tax_within(Decimal("100.00"), Decimal("18"), place="08", home="27")
    assert tax.place_label == "Rajasthan (08)"
    assert SAC == "999293"


def test_place_of_supply_is_the_state_of_student_or_institute():
    assert place_of_supply(DELHI, RAJASTHAN) == DELHI
    assert place_of_supply("", RAJASTHAN) == RAJASTHAN


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        ("18", "18%"),
        ("18.00", "18%"),
        ("9.0", "9%"),
        ("2.50", "2.5%"),
        ("0.125", "0.125%"),
        ("20", "20%"),
        ("1E+1", "10%"),
    ],
)
def test_rate_is_shown_without_trailing_zeros(rate, words):
    assert percent(Decimal(rate)) == words


@pytest.mark.parametrize(
    ("amount", "rate", "place"),
    [
        ("-1.00", "18", "08"),
        ("0.001", "18", "08"),
        ("NaN", "18", "08"),
        ("100.00", "-1", "08"),
        ("100.00", "100.01", "08"),
        ("100.00", "NaN", "08"),
        ("100.00", "18", "99"),
        ("100.00", "18", ""),
    ],
)
def test_invalid_amounts_rates_and_states_are_refused(amount, rate, place):
    with pytest.raises(ValueError):
        tax_within(Decimal(amount), Decimal(rate), place=place, home="08")


# The first is the example of python-stdnum's documentation, the others of public API documentation.
REAL = ["27AAPFU0939F1ZV", "37AADCB2230M2ZR", "29AAGCB7383J1Z4", "27AAACT2727Q1ZW"]


@pytest.mark.parametrize("gstin", REAL)
def test_valid_gstin_is_accepted(gstin):
    validate_gstin(gstin)
    assert gstin_check_digit(gstin[:14]) == gstin[14]


@pytest.mark.parametrize("gstin", REAL)
def test_each_wrong_character_of_a_gstin_is_noticed(gstin):
    for at, right in enumerate(gstin):
        for wrong in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ":
            if wrong != right:
                with pytest.raises(ValidationError):
                    validate_gstin(gstin[:at] + wrong + gstin[at + 1 :])


@pytest.mark.parametrize(
    ("gstin", "sentence"),
    [
        ("", "15 capital letters and digits"),
        ("27AAPFU0939F1Z", "15 capital letters and digits"),
        ("27aapfu0939f1zv", "15 capital letters and digits"),
        ("27AAPFU0939F1ZV\n", "15 capital letters and digits"),
        ("२७AAPFU0939F1ZV", "15 capital letters and digits"),
        ("27AAPFU0939F0ZV", "15 capital letters and digits"),
        ("99AAPFU0939F1ZV", "99 is not one"),
        ("27AAPFU0939F1ZW", "typing error"),
    ],
)
def test_invalid_gstin_is_refused_with_a_message(gstin, sentence):
    with pytest.raises(ValidationError, match=sentence):
        validate_gstin(gstin)
