"""Goods and services tax on fees that include it, exact to the paisa.

Commercial coaching is taxed under SAC 999293. An institute without a GSTIN charges no tax and asks nothing here.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from coachmaster.core.money import PAISA, ZERO, to_paise
from coachmaster.core.statuses import State

#: Services accounting code: commercial training and coaching services.
SAC = "999293"

#: Union territories without a legislature charge UTGST in the place of SGST (UTGST Act 2017, section 1(2) and 2(8)).
_UNION_TERRITORIES = {
    State.CHANDIGARH,
    State.DADRA_DAMAN_DIU,
    State.LAKSHADWEEP,
    State.ANDAMAN_AND_NICOBAR,
    State.LADAKH,
}


@dataclass(frozen=True)
class Tax:
    """The parts of an amount that includes tax; they add up to it. Amounts in rupees, the rate in per cent.

    ``place`` is the state of supply and ``home`` the institute's. Where they are one the tax is CGST and SGST (or
    UTGST) by halves, else it is IGST.
    """

    amount: Decimal
    rate: Decimal
    place: State
    home: State
    taxable: Decimal
    cgst: Decimal = ZERO
    sgst: Decimal = ZERO
    igst: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """The whole tax."""
        return self.cgst + self.sgst + self.igst

    @property
    def place_label(self) -> str:
        """The place of supply as an invoice names it: `Rajasthan (08)`."""
        return f"{self.place.label} ({self.place.value})"

    @property
    def rows(self) -> list[tuple[str, Decimal]]:
        """The taxes as an invoice lists them: pairs of a name (`CGST 9%`) and an amount."""
        if self.place != self.home:
            return [(f"IGST {percent(self.rate)}", self.igst)]
        half = percent(self.rate / 2)
        state_tax = "UTGST" if self.home in _UNION_TERRITORIES else "SGST"
        return [(f"CGST {half}", self.cgst), (f"{state_tax} {half}", self.sgst)]


def percent(rate: Decimal) -> str:
    """A rate as people write it: `9%`, `2.5%`."""
    text = f"{rate:f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def tax_within(amount: Decimal, rate: Decimal, *, place: str, home: str) -> Tax:
    """What of ``amount`` (rupees, tax included) is tax at ``rate`` (per cent), for an institute in the state ``home``.

    Each tax is worked out by itself and rounded to the nearest paisa, half a paisa up; what is left is the taxable
    value. So the parts always add up to the amount, and CGST and SGST are always equal: an odd paisa never has to be
    given to one of them, it stays in the taxable value.

    Raises ValueError for a negative amount, parts of a paisa, a rate that is not from 0 to 100, or an unknown state.
    """
    if to_paise(amount) < 0:
        raise ValueError(f"{amount} is negative, and tax is taken of what was received")
    if not (rate.is_finite() and 0 <= rate <= 100):
        raise ValueError(f"{rate} is no rate from 0 to 100 per cent")
    there, here = State(place), State(home)

    def part(of_rate):
        return (amount * of_rate / (100 + rate)).quantize(PAISA, rounding=ROUND_HALF_UP)

    if there == here:
        half = part(rate / 2)
        return Tax(amount, rate, there, here, taxable=amount - 2 * half, cgst=half, sgst=half)
    whole = part(rate)
    return Tax(amount, rate, there, here, taxable=amount - whole, igst=whole)


def place_of_supply(student_state: str, home: str) -> str:
    """The state whose tax it is: the student's as recorded, else the institute's (``home``).

    IGST Act 2017, section 12(2)(b): for a recipient who is not registered it is the state of the address on record. What
    is taught in a classroom is taxed where it is taught (section 12(5)(b)); so a student's state is recorded only where
    it is not the institute's and matters, as for courses taught online.
    """
    return student_state or home
