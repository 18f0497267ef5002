import datetime
from dataclasses import dataclass
from decimal import Decimal

from academics.models import Course, DropReason
from accounts.models import StudentProfile
from coachmaster.core.money import ZERO, split
from finance.balances import refresh_accounts, refresh_day_totals
from finance.models import Charge, FeePlan, Payment
from finance.services.fee_plans import save_plan
from finance.services.installments import build_charges

from .academy import CHUNK, DAY, EnrollmentPlan, StudentPlan
from .receipts import BOUNCED, create_payments

#: How fees are paid, with weights.
PACES = {
    "at once": 12,
    "in parts": 42,
    "behind": 14,
    "on schedule": 20,
    "nothing": 4,
    "ahead": 5,
    "today": 3,
}
INSTALLMENTS = 5
MIN_DAYS_BETWEEN_PAYMENTS = 20
#: The index of the installment that is due on the date of `_pace`.
DUE_INSTALLMENT = {"behind": 3, "nothing": 3, "on schedule": 2, "today": 2}
MISTAKES = [
    "Entered for the wrong student",
    "Amount typed wrongly",
    "UPI payment did not arrive",
    "Entered twice",
    BOUNCED,
]


@dataclass
class PlannedReceipt:
    """A payment before it is written; it is cancelled if ``cancel_reason`` is not empty."""

    student: StudentPlan
    plan: EnrollmentPlan
    day: datetime.date
    at: datetime.datetime
    amount: Decimal
    cancel_reason: str = ""
    payment: Payment | None = None


