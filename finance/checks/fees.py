"""Checks of enrollments, charges and what is paid for them."""

from collections import Counter, defaultdict

from django.db.models import Count, F, Q

from academics.models import Batch, Enrollment, EnrollmentStatus
from coachmaster.core.money import ZERO, display
from finance.models import (
    Account,
    Charge,
    ChargeKind,
    ChequeClearing,
    Concession,
    DayTotal,
    Mode,
    Payment,
    Refund,
)


def _counted_payments():
    cleared = ChequeClearing.objects.values("payment")
    return Payment.objects.filter(reversal=None).exclude(~Q(pk__in=cleared), mode=Mode.CHEQUE)


def balances():
    """The cached balance of each student follows from the rows."""
    calculated = defaultdict(lambda: ZERO)
    for sign, rows in (
        (1, Charge.objects.filter(cancelled_on=None)),
        (
            -1,
            Concession.objects.filter(cancelled_on=None, charge__cancelled_on=None).exclude(
                approved_on=None
            ),
        ),
        (-1, _counted_payments()),
        (1, Refund.objects.all()),
    ):
        for student, amount in rows.order_by("pk").values_list("student", "amount").iterator():
            calculated[student] += sign * amount
    cached = dict(Account.objects.values_list("pk", "balance").iterator())
    for student in sorted(calculated.keys() | cached.keys()):
        balance = cached.get(student, ZERO)
        if balance != calculated[student]:
            yield (
                f"Student {student}: the cached balance is {display(balance)}, "
                f"the rows say {display(calculated[student])}."
            )


def open_charges():
    """The cached unpaid amount of each charge follows from the payments."""
    paid, conceded, oldest = defaultdict(lambda: ZERO), defaultdict(lambda: ZERO), {}
    for student, amount in _counted_payments().values_list("student", "amount").iterator():
        paid[student] += amount
    for student, amount in Refund.objects.values_list("student", "amount").iterator():
        paid[student] -= amount
    approved = Concession.objects.filter(cancelled_on=None).exclude(approved_on=None)
    for charge, amount in approved.values_list("charge", "amount").iterator():
        conceded[charge] += amount
    charges = Charge.objects.order_by("due_on", "pk")
    rows = charges.values_list("pk", "student", "amount", "due_on", "cancelled_on", "open_now")
    for pk, student, amount, due_on, cancelled_on, cached in rows.iterator():
        unpaid = ZERO
        if cancelled_on is None:
            net = amount - conceded[pk]
            settled = min(net, max(paid[student], ZERO))
            paid[student] -= settled
            unpaid = net - settled
        if unpaid:
            oldest.setdefault(student, due_on)
        if cached != (unpaid or None):
            yield (
                f"Charge {pk}: the cached unpaid amount is {display(cached or ZERO)}, "
                f"the payments leave {display(unpaid)}."
            )
    for student, cached in Account.objects.values_list("pk", "first_due_on").iterator():
        if cached != oldest.get(student):
            yield (
                f"Student {student}: the cached oldest due date is {cached}, "
                f"the charges say {oldest.get(student)}."
            )


def day_totals():
    """The cached totals of days and modes follow from the active payments."""
    amounts, receipts = defaultdict(lambda: ZERO), Counter()
    payments = (
        Payment.objects.filter(reversal=None)
        .values_list("paid_on", "mode", "amount")
        .order_by("pk")
    )
    for paid_on, mode, amount in payments.iterator():
        amounts[paid_on, mode] += amount
        receipts[paid_on, mode] += 1
    cached = {
        (row.paid_on, row.mode): (row.amount, row.receipts) for row in DayTotal.objects.iterator()
    }
    for day, mode in sorted(amounts.keys() | cached.keys()):
        amount, count = cached.get((day, mode), (ZERO, 0))
        if (amount, count) != (amounts[day, mode], receipts[day, mode]):
            yield (
                f"{day} {mode}: the cached total is {display(amount)} in {count} receipts, "
                f"the rows say {display(amounts[day, mode])} in {receipts[day, mode]}."
            )


def seats():
    """No batch has more active students than seats."""
    full = Batch.objects.with_strength().filter(capacity__isnull=False, strength__gt=F("capacity"))
    for batch in full:
        yield f"{batch} has {batch.strength} students on {batch.capacity} seats."


