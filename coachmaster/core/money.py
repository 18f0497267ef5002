"""What an amount of money is: a Decimal with two places in Python, whole paise in the database.

A decimal column on SQLite is a float, in which sums drift and "paid in full" may miss by a hair; an integer cannot.
Nothing outside this module knows about paise.
"""

import functools
import re
from decimal import ROUND_HALF_UP, Decimal

from django.core.exceptions import ValidationError

ZERO = Decimal("0.00")

PAISA = Decimal("0.01")


#: The largest amount one row may hold: ₹9,99,99,999.99 has eight digits before the point, and one more is a typing error.
LIMIT = Decimal("99999999.99")


def to_paise(amount):
    """``amount`` (rupees) as whole paise. Raises ValueError when it is not finite or has parts of a paisa."""
    amount = Decimal(amount)
    if not amount.is_finite():
        raise ValueError(f"{amount} is not an amount of money")
    paise = amount * 100
    if paise != paise.to_integral_value():
        raise ValueError(f"{amount} has parts of a paisa")
    return int(paise)


@functools.lru_cache(maxsize=10_000)
def from_paise(paise):
    """Whole paise as rupees with two places. The same amounts come again and again: remembered, they cost little."""
    return Decimal(int(paise)).scaleb(-2)


# Twelve digits, in threes and twos from the right (12,34,567) or in threes (1,234,567), or without commas.
_AMOUNT = re.compile(
    r"(?P<rupees>[0-9]+|[0-9]{1,2}(,[0-9]{2})*,[0-9]{3}|[0-9]{1,3}(,[0-9]{3})+)(?P<paise>\.[0-9]{1,2})?"
)


def parse_amount(text):
    """The amount a person wrote: `₹ 1,25,000.50`, `125000.5`, `Rs. 500`, `500/-`.

    Raises ValidationError with a sentence that says what to do. Only ASCII digits count: a look-alike from another
    script is refused rather than guessed.
    """
    text = str(text).strip()
    bare = re.sub(r"^(₹|rs\.?|inr)\s*", "", text, flags=re.IGNORECASE).removesuffix("/-").strip()
    if bare.startswith(("-", "\N{MINUS SIGN}")):
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
    """``total`` in ``count`` parts that add up to it again; odd paise go to the first ones."""
    each, odd = divmod(to_paise(total), count)
    return [from_paise(each + (part < odd)) for part in range(count)]


def split_in_proportion(total, weights):
    """``total`` in parts that are to each other as ``weights`` (amounts, not all zero) and add up to it again.

    No part is off by a paisa or more; odd paise go to the parts that lost most by rounding down, the first of equals.
    """
    total, weights = to_paise(total), [Decimal(weight) for weight in weights]
    whole = sum(weights)
    exact = [total * weight / whole for weight in weights]
    paise = [int(part) for part in exact]
    lost_most = sorted(range(len(paise)), key=lambda index: (paise[index] - exact[index], index))
    for index in lost_most[: total - sum(paise)]:
        paise[index] += 1
    return [from_paise(part) for part in paise]


def share(total, part, whole):
    """``total`` × ``part`` ÷ ``whole``, to the nearest paisa, half up."""
    return (Decimal(total) * part / whole).quantize(PAISA, rounding=ROUND_HALF_UP)


def grouped(number):
    """A whole number with Indian commas: the last three digits, then twos (12345678 → 1,23,45,678)."""
    digits = str(number)
    head, tail = digits[:-3], digits[-3:]
    groups = [tail]
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return ",".join(groups)


def plain(amount):
    """An amount without the sign of the rupee, for cells and CSV: `125000.00`."""
    return f"{amount:.2f}"


def display(amount):
    """An amount as people read it: `₹1,25,000.00`, `−₹500.00`."""
    paise = to_paise(amount)
    rupees, rest = divmod(abs(paise), 100)
    return f"{'−' if paise < 0 else ''}₹{grouped(rupees)}.{rest:02d}"


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
    """An amount as a receipt says it: `Rupees twelve thousand and fifty and paise five only`."""
    rupees, paise = divmod(to_paise(amount), 100)
    words = f"Rupees {_number_in_words(rupees)}"
    if paise:
        words += f" and paise {_below_hundred(paise)}"
    return f"{words} only"
