import datetime
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Sum

from academics.models import Enrollment, Institute
from coachmaster.core.money import ZERO, share
from finance.models import Account, Payment

from .prorated_fees import ProratedFee, prorated_fee_until

DAY = datetime.timedelta(days=1)


@dataclass
class RetainedFee:
    """The tuition to keep: classes held in proportion, and a deduction. In rupees."""

    fee: Decimal  # the charges of the enrollment less concessions
    conceded: Decimal
    held: ProratedFee | None  # None if the classes cannot be counted
    percent: int
    deduction: Decimal
    amount: Decimal


def propose_retained_fee(enrollment, lines, ended_on):
    """If the classes cannot be counted, the whole fee is kept."""
    fee = sum((line.net for line in lines), ZERO)
    conceded = sum((line.conceded for line in lines), ZERO)
    percent = Institute.objects.current().leaving_deduction_percent
    held = prorated_fee_until(enrollment, fee, ended_on) if fee > ZERO else None
    if held is None:
        return RetainedFee(fee, conceded, None, percent, ZERO, fee)
    deduction = min(share(fee, percent, 100), fee - held.amount)
    return RetainedFee(fee, conceded, held, percent, deduction, held.amount + deduction)


@dataclass
class WithdrawalResult:
    retained: Decimal
    balance: Decimal
    due_on: datetime.date

    @property
    def to_pay(self):
        return max(self.balance, ZERO)

    @property
    def to_refund(self):
        return max(-self.balance, ZERO)


def withdrawal_result(proposal, fees, retained, ended_on):
    """``fees`` is the FeeStatus before; ``retained`` replaces the whole fee."""
    balance = fees.balance - proposal.fee + retained
    return WithdrawalResult(retained, balance, ended_on + refund_period())


def refund_period():
    return Institute.objects.current().refund_days * DAY


# Refunds due --------------------------------------------------------------------------------------


def accounts_with_refund_due():
    enrollments = Enrollment.objects.filter(student=OuterRef("pk"))
    return (
        Account.objects.filter(~Exists(enrollments.active()), balance__lt=0)
        .annotate(left_on=Subquery(enrollments.order_by("-ended_on").values("ended_on")[:1]))
        .filter(left_on__isnull=False)
    )


@dataclass
class RefundDueTotals:
    amount: Decimal
    students: int
    overdue: Decimal
    overdue_students: int


def refund_due_totals(accounts, today):
    is_overdue = Q(left_on__lt=today - refund_period())
    sums = accounts.aggregate(
        amount=Sum("balance"),
        students=Count("pk"),
        overdue=Sum("balance", filter=is_overdue),
        overdue_students=Count("pk", filter=is_overdue),
    )
    return RefundDueTotals(
        amount=-(sums["amount"] or ZERO),
        students=sums["students"],
        overdue=-(sums["overdue"] or ZERO),
        overdue_students=sums["overdue_students"],
    )


@dataclass
class RefundDue:
    account: Account
    due_on: datetime.date
    is_overdue: bool
    payment: Payment | None

    @property
    def amount(self):
        return -self.account.balance


def list_refunds_due(accounts, today):
    payments = {}
    refundable = (
        Payment.objects.counted()
        .with_refunded()
        .filter(student__in=[account.pk for account in accounts], refunded__lt=F("amount"))
    )
    for payment in refundable.order_by("pk"):
        payments.setdefault(payment.student_id, []).append(payment)
    refunds, period = [], refund_period()
    for account in accounts:
        due_on = account.left_on + period
        payment = payment_to_refund(payments.get(account.pk, []), -account.balance)
        refunds.append(RefundDue(account, due_on, due_on < today, payment))
    return refunds


def payment_to_refund(payments, amount):
    """Return the smallest payment with ``amount`` left to refund, or the largest."""

    def left(payment):
        return payment.amount - payment.refunded

    enough = [payment for payment in payments if left(payment) >= amount]
    return min(enough, key=left) if enough else max(payments, key=left, default=None)
