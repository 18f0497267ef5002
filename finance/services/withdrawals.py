"""Leaving before the end: what of the fee is proposed to be kept, and who is owed money back. Amounts in rupees."""

import datetime
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Sum

from academics.models import Enrollment, Institute
from coachmaster.core.money import ZERO, share
from finance.models import Account, Payment

from . import installments

DAY = datetime.timedelta(days=1)


@dataclass
class RetainedFee:
    """What of the tuition is kept when a student leaves: the classes held in proportion, and the deduction on top."""

    fee: Decimal  # what is charged for the enrollment, less what was taken off it
    conceded: Decimal
    held: installments.ProratedFee | None  # None: the classes cannot be counted
    percent: int
    deduction: Decimal
    amount: Decimal


def propose_retained_fee(enrollment, lines, ended_on):
    """The Proposal for leaving on the day ``ended_on``; ``lines`` are the ledger's of the tuition.

    Where the classes cannot be counted, all of the fee is kept.
    """
    fee = sum((line.net for line in lines), ZERO)
    conceded = sum((line.conceded for line in lines), ZERO)
    percent = Institute.objects.current().leaving_deduction_percent
    held = installments.prorated_fee_until(enrollment, fee, ended_on) if fee > ZERO else None
    if held is None:
        return RetainedFee(fee, conceded, None, percent, ZERO, fee)
    deduction = min(share(fee, percent, 100), fee - held.amount)
    return RetainedFee(fee, conceded, held, percent, deduction, held.amount + deduction)


@dataclass
class WithdrawalResult:
    """How a student stands once they have left: what is ``to_pay``, or ``to_refund`` by the day ``due_on``."""

    retained: Decimal
    balance: Decimal
    due_on: datetime.date

    @property
    def to_pay(self):
        """What is still owed."""
        return max(self.balance, ZERO)

    @property
    def to_refund(self):
        """What was paid beyond what is kept."""
        return max(-self.balance, ZERO)


def withdrawal_result(proposal, fees, kept, ended_on):
    """The Outcome of keeping ``kept`` of the fee, for a student who stands as ``fees`` says."""
    return WithdrawalResult(kept, fees.balance - proposal.fee + kept, ended_on + refund_period())


def refund_period():
    """How long after leaving the institute may take to pay a refund."""
    return Institute.objects.current().refund_days * DAY


# Refunds that are due -------------------------------------------------------------------------------------------


def accounts_with_refund_due():
    """The accounts of those who have left and paid more than they owe, with the day they ``left_on``.

    Nobody writes such a list: it follows from the balance, and a refund takes the student off it.
    """
    enrollments = Enrollment.objects.filter(student=OuterRef("pk"))
    return (
        Account.objects.filter(~Exists(enrollments.active()), balance__lt=0)
        .annotate(left_on=Subquery(enrollments.order_by("-ended_on").values("ended_on")[:1]))
        .filter(left_on__isnull=False)
    )


@dataclass
class RefundDueTotals:
    """What is to be given back in all, and what of it is overdue."""

    amount: Decimal
    students: int
    overdue: Decimal
    overdue_students: int


def refund_due_totals(accounts, today):
    """The DueTotals of ``accounts`` (of `refunds_due`), by one query."""
    late = Q(left_on__lt=today - refund_period())
    found = accounts.aggregate(
        amount=Sum("balance"),
        students=Count("pk"),
        late_amount=Sum("balance", filter=late),
        late_students=Count("pk", filter=late),
    )
    return RefundDueTotals(
        amount=-(found["amount"] or ZERO),
        students=found["students"],
        overdue=-(found["late_amount"] or ZERO),
        overdue_students=found["late_students"],
    )


@dataclass
class RefundDue:
    """One student's money that is to go back, and the ``payment`` to give it back of."""

    account: Account
    due_on: datetime.date
    is_overdue: bool
    payment: Payment | None

    @property
    def amount(self):
        """How much, in rupees."""
        return -self.account.balance


def list_refunds_due(accounts, today):
    """A RefundDue for each of ``accounts`` (a list), by two queries.

    A refund is of one payment: of those with enough left the smallest, else the one with most left.
    """
    payments = {}
    found = (
        Payment.objects.active()
        .with_refunded()
        .filter(student__in=[account.pk for account in accounts])
    )
    for payment in found.filter(refunded__lt=F("amount")).order_by("pk"):
        payments.setdefault(payment.student_id, []).append(payment)
    listed, time = [], refund_period()
    for account in accounts:
        due_on = account.left_on + time
        payment = payment_to_refund(payments.get(account.pk, []), -account.balance)
        listed.append(RefundDue(account, due_on, due_on < today, payment))
    return listed


def payment_to_refund(payments, amount):
    """The one of ``payments`` (with what was ``refunded``) to give ``amount`` rupees back of, or None."""

    def left(payment):
        return payment.amount - payment.refunded

    enough = [payment for payment in payments if left(payment) >= amount]
    return min(enough, key=left) if enough else max(payments, key=left, default=None)
