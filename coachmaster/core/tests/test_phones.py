import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from coachmaster.core.phones import clean_phone, display_phone, phone_url, whatsapp_number


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("98765 43210", "9876543210"),
        ("098765-43210", "9876543210"),
        ("+91 98765 43210", "9876543210"),
        ("919876543210", "9876543210"),
        ("(044) 2345 6789", "4423456789"),
        ("९८७६५ ४३२१०", "9876543210"),
        ("+971 50 123 4567", "+971501234567"),
        ("00971 50 123 4567", "+971501234567"),
        ("234 5678", "2345678"),
        ("", ""),
    ],
)
def test_phone_number_is_stored_in_one_spelling(typed, stored):
    assert clean_phone(typed) == stored
    assert clean_phone(stored) == stored


@pytest.mark.parametrize(
    "typed",
    [
        "1",
        "none",
        "9876543210 (father)",
        "98765 43210 / 91234 56780",
        "98765 43210, 91234 56780",
        "98765 43210 #12",
        "+91 98765 43210 98765",
    ],
)
def test_text_that_is_not_one_phone_number_is_refused(typed):
    with pytest.raises(ValidationError, match="Enter a phone number"):
        clean_phone(typed)


def test_phone_numbers_are_shown_in_groups():
    assert display_phone("9876543210") == "98765 43210"
    assert display_phone("4423456789") == "44 2345 6789"
    assert display_phone("+971501234567") == "+971 50 123 4567"
    assert display_phone("2345678") == "2345678"


def test_phone_links_have_the_country_code():
    assert phone_url("9876543210") == "tel:+919876543210"
    assert phone_url("+971501234567") == "tel:+971501234567"
    assert phone_url("2345678") == "tel:2345678"


def test_only_mobile_numbers_have_whatsapp():
    assert whatsapp_number("9876543210") == "919876543210"
    assert whatsapp_number("+971501234567") == "971501234567"
    assert whatsapp_number("4423456789") == whatsapp_number("2345678") == whatsapp_number("") == ""


def test_unknown_phone_region_fails_the_system_check(settings):
    settings.PHONE_REGION = "India"

    with pytest.raises(CommandError, match="PHONE_REGION"):
        call_command("check")
