"""The one equation, and everything that follows from it.

    charges − concessions − payments + refunds = balance

Rows that were cancelled or voided are left out. Payments settle the oldest due charge first; nothing stores that
allocation, it follows from the dates.
"""

import datetime
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import models
from django.db.models import Count, OuterRef, Q, Sum

from coachmaster.core.compiled import compiled
from coachmaster.core.money import ZERO

from .models import Account, Charge, Concession, Payment, Refund, sum_of


def rows_by_term(on):
    """The rows of each term of the equation; with ``on``, as of that day."""
    if on is None:
        return {
            "charged": Charge.objects.active(),
            "conceded": Concession.objects.active(),
            "paid": Payment.objects.active(),
            "refunded": Refund.objects.all(),
        }
    return {
        "charged": Charge.objects.as_of(on),
        "conceded": Concession.objects.as_of(on),
        "paid": Payment.objects.as_of(on),
        "refunded": Refund.objects.as_of(on),
    }


def with_amount_paid(enrollments):
    """``enrollments`` with ``paid``, what `paid_by` says of their student now, for `fee_status`."""
    paid, refunded = (
        sum_of(rows.filter(student=OuterRef("student")))
        for rows in (Payment.objects.active(), Refund.objects.all())
    )
    return enrollments.annotate(paid=paid - refunded)


def amounts_paid(students, on=None):
    """Return ``{student: rupees paid, less refunds}`` for some hundreds of ids; with ``on``, by the end of that day."""
    rows, paid = rows_by_term(on), dict.fromkeys(students, ZERO)
    # Grouped: a subquery a student would be slow on PostgreSQL right after many rows were added, of which its planner
    # knows nothing yet.
    for sign, term in ((1, "paid"), (-1, "refunded")):
        sums = (
            rows[term]
            .filter(student__in=students)
            .order_by()
            .values_list("student")
            .annotate(Sum("amount"))
        )
        for student, amount in sums:
            paid[student] += sign * amount
    return paid


class PaymentStatus(models.TextChoices):
    """How a student stands with their fees."""

    ADVANCE = "advance", "In advance"
    PAID = "paid", "Paid"
    OVERDUE = "overdue", "Overdue"
    DUE = "due", "Due today"
    UPCOMING = "upcoming", "Upcoming"


@dataclass
class ChargeLine:
    """One charge, what was taken off it, and how far the rest is settled. Amounts in rupees."""

    charge: Charge
    conceded: Decimal
    paid: Decimal
    on: datetime.date

    @property
    def net(self):
        """What is to be paid for it."""
        return self.charge.amount - self.conceded

    @property
    def unpaid(self):
        """What is still owed of it."""
        return self.net - self.paid

    @property
    def is_overdue(self):
        """Whether something of it was owed before the day asked about."""
        return self.unpaid > ZERO and self.charge.due_on < self.on


@dataclass
class FeeStatus:
    """What a student owes and has paid on a day. Amounts in rupees."""

    on: datetime.date
    total_fee: Decimal
    total_paid: Decimal  # less what was given back
    conceded: Decimal = ZERO
    lines: list[ChargeLine] = field(default_factory=list)

    @property
    def balance(self):
        """What is owed in all; below zero when more was paid."""
        return self.total_fee - self.conceded - self.total_paid

    @property
    def advance(self):
        """What was paid beyond everything owed."""
        return max(-self.balance, ZERO)

    @property
    def overdue(self):
        """What was owed before today."""
        return sum((line.unpaid for line in self.lines if line.charge.due_on < self.on), ZERO)

    @property
    def due_now(self):
        """What is owed up to today, overdue or not."""
        return sum((line.unpaid for line in self.lines if line.charge.due_on <= self.on), ZERO)

    @property
    def next_due(self):
        """The first line with something open, or None."""
        return next((line for line in self.lines if line.unpaid > ZERO), None)

    @property
    def unpaid_enrollments(self):
        """The enrollments of which installments are open, each once."""
        return list(
            {
                line.charge.enrollment: 1
                for line in self.lines
                if line.unpaid and line.charge.kind == "tuition"
            }
        )

    @property
    def status(self):
        """One word for it."""
        if self.balance < ZERO:
            return PaymentStatus.ADVANCE
        if self.balance == ZERO:
            return PaymentStatus.PAID
        if self.overdue > ZERO:
            return PaymentStatus.OVERDUE
        return PaymentStatus.DUE if self.due_now > ZERO else PaymentStatus.UPCOMING

    @property
    def is_part_paid(self):
        """Whether something was paid and something is still owed."""
        return self.total_paid > ZERO and self.balance > ZERO

    def after(self, amount):
        """How the student stands once a further ``amount`` rupees is paid."""
        return calculate_status(
            [line.charge for line in self.lines], self.total_paid + amount, self.on
        )


