"""Late fees: what each rule charges for each overdue installment, and charging it.

A fee per day grows until its maximum: each run charges the difference since the last one. Other
rules charge once. What was waived or cancelled counts as charged; what was undone does not.
"""

import datetime
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from academics.models import Enrollment
from accounts.models import StudentProfile
from coachmaster.core.chunks import in_chunks
from coachmaster.core.dates import format_date
from coachmaster.core.exceptions import Conflict
from coachmaster.core.money import ZERO, share
from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE
from coachmaster.core.text import name_list, plural
from finance.balances import refresh_accounts
from finance.ledger import (
    ChargeLine,
    allocate,
    amounts_paid,
    amounts_uncleared,
    charges_as_of,
)
from finance.locks import lock_accounts
from finance.models import (
    BulkAction,
    BulkActionKind,
    Charge,
    ChargeKind,
    Concession,
    LateFeeRule,
    PreparedLateFees,
    sum_of,
)

from .bulk_actions import digest_of, find_done, record_bulk_action, undoes
from .charges import UNDO_PROMISE, undo_charges


@dataclass(frozen=True)
class LateFee:
    """A late fee to charge: ``amount`` rupees, beside ``earlier`` of the same rule."""

    line: ChargeLine
    rule: LateFeeRule
    amount: Decimal
    earlier: Decimal

    @property
    def installment(self):
        return self.line.charge

    @property
    def days_late(self):
        return (self.line.on - self.installment.due_on).days

    @property
    def key(self):
        return f"{self.installment.pk}-{self.rule.pk}"


def late_fee_amount(rule, line, on):
    """Return the whole late fee of ``rule`` up to the day ``on``, in rupees."""
    if rule.kind == LateFeeRule.Kind.PERCENT:
        amount = share(line.unpaid, rule.percent, 100)
    elif rule.kind == LateFeeRule.Kind.PER_DAY:
        amount = rule.amount * ((on - line.charge.due_on).days - rule.grace_days)
    else:
        amount = rule.amount
    return amount if rule.cap is None else min(amount, rule.cap)


def calculate_late_fees(on, students=None) -> list[LateFee]:
    """Return the late fees to charge as of the day ``on``; ``students`` (ids) limits them."""
    rules = list(LateFeeRule.objects.filter(is_active=True))
    if students is None:
        students = _students_to_check(rules, on)
    return [
        fee for keys in in_chunks(students, 500) for fee in _late_fees_of_students(keys, rules, on)
    ]


def digest_of_fees(fees):
    return digest_of((fee.key, fee.amount) for fee in fees)


@transaction.atomic
def charge_late_fees(*, on, by, token, digest) -> BulkAction:
    """Charge the late fees that a page with ``digest`` has shown.

    Return the earlier action if ``token`` was used before. Raise Conflict if the late fees are
    others by now; nothing is charged then.
    """
    if not token:
        raise ValidationError("This form has expired. Open it again.")
    students = _students_to_check(list(LateFeeRule.objects.filter(is_active=True)), on)
    lock_accounts(students)
    if done := find_done(token):
        return done
    fees = calculate_late_fees(on, students)
    if digest_of_fees(fees) != digest:
        raise Conflict(
            "The late fees have changed since this page was opened, so nothing was charged. "
            "Check the new list."
        )
    if not fees:
        raise Conflict("There are no late fees to charge.")
    charges = Charge.objects.bulk_create([_build_charge(fee, on, by) for fee in fees])
    charged = {charge.student_id for charge in charges}
    refresh_accounts(charged)
    PreparedLateFees.objects.all().delete()
    return record_bulk_action(
        kind=BulkActionKind.LATE_FEES,
        description=f"Late fees of {format_date(on)} for {plural(len(charged), 'student')}",
        rows=charges,
        amount=sum((charge.amount for charge in charges), ZERO),
        token=token,
        by=by,
    )


@transaction.atomic
def prepare_late_fees(*, on) -> list[LateFee]:
    """Note for the desk what late fees could be charged as of the day ``on``."""
    fees = calculate_late_fees(on)
    PreparedLateFees.objects.all().delete()
    if fees:
        PreparedLateFees.objects.create(
            on=on,
            students=len({fee.installment.student_id for fee in fees}),
            amount=sum((fee.amount for fee in fees), ZERO),
        )
    return fees


def prepared_late_fees(user):
    """Return the PreparedLateFees for a note to ``user``; None if there are none to charge."""
    may_charge = user.has_perms([SEE_WHOLE_INSTITUTE, "finance.add_charge"])
    return PreparedLateFees.objects.first() if may_charge else None


