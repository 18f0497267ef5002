"""Amounts of money: Decimal rupees in Python, whole paise in the database."""

import functools
import re
from decimal import ROUND_HALF_UP, Decimal

from django.core.exceptions import ValidationError

ZERO = Decimal("0.00")
PAISA = Decimal("0.01")
#: The largest amount in one row, ₹9,99,99,999.99; more is taken for a typing error.
LIMIT = Decimal("99999999.99")
MINUS_SIGNS = ("-", "\N{MINUS SIGN}")


def to_paise(amount):
    """Raise ValueError for parts of a paisa, infinity or NaN."""
    amount = Decimal(amount)
    if not amount.is_finite():
        raise ValueError(f"{amount} is not an amount of money")
    paise = amount * 100
    if paise != paise.to_integral_value():
        raise ValueError(f"{amount} has parts of a paisa")
    return int(paise)


# Lists repeat the same amounts.
@functools.lru_cache(maxsize=10_000)
def from_paise(paise):
    return Decimal(int(paise)).scaleb(-2)


# Without commas, with Indian commas (12,34,567), or with commas in threes (1,234,567).
_AMOUNT = re.compile(
    r"(?P<rupees>[0-9]+|[0-9]{1,2}(,[0-9]{2})*,[0-9]{3}|[0-9]{1,3}(,[0-9]{3})+)"
    r"(?P<paise>\.[0-9]{1,2})?"
)


def parse_amount(text):
    """Parse `₹ 1,25,000.50`, `Rs. 500` or `500/-`. Raise ValidationError."""
    text = str(text).strip()
    bare = re.sub(r"^(₹|rs\.?|inr)\s*", "", text, flags=re.IGNORECASE).removesuffix("/-").strip()
    if bare.startswith(MINUS_SIGNS):
        raise ValidationError("An amount cannot be negative.", code="negative")
    match = _AMOUNT.fullmatch(bare)
    if not match:
        raise ValidationError(
            "Enter an amount in rupees, like 5000, 1,25,000 or 499.50 (at most two decimals).",
            code="invalid",
        )
    rupees = match["rupees"].replace(",", "")
    if len(rupees.lstrip("0")) > 8:
        raise ValidationError(
            f"This is more than {display(LIMIT)}, the most that can be entered.", code="too_large"
        )
    return Decimal(rupees + (match["paise"] or "")).quantize(PAISA)


def split(total, count):
    """Split into equal amounts; odd paise go to the first ones."""
    each, odd = divmod(to_paise(total), count)
    return [from_paise(each + (part < odd)) for part in range(count)]


def split_in_proportion(total, weights):
    """Split in proportion to ``weights``; odd paise go where rounding took most."""
    total, weights = to_paise(total), [Decimal(weight) for weight in weights]
    whole = sum(weights)
    exact = [total * weight / whole for weight in weights]
    paise = [int(part) for part in exact]
    lost_most = sorted(range(len(paise)), key=lambda index: (paise[index] - exact[index], index))
    for index in lost_most[: total - sum(paise)]:
        paise[index] += 1
    return [from_paise(part) for part in paise]


def share(total, part, whole):
    """Return ``total`` × ``part`` ÷ ``whole``, rounded half up to a paisa."""
    return (Decimal(total) * part / whole).quantize(PAISA, rounding=ROUND_HALF_UP)


def grouped(number):
    """Return `1,23,45,678`."""
    digits = str(number)
    head, tail = digits[:-3], digits[-3:]
    groups = [tail]
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return ",".join(groups)


def plain(amount):
    return f"{amount:.2f}"


def display(amount):
    """Return `₹1,25,000.00` or `−₹500.00`."""
    paise = to_paise(amount)
    rupees, rest = divmod(abs(paise), 100)
    return f"{'−' if paise < 0 else ''}₹{grouped(rupees)}.{rest:02d}"


def short(amount):
    """Return `₹1,25,000`, with paise only where there are any."""
    return display(amount).removesuffix(".00")


_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]


_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def _below_hundred(number):
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")


def _number_in_words(number):
    if number == 0:
        return "zero"
    words = []
    for size, name in (
        (10_000_000, "crore"),
        (100_000, "lakh"),
        (1000, "thousand"),
        (100, "hundred"),
    ):
        count, number = divmod(number, size)
        if count:
            words.append(f"{_number_in_words(count)} {name}")
    if number:
        words.append(("and " if words else "") + _below_hundred(number))
    return " ".join(words)


def in_words(amount):
    """Return `Rupees twelve thousand and fifty and paise five only`."""
    rupees, paise = divmod(to_paise(amount), 100)
    words = f"Rupees {_number_in_words(rupees)}"
    if paise:
        words += f" and paise {_below_hundred(paise)}"
    return f"{words} only"