def enrollments():
    """A student has one exclusive active enrollment, and one per batch; ended ones have a date."""
    active = Enrollment.objects.active().order_by()
    for row in (
        active.filter(is_exclusive=True)
        .values("student")
        .annotate(number=Count("pk"))
        .filter(number__gt=1)
    ):
        yield f"Student {row['student']} has {row['number']} active enrollments."
    for row in active.values("student", "batch").annotate(number=Count("pk")).filter(number__gt=1):
        yield f"Student {row['student']} is enrolled {row['number']} times in batch {row['batch']}."
    odd = Q(status=EnrollmentStatus.ACTIVE, ended_on__isnull=False) | (
        ~Q(status=EnrollmentStatus.ACTIVE) & (Q(ended_on=None) | Q(ended_on__lt=F("enrolled_on")))
    )
    for enrollment in Enrollment.objects.filter(odd).select_related("student__user", "batch"):
        yield f"{enrollment}: its end date does not match its status."


def tuition():
    """The active tuition of an enrollment is the agreed fee; at most that if it was dropped."""
    charged = defaultdict(lambda: ZERO)
    active = Charge.objects.filter(kind=ChargeKind.TUITION, cancelled_on=None)
    for enrollment, amount in active.values_list("enrollment", "amount").iterator():
        charged[enrollment] += amount
    transfers = dict(
        Enrollment.objects.exclude(transferred_from=None).values_list("pk", "transferred_from")
    )
    rows = Enrollment.objects.order_by("pk").values_list("pk", "status", "agreed_fee")
    for pk, status, agreed_fee in rows.iterator():
        found, before = charged[pk], transfers.get(pk)
        while before is not None:
            found, before = found + charged[before], transfers.get(before)
        is_dropped = status == EnrollmentStatus.DROPPED
        if found > agreed_fee or (not is_dropped and found != agreed_fee):
            yield (
                f"Enrollment {pk}: {display(found)} is charged, {display(agreed_fee)} was agreed."
            )
    for charge in Charge.objects.filter(enrollment__isnull=False).exclude(
        student=F("enrollment__student")
    ):
        yield f"Charge {charge.pk} and its enrollment belong to different students."


def concessions():
    """No charge is reduced below zero; the rows of a concession are decided together."""
    conceded, decided = defaultdict(lambda: ZERO), defaultdict(set)
    rows = Concession.objects.order_by("pk").values_list(
        "token", "student", "charge", "charge__student", "amount", "approved_on", "cancelled_on"
    )
    for token, student, charge, owner, amount, approved_on, cancelled_on in rows.iterator():
        if student != owner:
            yield f"A concession of student {student} is on charge {charge} of student {owner}."
        decided[token].add((student, approved_on, cancelled_on))
        if approved_on and not cancelled_on:
            conceded[charge] += amount
    for token, decisions in decided.items():
        if len(decisions) > 1:
            yield f"The rows of concession {token} are decided differently."
    for pk, amount in (
        Charge.objects.filter(cancelled_on=None)
        .order_by("pk")
        .values_list("pk", "amount")
        .iterator()
    ):
        if conceded[pk] > amount:
            yield f"Charge {pk}: concessions of {display(conceded[pk])} exceed {display(amount)}."


def late_fees():
    """A late fee is on tuition of the same student, and posted once per rule and day."""
    seen = set()
    rows = Charge.objects.filter(kind=ChargeKind.LATE_FEE).select_related("late_for").order_by("pk")
    for fee in rows.iterator():
        if fee.student_id != fee.late_for.student_id:
            yield f"Late fee {fee.pk} and its installment belong to different students."
        if fee.late_for.kind != ChargeKind.TUITION:
            yield f"Late fee {fee.pk} is not on tuition."
        if fee.due_on <= fee.late_for.due_on:
            yield f"Late fee {fee.pk} is from {fee.due_on}, when its installment was not late."
        if fee.is_undone:
            continue
        if (fee.late_for_id, fee.late_rule_id, fee.due_on) in seen:
            yield f"Late fee {fee.pk} was posted twice by its rule on {fee.due_on}."
        seen.add((fee.late_for_id, fee.late_rule_id, fee.due_on))