def create_fees(academy, progress):
    for course in Course.objects.all():
        parts = [
            {"percent": 100 // INSTALLMENTS, "days": 30 * number} for number in range(INSTALLMENTS)
        ]
        save_plan(FeePlan(course=course, name="Five installments"), parts)
    receipts, charges = [], {}
    for student in academy.students:
        before = None
        for plan in student.enrollments:
            paid_before = sum(
                (receipt.amount for receipt in receipts[-6:] if before and receipt.plan is before),
                ZERO,
            )
            pace, plan.due_on = _pace(academy, student, plan, before)
            rows = _installments(academy, student, plan, pace, before)
            charges.setdefault(student.profile.pk, []).extend(_charges(academy, plan, rows))
            receipts += _receipts(academy, student, plan, pace, paid_before)
            before = plan if plan.is_transferred else None
    Charge.objects.bulk_create(
        [charge for rows in charges.values() for charge in rows], batch_size=CHUNK
    )
    receipts += [_mistake(academy.rng, receipt) for receipt in receipts[30::60]]
    receipts.sort(key=lambda receipt: receipt.at)
    create_payments(academy, receipts, charges, progress)
    refresh_accounts(StudentProfile.objects.values_list("pk", flat=True))
    refresh_day_totals({receipt.day for receipt in receipts})


def _pace(academy, student, plan, before):
    """Return how the fee is paid and when it is due; ``before``: the plan transferred from."""
    rng, today = academy.rng, academy.today
    pace = rng.choices(list(PACES), PACES.values())[0]
    if student is academy.demo_student:
        return "behind", today - 9 * DAY
    if before:
        return "in parts", before.due_on
    if plan.ended_on:
        pace = "behind" if pace in ("nothing", "behind") else "in parts"
    elif plan.enrolled_on > today - 12 * DAY:
        pace = {"behind": "on schedule", "today": "on schedule"}.get(pace, pace)
        return pace, max(plan.enrolled_on, today) + rng.choice([0, 0, 7, 15, 30]) * DAY
    if pace in ("behind", "nothing"):
        return pace, max(plan.enrolled_on, today - rng.randrange(3, 75) * DAY)
    if pace in ("on schedule", "today"):
        return pace, today + rng.choice([0, 5, 10, 20, 45, 75]) * DAY
    return pace, plan.enrolled_on + rng.choice([0, 15, 30, 60]) * DAY


def _installments(academy, student, plan, pace, before):
    is_single = pace == "at once" or before or plan.final_fee is not None
    if is_single or student is academy.demo_student:
        return [(plan.due_on, plan.agreed_fee)]
    place = DUE_INSTALLMENT.get(pace, 0)
    step = max(min(30, (plan.due_on - plan.enrolled_on).days // place if place else 30), 1)
    amounts = split(plan.agreed_fee, INSTALLMENTS)
    return [
        (plan.due_on + (number - place) * step * DAY, amount)
        for number, amount in enumerate(amounts)
    ]


def _charges(academy, plan, rows):
    """Return the tuition charges; after an early end, cancelled and charged again in part."""
    charges = build_charges(plan.enrollment, rows, on=plan.agreed_on, by=academy.desk)
    for charge in charges:
        charge.created_at = plan.enrollment.created_at
    if plan.final_fee is None:
        return charges
    for charge in charges:
        charge.cancelled_on, charge.cancelled_by = plan.ended_on, academy.desk
        charge.cancel_reason = plan.reason
        if not plan.is_transferred:
            charge.cancel_reason = f"Dropped: {DropReason(plan.drop_reason).label}"
    final = [(plan.due_on, plan.final_fee)] if plan.final_fee > ZERO else []
    for charge in build_charges(plan.enrollment, final, on=plan.ended_on, by=academy.desk):
        charge.created_at = academy.desk_hour(plan.ended_on)
        charges.append(charge)
    return charges


def _receipts(academy, student, plan, pace, paid_before):
    """Return PlannedReceipts; ``paid_before`` rupees were paid in the batch before a transfer."""
    rng, today = academy.rng, academy.today
    first, last = plan.agreed_on, min(plan.ended_on or today, today)
    if plan.is_transferred:
        amounts = split(_hundreds(plan.agreed_fee * Decimal("0.4")), 2)
    else:
        fee = plan.agreed_fee - paid_before if plan.final_fee is None else plan.final_fee
        amounts = _amounts(rng, fee, pace)
    if student is academy.demo_student:
        amounts = [Decimal("45000.00"), Decimal("20000.00"), Decimal("15000.00")]
    if not plan.ended_on:
        amounts = amounts[: 1 + (last - first).days // MIN_DAYS_BETWEEN_PAYMENTS]
    days = sorted(first + rng.randrange(max((last - first).days, 1)) * DAY for _ in amounts)
    if days and pace in ("at once", "ahead"):
        days[0] = min(first + rng.randrange(5) * DAY, last)
    if days and pace == "today":
        days[-1] = today
    return [
        PlannedReceipt(student, plan, day, academy.desk_hour(day), amount)
        for day, amount in zip(days, amounts, strict=True)
    ]


def _mistake(rng, receipt):
    """Return a cancelled receipt, entered minutes before ``receipt``."""
    reason = rng.choice(MISTAKES)
    return PlannedReceipt(
        receipt.student,
        receipt.plan,
        receipt.day,
        receipt.at - datetime.timedelta(minutes=12),
        receipt.amount + (1000 if reason == "Amount typed wrongly" else 0),
        reason,
    )


def _hundreds(amount):
    return (amount / 100).to_integral_value() * Decimal("100.00")


def _amounts(rng, fee, pace):
    if pace == "nothing" or fee <= ZERO:
        return []
    if pace == "at once":
        return [fee]
    if pace == "ahead":
        return [fee + rng.choice([1000, 2000, 5000])]
    if pace == "in parts":
        if rng.random() < 0.8:
            return split(fee, rng.choice([2, 4, 4, 5]))
        start = _hundreds(fee * rng.randrange(30, 60) / 100)
        return [start, fee - start] if start > ZERO else [fee]
    percent = rng.randrange(15, 70) if pace == "behind" else rng.randrange(42, 58)
    part = _hundreds(fee * percent / 100)
    return [] if part <= ZERO else split(part, rng.choice([1, 2, 4, 4, 5]))
