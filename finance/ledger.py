"""Calculate dues: charges − concessions − payments + refunds = balance.

Cancelled rows do not count, and cheques only from the day they cleared. Payments are allocated to
the oldest charges first.
"""

import datetime
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from django.db.models import OuterRef, Sum

from coachmaster.core.compiled import compiled
from coachmaster.core.money import ZERO

from .due_amounts import DueAmounts
from .models import Account, Charge, ChargeKind, Concession, Payment, Refund, sum_of


@dataclass
class ChargeLine:
    """A charge as of the day ``on``, in rupees."""

    charge: Charge
    conceded: Decimal
    paid: Decimal
    on: datetime.date

    @property
    def net(self):
        return self.charge.amount - self.conceded

    @property
    def unpaid(self):
        return self.net - self.paid

    @property
    def is_overdue(self):
        return self.unpaid > ZERO and self.charge.due_on < self.on


@dataclass
class ShownLine:
    """A line of a page: a charge, or all late fees of a rule on an installment.

    ``parts`` are in the order in which payments settle them, with their place among all charges.
    """

    parts: dict[int, ChargeLine] = field(default_factory=dict)

    @property
    def lines(self):
        return list(self.parts.values())

    @property
    def charge(self):
        return self.lines[0].charge

    @property
    def amount(self):
        return sum((line.charge.amount for line in self.lines), ZERO)

    @property
    def conceded(self):
        return sum((line.conceded for line in self.lines), ZERO)

    @property
    def paid(self):
        return sum((line.paid for line in self.lines), ZERO)

    @property
    def unpaid(self):
        return sum((line.unpaid for line in self.lines), ZERO)

    @property
    def is_overdue(self):
        return any(line.is_overdue for line in self.lines)

    @property
    def unpaid_parts(self):
        """Return `3:40.00 7:20.00`, places and rupees, for the script of the payment form."""
        return " ".join(f"{place}:{line.unpaid}" for place, line in self.parts.items())


def shown_as(charge):
    """Return the key that charges of one ShownLine have in common."""
    if charge.kind == ChargeKind.LATE_FEE:
        return charge.late_for_id, charge.late_rule_id
    return charge.pk


@dataclass
class FeeStatus:
    """The dues and payments of a student as of the day ``on``, in rupees."""

    on: datetime.date
    total_fee: Decimal
    total_paid: Decimal  # less refunds
    conceded: Decimal = ZERO
    lines: list[ChargeLine] = field(default_factory=list)
    uncleared: Decimal = ZERO  # cheques that are not in `total_paid` yet

    @property
    def balance(self):
        """Negative if the student has paid in advance."""
        return self.total_fee - self.conceded - self.total_paid

    @property
    def advance(self):
        return max(-self.balance, ZERO)

    @property
    def amounts(self):
        return DueAmounts(
            self.on,
            ((line.charge.due_on, line.unpaid) for line in self.lines),
            advance=self.advance,
            uncleared=self.uncleared,
            has_fees=bool(self.total_fee or self.total_paid),
        )

    @property
    def overdue(self):
        return self.amounts.overdue

    @property
    def due_now(self):
        return self.amounts.due_now

    @property
    def shown_lines(self):
        shown = defaultdict(ShownLine)
        for place, line in enumerate(self.lines):
            shown[shown_as(line.charge)].parts[place] = line
        return list(shown.values())

    @property
    def next_due(self):
        return next((line for line in self.lines if line.unpaid > ZERO), None)

    @property
    def unpaid_enrollments(self):
        enrollments = (
            line.charge.enrollment
            for line in self.lines
            if line.unpaid and line.charge.kind == ChargeKind.TUITION
        )
        return list(dict.fromkeys(enrollments))

    @property
    def status(self):
        return self.amounts.status

    @property
    def is_part_paid(self):
        return self.total_paid > ZERO and self.balance > ZERO

    def after(self, amount, *, is_cleared=True):
        """Return the status after a payment; a cheque that ``is_cleared`` counts at once."""
        counted, waiting = (amount, ZERO) if is_cleared else (ZERO, amount)
        charges = [line.charge for line in self.lines]
        return calculate_status(
            charges, self.total_paid + counted, self.on, self.uncleared + waiting
        )

    @property
    def if_cleared(self):
        """The status if all cheques clear."""
        if not self.uncleared:
            return self
        charges = [line.charge for line in self.lines]
        return calculate_status(charges, self.total_paid + self.uncleared, self.on)


# The status of one student ------------------------------------------------------------------------


def fee_status(student, on, *, received=None):
    """Return the FeeStatus of ``student`` (a profile or an id) at the end of the day ``on``.

    ``received`` is the Received of the student, if it is known.
    """
    key = getattr(student, "pk", student)
    if received is None:
        received = received_from(key, on)
    charges = student_charges_as_of(students=[key], on=on)
    return calculate_status(charges, received.paid, on, received.uncleared)


def calculate_status(charges, paid, on, uncleared=ZERO):
    return FeeStatus(
        on=on,
        total_fee=sum((charge.amount for charge in charges), ZERO),
        conceded=sum((charge.conceded for charge in charges), ZERO),
        total_paid=paid,
        lines=allocate(charges, paid, on),
        uncleared=uncleared,
    )


