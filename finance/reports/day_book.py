"""The entries of a day. A receipt cancelled later stays on its own day."""

import datetime
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Case, Count, F, Min, Sum, When

from coachmaster.core.exports import CellType, ExportColumn
from coachmaster.core.money import ZERO
from finance.models import BulkActionRow, Mode, Payment, Refund, Reversal

#: The name for entries without a person, which were imported at the shell.
IMPORTED = "Imported"

#: The person whose receipts or drawer a cancellation reduces. A receipt that is cancelled in the
#: book of its own day was never in the drawer of another person than its receiver; later, the
#: person who cancels it has to find the money.
_HOLDER = Case(
    When(payment__booked_on=F("booked_on"), then="payment__received_by"), default="voided_by"
)


def _amounts():
    return defaultdict(lambda: ZERO)


@dataclass
class PersonReceipts:
    """What a person received, cancelled and refunded, by mode."""

    name: str
    person_id: int | None = None
    amounts: dict = field(default_factory=_amounts)
    cancelled: dict = field(default_factory=_amounts)
    refunded: dict = field(default_factory=_amounts)
    receipts: int = 0

    @property
    def total(self):
        return sum(self.amounts.values(), ZERO)

    @property
    def cancelled_total(self):
        return sum(self.cancelled.values(), ZERO)

    @property
    def refunded_total(self):
        return sum(self.refunded.values(), ZERO)

    def net_of(self, mode):
        return self.amounts[mode] - self.cancelled[mode] - self.refunded[mode]

    @property
    def net(self):
        return self.total - self.cancelled_total - self.refunded_total

    def cells(self):
        return [self.net_of(mode) for mode in Mode]

    def add(self, other):
        self.receipts += other.receipts
        for name in ("amounts", "cancelled", "refunded"):
            for mode, amount in getattr(other, name).items():
                getattr(self, name)[mode] += amount


@dataclass
class Cancellation:
    """A cancelled receipt, a bounced cheque or a refund; ``holder`` as in `_HOLDER`."""

    label: str
    number: str
    payment_id: int
    receipt_number: str
    paid_on: datetime.date
    student: str
    admission_number: str
    mode: str
    amount: Decimal
    by_name: str | None
    holder: int | None
    holder_name: str | None
    reason: str

    @property
    def mode_label(self):
        return Mode(self.mode).label


@dataclass
class DayBookEntry:
    """A row in files; cancellations and refunds are negative."""

    label: str
    number: str
    paid_on: datetime.date
    student: str
    admission_number: str
    mode: str
    amount: Decimal
    by: str
    note: str


