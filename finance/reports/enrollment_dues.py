from dataclasses import dataclass
from decimal import Decimal

from coachmaster.core.money import ZERO
from finance.due_amounts import DueAmounts
from finance.ledger import Received, fee_status


@dataclass
class EnrollmentDues:
    """Tuition of one enrollment in rupees, with ``balance`` and ``amounts`` of the student."""

    charged: Decimal
    conceded: Decimal
    paid: Decimal
    balance: Decimal
    amounts: DueAmounts

    @property
    def unpaid(self):
        return self.charged - self.conceded - self.paid

    @property
    def advance(self):
        return max(-self.balance, ZERO)


def enrollment_dues(enrollment, on):
    """Return the dues of ``enrollment``, a row of `with_received`."""
    received = Received(enrollment.paid, enrollment.uncleared)
    status = fee_status(enrollment.student, on, received=received)
    lines = [line for line in status.lines if line.charge.enrollment_id == enrollment.pk]
    return EnrollmentDues(
        charged=sum((line.charge.amount for line in lines), ZERO),
        conceded=sum((line.conceded for line in lines), ZERO),
        paid=sum((line.paid for line in lines), ZERO),
        balance=status.balance,
        amounts=status.amounts,
    )
