"""Update the cached balances of students and the cached totals of days."""

import datetime
from collections import defaultdict
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, F, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from coachmaster.core.chunks import in_chunks
from coachmaster.core.fields import ZERO_VALUE, MoneyField
from coachmaster.core.money import ZERO

from .ledger import amounts_paid, amounts_uncleared, calculate_status
from .models import Account, Charge, Concession, DayTotal, Mode, Payment, PaymentQuerySet


class ChargeRow(NamedTuple):
    student_id: int
    pk: int
    due_on: datetime.date
    amount: Decimal
    open_now: Decimal | None
    conceded: Decimal


def refresh_accounts(students):
    """Recalculate balances and unpaid amounts, with the accounts of ``students`` (ids) locked."""
    for keys in in_chunks(sorted(set(students))):
        concessions = Concession.objects.active().filter(student__in=keys).order_by()
        conceded = dict(concessions.values_list("charge").annotate(Sum("amount")))
        rows = Charge.objects.active().filter(student__in=keys).order_by("due_on", "pk")
        charges = (
            ChargeRow(student, pk, due_on, amount, open_now, conceded.get(pk, ZERO))
            for student, pk, due_on, amount, open_now in rows.values_list(*ChargeRow._fields[:-1])
        )
        save_statuses(current_statuses(keys, charges))


def current_statuses(students, charges):
    """Return ``{student: FeeStatus}`` from all active charges, oldest first."""
    by_student = defaultdict(list)
    for charge in charges:
        by_student[charge.student_id].append(charge)
    today, uncleared = timezone.localdate(), amounts_uncleared(students)
    return {
        key: calculate_status(by_student[key], paid, today, uncleared[key])
        for key, paid in amounts_paid(students).items()
    }


def save_statuses(statuses):
    """Update accounts and charges; each status must contain all active charges."""
    accounts = []
    for key, status in statuses.items():
        due = status.next_due
        first_due_on = due.charge.due_on if due else None
        accounts.append(
            Account(
                student_id=key,
                balance=status.balance,
                first_due_on=first_due_on,
                uncleared=status.uncleared,
            )
        )
    Account.objects.bulk_create(
        accounts,
        update_conflicts=True,
        unique_fields=["student"],
        update_fields=["balance", "first_due_on", "uncleared"],
    )
    _save_unpaid_amounts(line for status in statuses.values() for line in status.lines)


def _save_unpaid_amounts(lines):
    changed = [
        Charge(pk=line.charge.pk, open_now=line.unpaid or None)
        for line in lines
        if line.charge.open_now != (line.unpaid or None)
    ]
    ids = defaultdict(list)
    for charge in changed:
        ids[charge.open_now].append(charge.pk)
    # Most payments change one or two amounts: two updates take less time than a `bulk_update`.
    if len(ids) <= 2:
        for unpaid, keys in ids.items():
            Charge.objects.filter(pk__in=keys).update(open_now=unpaid)
    else:
        Charge.objects.bulk_update(changed, ["open_now"], batch_size=200)


def add_to_day_total(payment):
    """Add a new payment, with its receipt series locked."""
    day = DayTotal.objects.filter(paid_on=payment.paid_on, mode=payment.mode)
    amount = Value(payment.amount, output_field=MoneyField())
    if not day.update(amount=F("amount") + amount, receipts=F("receipts") + 1):
        DayTotal.objects.create(
            paid_on=payment.paid_on, mode=payment.mode, amount=payment.amount, receipts=1
        )


def refresh_day_totals(days, modes=Mode.values):
    """Recalculate the totals of ``days``, with their receipt series locked."""
    is_active = PaymentQuerySet.ACTIVE
    for chunk in in_chunks(sorted(set(days))):
        payments = Payment.objects.filter(paid_on__in=chunk, mode__in=modes).order_by()
        totals = payments.values("paid_on", "mode").annotate(
            amount=Coalesce(Sum("amount", filter=is_active), ZERO_VALUE),
            receipts=Count("pk", filter=is_active),
        )
        DayTotal.objects.bulk_create(
            [DayTotal(**total) for total in totals],
            update_conflicts=True,
            unique_fields=["paid_on", "mode"],
            update_fields=["amount", "receipts"],
        )