class DayBook:
    """The day book of the day ``on``, or of one ``person`` (an id)."""

    def __init__(self, on, person=None):
        self.on, self.person = on, person
        self._rows = {}
        self._add_receipts()
        self.cancellations = self._of_person(self._cancellations(), "cancelled")
        self.refunds = self._of_person(self._refunds(), "refunded")

    def _row(self, key, name):
        return self._rows.setdefault(key, PersonReceipts(name or IMPORTED, key))

    def _add_receipts(self):
        groups = Payment.objects.filter(booked_on=self.on).values_list(
            "received_by", "received_by__full_name", "mode"
        )
        sums = groups.annotate(Sum("amount"), Count("pk"))
        for key, name, mode, amount, number in sums.order_by(
            "received_by__full_name", "received_by", "mode"
        ):
            row = self._row(key, name)
            row.amounts[Mode(mode)] += amount
            row.receipts += number

    def _cancellations(self):
        reversals = Reversal.objects.filter(booked_on=self.on).annotate(holder=_HOLDER)
        reversals = reversals.select_related(
            "payment__student__user", "payment__received_by", "voided_by"
        )
        for reversal in reversals.order_by("payment__receipt_number"):
            payment = reversal.payment
            is_receivers = reversal.holder == payment.received_by_id
            yield _cancellation(
                payment,
                label=reversal.label,
                number=payment.receipt_number,
                mode=payment.mode,
                amount=payment.amount,
                by=reversal.voided_by,
                holder=payment.received_by if is_receivers else reversal.voided_by,
                reason=reversal.reason,
            )

    def _refunds(self):
        refunds = Refund.objects.filter(booked_on=self.on).select_related(
            "payment__student__user", "refunded_by"
        )
        for refund in refunds.order_by("voucher_number"):
            yield _cancellation(
                refund.payment,
                label="Refund",
                number=refund.voucher_number,
                mode=refund.mode,
                amount=refund.amount,
                by=refund.refunded_by,
                holder=refund.refunded_by,
                reason=refund.reason,
            )

    def _of_person(self, cancellations, column):
        """Return the rows of the person; add them all to ``column`` of their holders."""
        cancellations = list(cancellations)
        for row in cancellations:
            amounts = getattr(self._row(row.holder, row.holder_name), column)
            amounts[Mode(row.mode)] += row.amount
        return [row for row in cancellations if self.person in (None, row.holder)]

    @property
    def received(self):
        """The people by name, those without receipts last."""
        return [row for row in self._rows.values() if self.person in (None, row.person_id)]

    @property
    def people(self):
        people = ((row.person_id, row.name) for row in self._rows.values() if row.person_id)
        return sorted(people, key=lambda pair: pair[1])

    def payments(self):
        return receipts_on(self.on, self.person)

    @property
    def total(self):
        total = PersonReceipts("Total")
        for row in self.received:
            total.add(row)
        return total

    @property
    def cancelled_total(self):
        return self.total.cancelled_total

    @property
    def refunded_total(self):
        return self.total.refunded_total

    @property
    def net(self):
        return self.total.net

    def entries(self):
        rows = self.payments().select_related("student__user", "received_by").order_by("pk")
        for payment in rows.iterator(500):
            student = payment.student
            yield DayBookEntry(
                "Receipt",
                payment.receipt_number,
                payment.paid_on,
                student.user.full_name,
                student.admission_number,
                payment.mode,
                payment.amount,
                str(payment.received_by or IMPORTED),
                payment.reference,
            )
        for row in [*self.cancellations, *self.refunds]:
            yield DayBookEntry(
                row.label,
                row.number,
                row.paid_on,
                row.student,
                row.admission_number,
                row.mode,
                -row.amount,
                row.by_name or IMPORTED,
                row.reason,
            )


def cash_before(person, on):
    """Return the cash that entries of ``person`` before the day ``on`` left, and their first day.

    Old books are left out: their cash was never in a drawer here.
    """
    old = BulkActionRow.objects.of_old_books(Payment).values("object_id")
    received = Payment.objects.filter(received_by=person, mode=Mode.CASH).exclude(pk__in=old)
    cancelled = Reversal.objects.annotate(holder=_HOLDER).filter(
        holder=person.pk, payment__mode=Mode.CASH
    )
    cancelled = cancelled.exclude(payment__in=old)
    refunded = Refund.objects.filter(refunded_by=person, mode=Mode.CASH)
    cash, days = ZERO, []
    for rows, amount, sign in (
        (received, "amount", 1),
        (cancelled, "payment__amount", -1),
        (refunded, "amount", -1),
    ):
        found = rows.filter(booked_on__lt=on).aggregate(sum=Sum(amount), first=Min("booked_on"))
        cash += sign * (found["sum"] or ZERO)
        days.append(found["first"])
    return cash, min(filter(None, days), default=None)


def receipts_on(on, person=None):
    payments = Payment.objects.filter(booked_on=on)
    return payments if person is None else payments.filter(received_by=person)


def _cancellation(payment, *, by, holder, **fields):
    student = payment.student
    return Cancellation(
        payment_id=payment.pk,
        receipt_number=payment.receipt_number,
        paid_on=payment.paid_on,
        student=student.user.full_name,
        admission_number=student.admission_number,
        by_name=by and by.full_name,
        holder=holder and holder.pk,
        holder_name=holder and holder.full_name,
        **fields,
    )


COLUMNS = [
    ExportColumn("Entry", CellType.TEXT, lambda entry: entry.label),
    ExportColumn("Number", CellType.TEXT, lambda entry: entry.number),
    ExportColumn("Paid on", CellType.DATE, lambda entry: entry.paid_on),
    ExportColumn("Student", CellType.TEXT, lambda entry: entry.student),
    ExportColumn("Admission number", CellType.TEXT, lambda entry: entry.admission_number),
    ExportColumn("Mode", CellType.TEXT, lambda entry: Mode(entry.mode).label),
    ExportColumn("Amount", CellType.AMOUNT, lambda entry: entry.amount),
    ExportColumn("By", CellType.TEXT, lambda entry: entry.by),
    ExportColumn("Reference or reason", CellType.TEXT, lambda entry: entry.note),
]