def allocate(charges, paid, on):
    """Lines for ``charges`` (in order of due date, each with ``conceded``), settled by ``paid`` rupees, the oldest first."""
    lines = []
    for charge in charges:
        settled = min(charge.amount - charge.conceded, max(paid, ZERO))
        paid -= settled
        lines.append(ChargeLine(charge=charge, conceded=charge.conceded, paid=settled, on=on))
    return lines


@compiled  # 2.2 to 0.1 ms, with each page of one student's fees
def _amount_paid(*, student, on):
    paid, refunded = (
        sum_of(rows.as_of(on).filter(student=student)) for rows in (Payment.objects, Refund.objects)
    )
    return Account.objects.filter(pk=student).values_list(paid - refunded, flat=True)


def amount_paid(student, on):
    """Return what the student with that id had paid by the end of the day ``on``, less refunds, in rupees."""
    return next(iter(_amount_paid(student=student, on=on)), ZERO)


@compiled  # 3.7 to 0.7 ms, with each page of one student's fees
def student_charges_as_of(*, students, on):
    """Return what `charges_standing` says of these students (ids)."""
    return charges_as_of(on).filter(student__in=students)


def fee_status(student, on, *, paid=None):
    """Return the FeeStatus of ``student`` (a record or an id) at the end of the day ``on``.

    ``paid`` saves a query: what `paid_by` would say, from a caller who has loaded payments and refunds.
    """
    key = getattr(student, "pk", student)
    if paid is None:
        paid = amount_paid(key, on)
    return calculate_status(student_charges_as_of(students=[key], on=on), paid, on)


@compiled  # 3.1 to 0.4 ms, with each payment, while the receipt series is locked
def active_charges(*, students):
    """Return the active charges of these students (ids), oldest first, with their batch and what is ``conceded`` of each."""
    conceded = sum_of(Concession.objects.active().filter(charge=OuterRef("pk")), by="charge")
    charges = (
        Charge.objects.active().filter(student__in=students).select_related("enrollment__batch")
    )
    return charges.annotate(conceded=conceded).order_by("due_on", "pk")


def charges_as_of(on):
    """The charges that stood on that day, in order of due date, with what was ``conceded`` of each by then."""
    return with_concessions(Charge.objects.as_of(on), on).order_by("due_on", "pk")


def with_concessions(charges, on):
    """``charges``, each with its batch and with what was ``conceded`` of it by that day."""
    return charges.select_related("enrollment__batch").annotate(
        conceded=sum_of(Concession.objects.as_of(on).filter(charge=OuterRef("pk")), by="charge")
    )


def calculate_status(charges, paid, on):
    """How a student stands who owes ``charges`` (in order of due date) and has paid ``paid`` rupees."""
    return FeeStatus(
        on=on,
        total_fee=sum((charge.amount for charge in charges), ZERO),
        conceded=sum((charge.conceded for charge in charges), ZERO),
        total_paid=paid,
        lines=allocate(charges, paid, on),
    )


def allocate_payment(status, amount):
    """What a further ``amount`` rupees would settle of ``status``: pairs of a charge (None: kept as advance) and rupees."""
    settled = []
    for line in status.lines:
        if amount > ZERO and line.unpaid > ZERO:
            part = min(line.unpaid, amount)
            settled.append((line.charge, part))
            amount -= part
    if amount > ZERO:
        settled.append((None, amount))
    return settled


def balance_totals():
    """Over all students: ``owed`` now or later, and ``advance`` paid beyond it, in rupees, with the numbers of students."""
    positive, negative = Q(balance__gt=0), Q(balance__lt=0)
    found = Account.objects.aggregate(
        owed=Sum("balance", filter=positive),
        owing=Count("pk", filter=positive),
        advance=Sum("balance", filter=negative),
        ahead=Count("pk", filter=negative),
    )
    return {
        "owed": found["owed"] or ZERO,
        "owing": found["owing"],
        "advance": -(found["advance"] or ZERO),
        "ahead": found["ahead"],
    }


def institute_totals():
    """The four terms of the equation and the balance that follows, over all students, in rupees."""
    terms = {
        term: rows.aggregate(total=Sum("amount"))["total"] or ZERO
        for term, rows in rows_by_term(None).items()
    }
    return {
        **terms,
        "balance": terms["charged"] - terms["conceded"] - terms["paid"] + terms["refunded"],
    }
