"""A day at the desk: what was received in which mode and by whom, voids and refunds apart; and its close.

An entry stands in the book of its ``booked_on``, and stays there: a receipt that is voided later counts on its own day,
and the void on the day of the void.
"""

import datetime
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count, Sum

from coachmaster.core.exports import Column, Kind
from coachmaster.core.money import ZERO
from finance.models import Mode, Payment, Refund, Reversal

#: Who has recorded what no person has: the commands that bring in files.
IMPORTED = "Imported"


@dataclass
class PersonReceipts:
    """What one person received on a day, in rupees by mode."""

    name: str
    amounts: dict = field(default_factory=lambda: defaultdict(lambda: ZERO))
    receipts: int = 0

    @property
    def total(self):
        """In all modes together."""
        return sum(self.amounts.values(), ZERO)

    def cells(self):
        """The amounts in the order of the modes."""
        return [self.amounts[mode] for mode in Mode]


@dataclass
class Cancellation:
    """A void, a bounced cheque or a refund: of which payment, by whom and why."""

    what: str
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
        """How the money was received, or given back."""
        return Mode(self.mode).label


#: What the reversals of each kind are called.
REVERSAL_LABELS = {Reversal.Kind.VOID: "Void", Reversal.Kind.BOUNCED: "Bounced"}


def _cancellation(what, number, payment, mode, amount, by, reason):
    student = payment.student
    return Cancellation(
        what,
        number,
        payment.pk,
        payment.receipt_number,
        payment.paid_on,
        student.user.full_name,
        student.admission_number,
        mode,
        amount,
        by and by.pk,
        by and by.full_name,
        reason,
    )


def receipts_on(on, person):
    """The payments that stand in the book of that day, voided ones included; of one ``person`` (a key) alone when given."""
    found = Payment.objects.filter(booked_on=on)
    return found if person is None else found.filter(received_by=person)


class DayBook:
    """The book of the day ``on``; of one ``person`` (an id) alone when given. Three queries, however many entries."""

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
        found = {}
        for key, name, mode, amount, number in sums.order_by(
            "received_by__full_name", "received_by", "mode"
        ):
            self.names[key] = name or IMPORTED
            if self.person in (None, key):
                row = found.setdefault(key, PersonReceipts(self.names[key]))
                row.amounts[Mode(mode)] += amount
                row.receipts += number
        return list(found.values())

    def _cancellations(self):
        rows = Reversal.objects.filter(booked_on=self.on).select_related(
            "payment__student__user", "voided_by"
        )
        for row in rows.order_by("payment__receipt_number"):
            paid = row.payment
            yield _cancellation(
                REVERSAL_LABELS[row.kind],
                paid.receipt_number,
                paid,
                paid.mode,
                paid.amount,
                row.voided_by,
                row.reason,
            )

    def _refunds(self):
        rows = Refund.objects.filter(booked_on=self.on).select_related(
            "payment__student__user", "refunded_by"
        )
        for row in rows.order_by("voucher_number"):
            yield _cancellation(
                "Refund",
                row.voucher_number,
                row.payment,
                row.mode,
                row.amount,
                row.refunded_by,
                row.reason,
            )

    def _of_person(self, undone):
        """Return a list of ``undone`` by the person that was asked for, after noting everybody's names."""
        rows = list(undone)
        self.names |= {row.by: row.by_name or IMPORTED for row in rows}
        return [row for row in rows if self.person in (None, row.by)]

    @property
    def people(self):
        """Who made an entry: pairs of a key and a name."""
        return sorted(
            ((key, name) for key, name in self.names.items() if key), key=lambda pair: pair[1]
        )

    def payments(self):
        """The payments of the receipts, voided ones included."""
        return receipts_on(self.on, self.person)

    @property
    def total(self):
        """What everybody received together."""
        together = PersonReceipts("Together")
        for row in self.received:
            together.receipts += row.receipts
            for mode, amount in row.amounts.items():
                together.amounts[mode] += amount
        return together

    @property
    def cancelled_total(self):
        """The sum of the voids."""
        return sum((void.amount for void in self.cancellations), ZERO)

    @property
    def refunded_total(self):
        """The sum of the refunds."""
        return sum((refund.amount for refund in self.refunds), ZERO)

    @property
    def net(self):
        """What the day brought."""
        return self.total.total - self.cancelled_total - self.refunded_total

    def entries(self):
        """Every entry as an Entry, the receipts first, one by one."""
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
        for one in [*self.cancellations, *self.refunds]:
            yield DayBookEntry(
                one.what,
                one.number,
                one.paid_on,
                one.student,
                one.admission_number,
                one.mode,
                -one.amount,
                one.by_name or IMPORTED,
                one.reason,
            )


@dataclass
class DayBookEntry:
    """One line of a day book as a file; voids and refunds are negative."""

    what: str
    number: str
    paid_on: datetime.date
    student: str
    admission_number: str
    mode: str
    amount: Decimal
    by: str
    note: str


COLUMNS = [
    Column("Entry", Kind.TEXT, lambda entry: entry.what),
    Column("Number", Kind.TEXT, lambda entry: entry.number),
    Column("Paid on", Kind.DAY, lambda entry: entry.paid_on),
    Column("Student", Kind.TEXT, lambda entry: entry.student),
    Column("Admission number", Kind.TEXT, lambda entry: entry.admission_number),
    Column("Mode", Kind.TEXT, lambda entry: Mode(entry.mode).label),
    Column("Amount", Kind.AMOUNT, lambda entry: entry.amount),
    Column("By", Kind.TEXT, lambda entry: entry.by),
    Column("Reference or reason", Kind.TEXT, lambda entry: entry.note),
]
