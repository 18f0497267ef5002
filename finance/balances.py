import datetime
from collections import defaultdict
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, F, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from coachmaster.core.fields import ZERO_VALUE, MoneyField
from coachmaster.core.importers import in_chunks
from coachmaster.core.money import ZERO

from .ledger import amounts_paid, calculate_status
from .models import Account, Charge, Concession, DayTotal, Mode, Payment, PaymentQuerySet


def refresh_accounts(students):
    """Recalculate the balances of ``students`` (ids) and the open amounts of their charges.

    Call it in the transaction that changed a row of theirs, while their accounts are locked.
    """
    for keys in in_chunks(sorted(set(students))):
        conceded = dict(
            Concession.objects.active()
            .filter(student__in=keys)
            .order_by()
            .values_list("charge")
            .annotate(Sum("amount"))
        )
        rows = Charge.objects.active().filter(student__in=keys).order_by("due_on", "pk")
        charges = (
            ChargeRow(student, pk, due_on, amount, open_now, conceded.get(pk, ZERO))
            for student, pk, due_on, amount, open_now in rows.values_list(*ChargeRow._fields[:-1])
        )
        save_statuses(current_statuses(keys, charges))


class ChargeRow(NamedTuple):
    """What `settle` and `save_statuses` need to know of a charge."""

    student_id: int
    pk: int
    due_on: datetime.date
    amount: Decimal
    open_now: Decimal | None
    conceded: Decimal


def current_statuses(students, charges):
    """Return ``{student: FeeStatus}`` now, for some hundreds of ids; ``charges`` are all their active charges, oldest first."""
    of_student = defaultdict(list)
    for charge in charges:
        of_student[charge.student_id].append(charge)
    today = timezone.localdate()
    return {
        key: calculate_status(of_student[key], paid, today)
        for key, paid in amounts_paid(students).items()
    }


def save_statuses(statuses):
    """Write into accounts and charges what ``statuses`` (FeeStatus by student id) say, of all active charges."""
    Account.objects.bulk_create(
        [
            Account(
                student_id=key,
                balance=status.balance,
                first_due_on=line.charge.due_on if line else None,
            )
            for key, status in statuses.items()
            for line in [status.next_due]
        ],
        update_conflicts=True,
        unique_fields=["student"],
        update_fields=["balance", "first_due_on"],
    )
    changed = [
        Charge(pk=line.charge.pk, open_now=line.unpaid or None)
        for status in statuses.values()
        for line in status.lines
        if line.charge.open_now != (line.unpaid or None)
    ]
    ids = defaultdict(list)
    for charge in changed:
        ids[charge.open_now].append(charge.pk)
    if (
        len(ids) <= 2
    ):  # as after most payments; Django needs a millisecond for the statement of `bulk_update`
        for unpaid, keys in ids.items():
            Charge.objects.filter(pk__in=keys).update(open_now=unpaid)
    else:
        Charge.objects.bulk_update(changed, ["open_now"], batch_size=200)


def add_to_day_total(payment):
    """Add ``payment``, which was recorded just now, to what was received on its day. The caller holds its series."""
    day = DayTotal.objects.filter(paid_on=payment.paid_on, mode=payment.mode)
    amount = Value(payment.amount, output_field=MoneyField())
    if not day.update(amount=F("amount") + amount, receipts=F("receipts") + 1):
        DayTotal.objects.create(
            paid_on=payment.paid_on, mode=payment.mode, amount=payment.amount, receipts=1
        )


def refresh_day_totals(days, modes=Mode.values):
    """Recalculate what was received on ``days`` in each of ``modes`` by payments that were not reversed.

    The caller holds the receipt series of these days. Where all were reversed, the row says zero.
    """
    is_live = PaymentQuerySet.ACTIVE
    for chunk in in_chunks(sorted(set(days))):
        payments = (
            Payment.objects.filter(paid_on__in=chunk, mode__in=modes)
            .order_by()
            .values("paid_on", "mode")
        )
        sums = payments.annotate(
            amount=Coalesce(Sum("amount", filter=is_live), ZERO_VALUE),
            receipts=Count("pk", filter=is_live),
        )
        DayTotal.objects.bulk_create(
            [DayTotal(**of) for of in sums],
            update_conflicts=True,
            unique_fields=["paid_on", "mode"],
            update_fields=["amount", "receipts"],
        )
