"""Cheques by the day on which they are, or can be, taken to the bank."""

import datetime
from dataclasses import dataclass
from decimal import Decimal

from django.db import models
from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce, Greatest

from coachmaster.core.dates import months_later
from coachmaster.core.money import ZERO
from finance.models import Mode, Payment, Reversal
from finance.services.payment_limits import CHEQUE_VALID_MONTHS

#: A cheque that the bank takes for less than this time is marked.
EXPIRES_SOON = datetime.timedelta(days=14)


class ChequeState(models.TextChoices):
    TO_DEPOSIT = "to-deposit", "To deposit"
    DEPOSITED = "deposited", "Deposited"
    CLEARED = "cleared", "Cleared"
    BOUNCED = "bounced", "Bounced"

    @property
    def is_open(self):
        return self in (ChequeState.TO_DEPOSIT, ChequeState.DEPOSITED)


def cheques_in(state, payments):
    """Limit ``payments`` to the cheques in ``state``, with the day ``deposit_on``."""
    cheques = payments.filter(mode=Mode.CHEQUE)
    if state == ChequeState.BOUNCED:
        cheques = cheques.filter(reversal__kind=Reversal.Kind.BOUNCED)
    elif state == ChequeState.CLEARED:
        cheques = cheques.active().filter(clearing__isnull=False)
    else:
        is_waiting = state == ChequeState.TO_DEPOSIT
        cheques = cheques.uncleared().filter(deposit__isnull=is_waiting)
    first = Greatest("paid_on", "cheque_on")
    return cheques.annotate(deposit_on=Coalesce("deposit__deposited_on", first))


@dataclass
class ChequeTab:
    """A state and its cheques; they are counted, in rupees too, while the bank has not answered."""

    state: ChequeState
    number: int | None = None
    amount: Decimal = ZERO


def cheque_tabs(payments):
    is_waiting = Q(deposit=None)
    sums = payments.uncleared().aggregate(
        to_deposit=Count("pk", filter=is_waiting),
        to_deposit_amount=Sum("amount", filter=is_waiting),
        deposited=Count("pk", filter=~is_waiting),
        deposited_amount=Sum("amount", filter=~is_waiting),
    )
    return [
        ChequeTab(state, sums[name], sums[f"{name}_amount"] or ZERO)
        if (name := state.name.lower()) in sums
        else ChequeTab(state)
        for state in ChequeState
    ]


@dataclass
class ChequeRow:
    """A cheque of `cheques_in` as of ``today``."""

    payment: Payment
    today: datetime.date

    @property
    def valid_until(self):
        return months_later(self.payment.cheque_on, CHEQUE_VALID_MONTHS)

    @property
    def is_post_dated(self):
        return self.payment.deposit_on > self.today

    @property
    def has_expired(self):
        return self.valid_until < self.today

    @property
    def expires_soon(self):
        return not self.has_expired and self.valid_until < self.today + EXPIRES_SOON
