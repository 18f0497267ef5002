"""Contents of receipts and statements: amounts in rupees, text that is printed unchanged."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum

from coachmaster.core.images import Picture
from coachmaster.core.money import ZERO
from finance.gst import Tax


@dataclass(frozen=True)
class LetterheadData:
    """The GSTIN is printed on statements, and on receipts with tax."""

    name: str
    address: str = ""
    phone: str = ""
    email: str = ""
    gstin: str = ""
    logo: Picture | None = None


@dataclass(frozen=True)
class ReceiptData:
    """Contents of a receipt; with ``tax``, of a tax invoice cum receipt.

    ``lines`` are pairs of a label and an amount that add up to ``amount``. A negative
    ``balance_after`` is an advance; ``dues_after`` says when it is due. ``cancelled`` is the
    sentence with date and reason, empty for a valid receipt; ``refunds`` are sentences too.
    """

    head: LetterheadData
    number: str
    paid_on: date
    student: str
    admission_number: str
    lines: Sequence[tuple[str, Decimal]]
    amount: Decimal
    mode: str
    balance_after: Decimal
    dues_after: str = ""
    batch: str = ""
    reference: str = ""
    clearing: str = ""
    received_by: str = ""
    note: str = ""
    tax: Tax | None = None
    check_url: str = ""
    is_duplicate: bool = False
    cancelled: str = ""
    refunds: Sequence[str] = ()


class StatementTerm(Enum):
    CHARGES = "Fees and charges"
    CONCESSIONS = "Concessions"
    PAYMENTS = "Payments"
    REFUNDS = "Refunds"


@dataclass(frozen=True)
class StatementLine:
    """One entry of a statement.

    ``amount`` is added to the balance: positive for charges, refunds and cancelled receipts,
    negative for payments, concessions and cancelled charges. A cancelled entry has the ``term`` of
    the entry it cancels. ``link`` is the page of the receipt or voucher. Late fees in a row with
    the same ``late_fee`` are one entry.
    """

    on: date
    label: str
    term: StatementTerm
    amount: Decimal
    reference: str = ""
    link: str = ""
    late_fee: object = None


@dataclass(frozen=True)
class StatementDue:
    """An unpaid charge; ``parts`` are its due dates and amounts if there are several."""

    label: str
    due_on: date
    amount: Decimal
    parts: Sequence[tuple[date, Decimal]] = ()


@dataclass(frozen=True)
class UpiPayment:
    """How to pay the dues; ``link`` opens a UPI app with the amount filled in."""

    upi_id: str
    amount: Decimal
    link: str


@dataclass(frozen=True)
class StatementData:
    """Contents of a fee statement; ``lines`` are in order of date."""

    head: LetterheadData
    on: date
    student: str
    admission_number: str
    lines: Sequence[StatementLine]
    batch: str = ""
    guardian: str = ""
    brought_forward: Decimal = ZERO
    dues: Sequence[StatementDue] = field(default_factory=tuple)
    uncleared: Decimal = ZERO  # cheques that are not among the lines
    upi: UpiPayment | None = None
