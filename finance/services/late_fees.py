"""Post late fees, once for each installment and rule."""

import datetime
from collections import defaultdict

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import StudentProfile
from coachmaster.core.chunks import in_chunks
from coachmaster.core.money import ZERO, share
from finance.balances import refresh_accounts
from finance.ledger import allocate, amounts_paid, charges_as_of
from finance.locks import lock_accounts
from finance.models import Charge, ChargeKind, LateFeeRule


def late_fee_amount(rule, line, on):
    if rule.kind == LateFeeRule.Kind.PERCENT:
        amount = share(line.unpaid, rule.percent, 100)
    elif rule.kind == LateFeeRule.Kind.PER_DAY:
        amount = rule.amount * ((on - line.charge.due_on).days - rule.grace_days)
    else:
        amount = rule.amount
    return amount if rule.cap is None else min(amount, rule.cap)


def post_late_fees(*, on, by=None, progress=iter):
    """Post the late fees of all active rules as of the day ``on``; return the charges.

    Students are committed in chunks of a hundred; ``progress`` wraps the chunks.
    """
    rules = list(LateFeeRule.objects.filter(is_active=True))
    if not rules:
        return []
    to_post = Q()
    for rule in rules:
        posted = Charge.objects.filter(late_for=OuterRef("pk"), late_rule=rule)
        to_post |= Q(~Exists(posted), due_on__lt=on - datetime.timedelta(days=rule.grace_days))
    overdue = Charge.objects.active().filter(to_post, kind=ChargeKind.TUITION)
    students = StudentProfile.objects.filter(
        account__balance__gt=0, pk__in=overdue.values("student")
    )
    chunks = list(in_chunks(students.order_by("pk").values_list("pk", flat=True), 100))
    return [
        charge for keys in progress(chunks) for charge in _post_for_students(keys, rules, on, by)
    ]


@transaction.atomic
def _post_for_students(keys, rules, on, by):
    lock_accounts(keys)
    posted = _already_posted(keys)
    charges = []
    for line in _overdue_tuition(keys, on):
        charge = line.charge
        days = (on - charge.due_on).days
        for rule in rules:
            if days <= rule.grace_days or posted & {
                (charge.pk, rule.pk),
                (charge.enrollment_id, charge.due_on, rule.pk),
            }:
                continue
            if (amount := late_fee_amount(rule, line, on)) > ZERO:
                charges.append(_late_fee(charge, rule, amount, on, by))
    if charges:
        Charge.objects.bulk_create(charges)
        refresh_accounts({charge.student_id for charge in charges})
    return charges


def _late_fee(charge, rule, amount, on, by):
    return Charge(
        student_id=charge.student_id,
        enrollment_id=charge.enrollment_id,
        kind=ChargeKind.LATE_FEE,
        label=f"{rule} on {charge.label.lower() or 'tuition'}"[:120],
        amount=amount,
        posted_on=min(on, timezone.localdate()),
        due_on=on,
        posted_by=by,
        late_for=charge,
        late_rule=rule,
    )


def _overdue_tuition(keys, on):
    charges = defaultdict(list)
    for charge in charges_as_of(on).filter(student__in=keys):
        charges[charge.student_id].append(charge)
    for key, paid in amounts_paid(keys, on).items():
        for line in allocate(charges[key], paid, on):
            if line.charge.kind == ChargeKind.TUITION and line.is_overdue:
                yield line


def _already_posted(keys):
    """Return pairs of a charge and a rule.

    A charge that was posted anew is identified by enrollment and due date.
    """
    fees = Charge.objects.filter(student__in=keys, kind=ChargeKind.LATE_FEE)
    return {
        (fee.late_for.enrollment_id, fee.late_for.due_on, fee.late_rule_id)
        if fee.late_for.is_cancelled
        else (fee.late_for_id, fee.late_rule_id)
        for fee in fees.select_related("late_for")
    }
