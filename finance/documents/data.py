"""Receipts and fee statements on paper: PDFs set by typst from the templates in `typst/`.

What a paper says comes in as plain data: amounts are Decimal rupees, dates are dates, everything else is text that is
printed as it stands. So this module asks the database nothing, and can run in any thread or process.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum

from coachmaster.core.money import ZERO
from finance.gst import Tax


@dataclass(frozen=True)
class LetterheadData:
    """The institute at the top of a paper. The GSTIN is printed on statements, and on receipts with tax."""

    name: str
    address: str = ""
    phone: str = ""
    email: str = ""
    gstin: str = ""


@dataclass(frozen=True)
class ReceiptData:
    """What a receipt says.

    ``settled`` are pairs of what was settled and how much, which add up to ``amount``. ``reference`` is the bank's, or a
    cheque's number and date. With ``tax`` the paper is a tax invoice cum receipt, without it no word of tax is on it.
    ``check_url`` is where anyone can check the receipt. ``cancelled`` says when and why (`Cancelled on 5 Apr 2026:
    entered twice`), and the paper then says so across; ``given_back`` are sentences about refunds of it. A negative
    ``balance_after`` is an advance.
    """

    head: LetterheadData
    number: str
    paid_on: date
    student: str
    admission_number: str
    settled: Sequence[tuple[str, Decimal]]
    amount: Decimal
    mode: str
    balance_after: Decimal
    batch: str = ""
    reference: str = ""
    received_by: str = ""
    note: str = ""
    tax: Tax | None = None
    check_url: str = ""
    is_duplicate: bool = False
    cancelled: str = ""
    given_back: Sequence[str] = ()


class StatementTerm(Enum):
    """The four terms of a balance, as a statement adds them up; the values are its words."""

    CHARGES = "Fees and charges"
    CONCESSIONS = "Concessions"
    PAYMENTS = "Payments"
    REFUNDS = "Refunds"


@dataclass(frozen=True)
class StatementLine:
    """One act on a statement. ``amount`` is what it adds to the balance, in rupees: a charge, a reversal of a payment and
    a refund are positive; a payment, a concession and a cancelled charge are negative. ``term`` is the sum that it
    belongs to, a cancelled charge to the charges and a reversal to the payments. ``link`` is the page of its paper."""

    on: date
    what: str
    term: StatementTerm
    amount: Decimal
    reference: str = ""
    link: str = ""


@dataclass(frozen=True)
class StatementDue:
    """What of a charge is still open."""

    what: str
    due_on: date
    amount: Decimal


@dataclass(frozen=True)
class UpiPayment:
    """How to pay what is due now: the UPI id, the amount, and the link of `upi.payment_link` with both."""

    upi_id: str
    amount: Decimal
    link: str


@dataclass(frozen=True)
class StatementData:
    """What a fee statement says. ``lines`` come in order of date; the running balance and the sums follow from them.
    ``brought_forward`` is the balance before the first of them."""

    head: LetterheadData
    on: date
    student: str
    admission_number: str
    lines: Sequence[StatementLine]
    batch: str = ""
    guardian: str = ""
    brought_forward: Decimal = ZERO
    dues: Sequence[StatementDue] = field(default_factory=tuple)
    upi: UpiPayment | None = None
