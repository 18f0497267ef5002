"""The entries of a day. A receipt cancelled later stays on its own day."""

import datetime
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count, Sum

from coachmaster.core.exports import CellType, ExportColumn
from coachmaster.core.money import ZERO
from finance.models import Mode, Payment, Refund, Reversal

#: The name for entries without a person, which were imported at the shell.
IMPORTED = "Imported"


@dataclass
class PersonReceipts:
    name: str
    amounts: dict = field(default_factory=lambda: defaultdict(lambda: ZERO))
    receipts: int = 0

    @property
    def total(self):
        return sum(self.amounts.values(), ZERO)

    def cells(self):
        return [self.amounts[mode] for mode in Mode]


@dataclass
class Cancellation:
    """A cancelled receipt, a bounced cheque or a refund."""

    label: str
    number: str
    payment_id: int
    receipt_number: str
    paid_on: datetime.date
    student: str
    admission_number: str
    mode: str
    amount: Decimal
    by: int | None
    by_name: str | None
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
        self.names = {}
        self.received = self._received()
        self.cancellations = self._of_person(self._cancellations())
        self.refunds = self._of_person(self._refunds())

    def _received(self):
        groups = Payment.objects.filter(booked_on=self.on).values_list(
            "received_by", "received_by__full_name", "mode"
        )
        sums = groups.annotate(Sum("amount"), Count("pk"))
        rows = {}
        for key, name, mode, amount, number in sums.order_by(
            "received_by__full_name", "received_by", "mode"
        ):
            self.names[key] = name or IMPORTED
            if self.person in (None, key):
                row = rows.setdefault(key, PersonReceipts(self.names[key]))
                row.amounts[Mode(mode)] += amount
                row.receipts += number
        return list(rows.values())

    def _cancellations(self):
        reversals = Reversal.objects.filter(booked_on=self.on).select_related(
            "payment__student__user", "voided_by"
        )
        for reversal in reversals.order_by("payment__receipt_number"):
            payment = reversal.payment
            yield _cancellation(
                payment,
                label=reversal.label,
                number=payment.receipt_number,
                mode=payment.mode,
                amount=payment.amount,
                by=reversal.voided_by,
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
                reason=refund.reason,
            )

    def _of_person(self, rows):
        rows = list(rows)
        self.names |= {row.by: row.by_name or IMPORTED for row in rows}
        return [row for row in rows if self.person in (None, row.by)]

    @property
    def people(self):
        people = ((key, name) for key, name in self.names.items() if key)
        return sorted(people, key=lambda pair: pair[1])

    def payments(self):
        return receipts_on(self.on, self.person)

    @property
    def total(self):
        total = PersonReceipts("Total")
        for row in self.received:
            total.receipts += row.receipts
            for mode, amount in row.amounts.items():
                total.amounts[mode] += amount
        return total

    @property
    def cancelled_total(self):
        return sum((row.amount for row in self.cancellations), ZERO)

    @property
    def refunded_total(self):
        return sum((refund.amount for refund in self.refunds), ZERO)

    @property
    def net(self):
        return self.total.total - self.cancelled_total - self.refunded_total

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


def receipts_on(on, person=None):
    payments = Payment.objects.filter(booked_on=on)
    return payments if person is None else payments.filter(received_by=person)


def _cancellation(payment, *, by, **fields):
    student = payment.student
    return Cancellation(
        payment_id=payment.pk,
        receipt_number=payment.receipt_number,
        paid_on=payment.paid_on,
        student=student.user.full_name,
        admission_number=student.admission_number,
        by=by and by.pk,
        by_name=by and by.full_name,
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
