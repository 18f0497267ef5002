"""Calculate the goods and services tax (GST) included in fees."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from coachmaster.core.money import PAISA, ZERO, to_paise
from coachmaster.core.states import State

#: Services accounting code: commercial training and coaching services.
SAC = "999293"

#: Union territories without a legislature charge UTGST instead of SGST (UTGST Act 2017, sections
#: 1(2) and 2(8)).
_UNION_TERRITORIES = {
    State.CHANDIGARH,
    State.DADRA_DAMAN_DIU,
    State.LAKSHADWEEP,
    State.ANDAMAN_AND_NICOBAR,
    State.LADAKH,
}


@dataclass(frozen=True)
class Tax:
    """An amount (rupees) that includes tax. The rate is in percent.

    Within the home state the tax is half CGST, half SGST (or UTGST), otherwise it is IGST.
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
        return self.cgst + self.sgst + self.igst

    @property
    def place_label(self) -> str:
        return f"{self.place.label} ({self.place.value})"

    @property
    def rows(self) -> list[tuple[str, Decimal]]:
        if self.place != self.home:
            return [(f"IGST {percent(self.rate)}", self.igst)]
        half = percent(self.rate / 2)
        state_tax = "UTGST" if self.home in _UNION_TERRITORIES else "SGST"
        return [(f"CGST {half}", self.cgst), (f"{state_tax} {half}", self.sgst)]


def percent(rate: Decimal) -> str:
    """Format a rate: `9%`, `2.5%`."""
    text = f"{rate:f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def tax_within(amount: Decimal, rate: Decimal, *, place: str, home: str) -> Tax:
    """Return the Tax included in ``amount`` (rupees) at ``rate`` (percent).

    Each tax is rounded to the nearest paisa, half a paisa up; the rest is the taxable value. Raise
    ValueError for an invalid amount, rate or state.
    """
    if to_paise(amount) < 0:
        raise ValueError(f"{amount} is negative")
    if not (rate.is_finite() and 0 <= rate <= 100):
        raise ValueError(f"{rate} is not a rate from 0 to 100 percent")
    there, here = State(place), State(home)

    def tax_at(part):
        return (amount * part / (100 + rate)).quantize(PAISA, rounding=ROUND_HALF_UP)

    if there == here:
        half = tax_at(rate / 2)
        return Tax(amount, rate, there, here, taxable=amount - 2 * half, cgst=half, sgst=half)
    whole = tax_at(rate)
    return Tax(amount, rate, there, here, taxable=amount - whole, igst=whole)


def place_of_supply(student_state: str, home: str) -> str:
    """Return the recorded state of the student, otherwise that of the institute.

    Sources: IGST Act 2017, sections 12(2)(b) and 12(5)(b). Classroom teaching is supplied where it
    takes place, so a state is recorded only for online courses.
    """
    return student_state or home