def allocate(charges, paid, on):
    """Allocate ``paid`` rupees to ``charges``, which are ordered by due date."""
    lines = []
    for charge in charges:
        part = min(charge.amount - charge.conceded, max(paid, ZERO))
        paid -= part
        lines.append(ChargeLine(charge=charge, conceded=charge.conceded, paid=part, on=on))
    return lines


def allocate_payment(status, amount):
    """Return the (charge, rupees) pairs that ``amount`` pays; charge None: advance."""
    parts = []
    for line in status.lines:
        if amount > ZERO and line.unpaid > ZERO:
            part = min(line.unpaid, amount)
            parts.append((line.charge, part))
            amount -= part
    if amount > ZERO:
        parts.append((None, amount))
    return parts


# Charges and payments -----------------------------------------------------------------------------


@compiled  # 3.1 to 0.4 ms, with each payment, while the receipt series is locked
def active_charges(*, students):
    """Return the active charges of students (ids), oldest first, with ``conceded``."""
    conceded = sum_of(Concession.objects.active().filter(charge=OuterRef("pk")), by="charge")
    charges = Charge.objects.active().filter(student__in=students)
    charges = charges.select_related("enrollment__batch")
    return charges.annotate(conceded=conceded).order_by("due_on", "pk")


@compiled  # 3.7 to 0.7 ms, with each page of one student's fees
def student_charges_as_of(*, students, on):
    return charges_as_of(on).filter(student__in=students)


def charges_as_of(on):
    """Return the charges that were active on a day, oldest first, with ``conceded``."""
    return with_concessions(Charge.objects.as_of(on), on).order_by("due_on", "pk")


def with_concessions(charges, on):
    concessions = Concession.objects.as_of(on).filter(charge=OuterRef("pk"))
    return charges.select_related("enrollment__batch").annotate(
        conceded=sum_of(concessions, by="charge")
    )


class Received(NamedTuple):
    """In rupees: payments less refunds, and cheques that have not cleared."""

    paid: Decimal = ZERO
    uncleared: Decimal = ZERO


def received_by(payments):
    """Return the Received of ``payments`` `with_refunded`, loaded with reversal and clearing."""
    active = [payment for payment in payments if not payment.is_cancelled]
    return Received(
        sum((row.amount - row.refunded for row in active if row.is_cleared), ZERO),
        sum((row.amount for row in active if not row.is_cleared), ZERO),
    )


@compiled  # 2.2 to 0.1 ms, with each page of one student's fees
def _received(*, student, on):
    paid, refunded, uncleared = (
        sum_of(rows.filter(student=student))
        for rows in (
            Payment.objects.as_of(on),
            Refund.objects.as_of(on),
            Payment.objects.uncleared_as_of(on),
        )
    )
    return Account.objects.filter(pk=student).values_list(paid - refunded, uncleared)


def received_from(student, on):
    """Return the Received of a student (id) at the end of the day ``on``."""
    return next((Received(*row) for row in _received(student=student, on=on)), Received())


def amount_paid(student, on):
    """Return the payments of a student (id) less refunds at the end of the day ``on``."""
    return received_from(student, on).paid


def amounts_uncleared(students, on=None):
    """Return ``{student: rupees}`` of cheques, for up to some hundreds of ids."""
    cheques = Payment.objects.uncleared() if on is None else Payment.objects.uncleared_as_of(on)
    sums = cheques.filter(student__in=students).order_by().values_list("student")
    return defaultdict(lambda: ZERO, sums.annotate(Sum("amount")))


def amounts_paid(students, on=None):
    """Return ``{student: payments less refunds}`` for up to some hundreds of ids."""
    rows, paid = rows_by_term(on), dict.fromkeys(students, ZERO)
    # Grouped, because a subquery per student is slow on PostgreSQL just after many rows were
    # added, before its statistics are updated.
    for sign, term in ((1, "paid"), (-1, "refunded")):
        sums = rows[term].filter(student__in=students).order_by().values_list("student")
        for student, amount in sums.annotate(Sum("amount")):
            paid[student] += sign * amount
    return paid


def with_received(enrollments):
    """Annotate the payments less refunds of the student, and the cheques that have not cleared."""
    paid, refunded, uncleared = (
        sum_of(rows.filter(student=OuterRef("student")))
        for rows in (Payment.objects.counted(), Refund.objects.all(), Payment.objects.uncleared())
    )
    return enrollments.annotate(paid=paid - refunded, uncleared=uncleared)


# Totals of the institute --------------------------------------------------------------------------


def rows_by_term(on=None):
    """Return the querysets of the four terms of the equation."""
    if on is None:
        return {
            "charged": Charge.objects.active(),
            "conceded": Concession.objects.active(),
            "paid": Payment.objects.counted(),
            "refunded": Refund.objects.all(),
        }
    return {
        "charged": Charge.objects.as_of(on),
        "conceded": Concession.objects.as_of(on),
        "paid": Payment.objects.as_of(on),
        "refunded": Refund.objects.as_of(on),
    }


def institute_totals():
    terms = {
        term: rows.aggregate(total=Sum("amount"))["total"] or ZERO
        for term, rows in rows_by_term().items()
    }
    balance = terms["charged"] - terms["conceded"] - terms["paid"] + terms["refunded"]
    return {**terms, "balance": balance}
