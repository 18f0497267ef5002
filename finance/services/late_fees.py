"""Late fees: posted by rule, each installment once per rule and never again."""

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
    """The late fee (rupees) by ``rule`` on an overdue ``line`` of the ledger, on the day ``on``."""
    if rule.kind == LateFeeRule.Kind.PERCENT:
        amount = share(line.unpaid, rule.percent, 100)
    elif rule.kind == LateFeeRule.Kind.PER_DAY:
        amount = rule.amount * ((on - line.charge.due_on).days - rule.grace_days)
    else:
        amount = rule.amount
    return amount if rule.cap is None else min(amount, rule.cap)


def post_late_fees(*, on, by=None, progress=iter):
    """Post the late fees that the rules in force ask for on the day ``on``; returns the charges.

    Tuition that is overdue for longer than the days of grace and still open counts, each charge once per rule, however
    often this runs and however many at once. Students go by hundreds, and each hundred is kept when it is done.
    ``progress`` is given the hundreds, and gives them back one by one.
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
    hundreds = list(in_chunks(students.order_by("pk").values_list("pk", flat=True), 100))
    return [
        charge
        for keys in progress(hundreds)
        for charge in _post_for_students(keys, rules, on=on, by=by)
    ]


@transaction.atomic
def _post_for_students(keys, rules, *, on, by):
    """The same for the students with these keys."""
    lock_accounts(keys)
    done = _already_posted(keys)
    today = timezone.localdate()
    charges = [
        Charge(
            student_id=line.charge.student_id,
            enrollment_id=line.charge.enrollment_id,
            kind=ChargeKind.LATE_FEE,
            label=f"{rule} on {line.charge.label.lower() or 'tuition'}"[:120],
            amount=amount,
            posted_on=min(on, today),
            due_on=on,
            posted_by=by,
            late_for=line.charge,
            late_rule=rule,
        )
        for line in _overdue_tuition(keys, on)
        for rule in rules
        if not {(line.charge.pk, rule.pk), (line.charge.enrollment_id, line.charge.due_on, rule.pk)}
        & done
        and (on - line.charge.due_on).days > rule.grace_days
        for amount in [late_fee_amount(rule, line, on)]
        if amount > ZERO
    ]
    if charges:
        Charge.objects.bulk_create(charges)
        refresh_accounts({charge.student_id for charge in charges})
    return charges


def _overdue_tuition(keys, on):
    """The lines of tuition that these students owed before the day ``on``."""
    charges = defaultdict(list)
    for charge in charges_as_of(on).filter(student__in=keys):
        charges[charge.student_id].append(charge)
    for key, paid in amounts_paid(keys, on).items():
        for line in allocate(charges[key], paid, on):
            if line.charge.kind == ChargeKind.TUITION and line.is_overdue:
                yield line


def _already_posted(keys):
    """For which installments which rules have had their late fee: by the charge, and, where installments were changed
    and the charge was posted anew, by the enrollment and the day it was due."""
    posted = Charge.objects.filter(student__in=keys, kind=ChargeKind.LATE_FEE).select_related(
        "late_for"
    )
    return {
        (charge.late_for.enrollment_id, charge.late_for.due_on, charge.late_rule_id)
        if charge.late_for.is_cancelled
        else (charge.late_for_id, charge.late_rule_id)
        for charge in posted
    }