@undoes(BulkActionKind.LATE_FEES, permission="finance.change_charge", promise=UNDO_PROMISE)
@transaction.atomic
def undo_late_fees(action, *, by, reason):
    """Cancel late fees, which can be charged again. Later ones on the same installments must go
    first, because they are the difference to these.
    """
    fees = action.rows_of(Charge).active()
    lock_accounts(fees.order_by().values_list("student", flat=True))
    later = Charge.objects.active().filter(
        kind=ChargeKind.LATE_FEE,
        late_for=OuterRef("late_for"),
        late_rule=OuterRef("late_rule"),
        pk__gt=OuterRef("pk"),
    )
    names = fees.filter(Exists(later)).order_by("student__user__full_name", "pk")
    if names := list(names.values_list("student__user__full_name", flat=True)):
        raise ValidationError(
            f"Later late fees were charged to {name_list(names)}. "
            "Undo or cancel the later ones first."
        )
    undo_charges(action, by=by, reason=reason)


def _students_to_check(rules, on):
    """Return the ids of students with dues and an installment that a rule may charge for."""
    to_charge = Q(pk__in=[])
    for rule in rules:
        is_late = Q(due_on__lt=on - datetime.timedelta(days=rule.grace_days))
        if rule.kind != LateFeeRule.Kind.PER_DAY:
            charged = Charge.objects.filter(late_for=OuterRef("pk"), late_rule=rule)
            is_late &= ~Exists(charged.filter(is_undone=False))
        to_charge |= is_late
    overdue = Charge.objects.active().filter(to_charge, kind=ChargeKind.TUITION)
    students = StudentProfile.objects.filter(
        account__balance__gt=0, pk__in=overdue.values("student")
    )
    return list(students.order_by("pk").values_list("pk", flat=True))


def _late_fees_of_students(keys, rules, on):
    first = Enrollment.objects.filter(student__in=keys).before_transfers()
    charged = _charged_before(keys, first)
    for line in _overdue_tuition(keys, on):
        charge = line.charge
        for rule in rules:
            if (on - charge.due_on).days <= rule.grace_days:
                continue
            before = [
                *charged[charge.pk, rule.pk],
                *charged[first[charge.enrollment_id], charge.due_on, rule.pk],
            ]
            is_done = any(not fee.is_undone for fee in before)
            if is_done and rule.kind != LateFeeRule.Kind.PER_DAY:
                continue
            earlier = sum((_counted(fee) for fee in before), ZERO)
            if (amount := late_fee_amount(rule, line, on) - earlier) > ZERO:
                yield LateFee(line=line, rule=rule, amount=amount, earlier=earlier)


def _counted(fee):
    """Return what cannot be charged again: the whole fee, or the waived part if it was undone."""
    return fee.waived if fee.is_undone else fee.amount


def _overdue_tuition(keys, on):
    charges = defaultdict(list)
    for charge in charges_as_of(on).filter(student__in=keys):
        charges[charge.student_id].append(charge)
    uncleared = amounts_uncleared(keys, on)
    for key, paid in amounts_paid(keys, on).items():
        # No late fee on what a cheque will pay if it clears.
        for line in allocate(charges[key], paid + uncleared[key], on):
            if line.charge.kind == ChargeKind.TUITION and line.is_overdue:
                yield line


def _charged_before(keys, first):
    """Return late fees by a pair of installment and rule.

    An installment that was posted anew, also by a transfer, is identified by the ``first``
    enrollment and the due date.
    """
    waived = Concession.objects.filter(charge=OuterRef("pk"), cancelled_on=None)
    fees = Charge.objects.filter(student__in=keys, kind=ChargeKind.LATE_FEE)
    fees = fees.annotate(waived=sum_of(waived.exclude(approved_on=None), by="charge"))
    charged = defaultdict(list)
    for fee in fees.select_related("late_for"):
        installment = fee.late_for
        key = (
            (first[installment.enrollment_id], installment.due_on, fee.late_rule_id)
            if installment.is_cancelled
            else (installment.pk, fee.late_rule_id)
        )
        charged[key].append(fee)
    return charged


def _build_charge(fee, on, by):
    installment = fee.installment
    return Charge(
        student_id=installment.student_id,
        enrollment_id=installment.enrollment_id,
        kind=ChargeKind.LATE_FEE,
        label=f"{fee.rule} on {installment.label.lower() or 'tuition'}"[:120],
        amount=fee.amount,
        posted_on=min(on, timezone.localdate()),
        due_on=on,
        posted_by=by,
        late_for=installment,
        late_rule=fee.rule,
    )
