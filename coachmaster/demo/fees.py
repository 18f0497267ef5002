"""What its students owe and how they pay: at once, in parts, late, or not yet."""

import datetime
import secrets
from dataclasses import dataclass
from decimal import Decimal

from academics.models import Course
from accounts.models import StudentProfile
from coachmaster.core.dates import financial_year
from coachmaster.core.money import ZERO, plain, split
from finance.balances import refresh_accounts, refresh_day_totals
from finance.ledger import FeeStatus, allocate, allocate_payment
from finance.models import (
    Charge,
    FeePlan,
    Letterhead,
    LiveReference,
    Mode,
    Payment,
    ReceiptSeries,
    Reversal,
    live_reference,
    normalised_reference,
)
from finance.services.installments import build_charges, save_plan

from .academy import CHUNK, DAY

PACES = {
    "at once": 12,
    "in parts": 42,
    "behind": 14,
    "on the way": 20,
    "nothing": 4,
    "ahead": 5,
    "today": 3,
}
INSTALLMENTS = 5
#: At least so many days lie between two parts of a fee that are paid.
DAYS_BETWEEN = 20
#: Which of the installments is due on the day that `_pace` says; a month lies between two of them, or less.
FALLS_ON = {"behind": 3, "nothing": 3, "on the way": 2, "today": 2}
MODES = {Mode.UPI: 50, Mode.CASH: 22, Mode.BANK_TRANSFER: 12, Mode.CARD: 11, Mode.CHEQUE: 5}
BANKS = ["HDFC", "SBIN", "ICIC", "UTIB", "MAHB"]
MISTAKES = [
    "Entered for the wrong student",
    "Amount typed wrongly",
    "UPI payment did not arrive",
    "Entered twice",
]


@dataclass
class Receipt:
    """One payment in the making. ``voided_because`` is empty for those that stand."""

    pupil: object
    stay: object
    day: datetime.date
    at: datetime.datetime
    amount: Decimal
    voided_because: str = ""
    payment: Payment | None = None


def collect(academy, progress):
    """Post the charges, and write the payments in the order in which they came."""
    for course in Course.objects.all():
        parts = [
            {"percent": 100 // INSTALLMENTS, "days": 30 * number} for number in range(INSTALLMENTS)
        ]
        save_plan(FeePlan(course=course, name="Five installments"), parts)
    receipts = []
    charges = {}
    for pupil in academy.pupils:
        for number, stay in enumerate(pupil.stays):
            before = (
                pupil.stays[number - 1] if number and pupil.stays[number - 1].moves_on else None
            )
            carried = sum(
                (each.amount for each in receipts[-6:] if before and each.stay is before), ZERO
            )
            pace, stay.due_on = _pace(academy, pupil, stay, before)
            in_parts = (
                pace != "at once"
                and not before
                and stay.fee_kept is None
                and pupil is not academy.demo_pupil
            )
            rows = _installments(stay, pace) if in_parts else [(stay.due_on, stay.agreed_fee)]
            charges.setdefault(pupil.profile.pk, []).extend(_charges(academy, stay, rows))
            receipts += _receipts(academy, pupil, stay, pace, carried)
    Charge.objects.bulk_create(
        [charge for rows in charges.values() for charge in rows], batch_size=CHUNK
    )
    receipts += [_mistake(academy.rng, receipt) for receipt in receipts[30::60]]
    receipts.sort(key=lambda receipt: receipt.at)
    _write(academy, receipts, charges, progress)
    refresh_accounts(StudentProfile.objects.values_list("pk", flat=True))
    refresh_day_totals({receipt.day for receipt in receipts})


def _pace(academy, pupil, stay, before):
    """How the fee of a stay is paid, and when it is due."""
    rng, today = academy.rng, academy.today
    pace = rng.choices(list(PACES), PACES.values())[0]
    if pupil is academy.demo_pupil:
        return "behind", today - 9 * DAY
    if before:
        return "in parts", before.due_on
    if stay.ended_on:
        pace = "behind" if pace in ("nothing", "behind") else "in parts"
    elif stay.enrolled_on > today - 12 * DAY:
        pace = {"behind": "on the way", "today": "on the way"}.get(pace, pace)
        return pace, max(stay.enrolled_on, today) + rng.choice([0, 0, 7, 15, 30]) * DAY
    first = stay.enrolled_on
    if pace in ("behind", "nothing"):
        return pace, max(first, today - rng.randrange(3, 75) * DAY)
    if pace in ("on the way", "today"):
        return pace, today + rng.choice([0, 5, 10, 20, 45, 75]) * DAY
    return pace, first + rng.choice([0, 15, 30, 60]) * DAY


def _installments(stay, pace):
    """When the parts of a fee are due, and how much each is."""
    place = FALLS_ON.get(pace, 0)
    step = max(min(30, (stay.due_on - stay.enrolled_on).days // place if place else 30), 1)
    parts = split(stay.agreed_fee, INSTALLMENTS)
    return [
        (stay.due_on + (number - place) * step * DAY, part) for number, part in enumerate(parts)
    ]


def _charges(academy, stay, rows):
    """The tuition of a stay; cancelled, and posted anew with what stays charged, where it ended early."""
    charges = build_charges(stay.enrollment, rows, on=stay.agreed_on, by=academy.desk)
    for charge in charges:
        charge.created_at = stay.enrollment.created_at
    if stay.fee_kept is not None:
        for charge in charges:
            charge.cancelled_on, charge.cancelled_by = stay.ended_on, academy.desk
            charge.cancel_reason = stay.reason if stay.moves_on else f"Left: {stay.reason}"
        kept = [(stay.due_on, stay.fee_kept)] if stay.fee_kept > ZERO else []
        for charge in build_charges(stay.enrollment, kept, on=stay.ended_on, by=academy.desk):
            charge.created_at = academy.desk_hour(stay.ended_on)
            charges.append(charge)
    return charges


def _receipts(academy, pupil, stay, pace, carried):
    """What is paid for a stay. ``carried`` rupees were paid in the batch before."""
    rng, today = academy.rng, academy.today
    first, last = stay.agreed_on, min(stay.ended_on or today, today)
    if stay.moves_on:
        parts = split(_round(stay.agreed_fee * Decimal("0.4")), 2)
    else:
        fee = stay.agreed_fee - carried if stay.fee_kept is None else stay.fee_kept
        parts = _parts(rng, fee, pace)
    if pupil is academy.demo_pupil:
        parts = [Decimal("45000.00"), Decimal("20000.00"), Decimal("15000.00")]
    if not stay.ended_on:
        # Nobody brings the parts of a year within a week.
        parts = parts[: 1 + (last - first).days // DAYS_BETWEEN]
    days = sorted(first + rng.randrange(max((last - first).days, 1)) * DAY for _ in parts)
    if days and pace in ("at once", "ahead"):
        days[0] = min(first + rng.randrange(5) * DAY, last)
    if days and pace == "today":
        days[-1] = today
    receipts = []
    for day, amount in zip(days, parts, strict=True):
        receipts.append(Receipt(pupil, stay, day, academy.desk_hour(day), amount))
    return receipts


def _mistake(rng, receipt):
    """What was entered wrongly, and voided, minutes before a payment."""
    reason = rng.choice(MISTAKES)
    return Receipt(
        receipt.pupil,
        receipt.stay,
        receipt.day,
        receipt.at - datetime.timedelta(minutes=12),
        receipt.amount + (1000 if reason == "Amount typed wrongly" else 0),
        reason,
    )


def _round(amount):
    """Hundreds of rupees."""
    return (amount / 100).to_integral_value() * Decimal("100.00")


def _parts(rng, fee, pace):
    if pace == "nothing" or fee <= ZERO:
        return []
    if pace == "at once":
        return [fee]
    if pace == "ahead":
        return [fee + rng.choice([1000, 2000, 5000])]
    if pace == "in parts":
        if rng.random() < 0.8:
            return split(fee, rng.choice([2, 4, 4, 5]))
        start = _round(fee * rng.randrange(30, 60) / 100)
        return [start, fee - start] if start > ZERO else [fee]
    # Of who is behind, four of five installments are overdue; of the others two are over, and one may be due today.
    part = _round(
        fee * (rng.randrange(15, 70) if pace == "behind" else rng.randrange(42, 58)) / 100
    )
    return [] if part <= ZERO else split(part, rng.choice([1, 2, 4, 4, 5]))


def _mode(rng, taken):
    """A mode, and a reference that no other payment has."""
    mode = rng.choices(list(MODES), MODES.values())[0]
    while mode != Mode.CASH:
        number = rng.randrange(10**11, 10**12)
        reference = {
            Mode.UPI: f"{number}",
            Mode.BANK_TRANSFER: f"{rng.choice(BANKS)}N{number}",
            Mode.CARD: f"APPR {number % 10**8:08d}",
            Mode.CHEQUE: f"{number % 10**6:06d}",
        }[mode]
        if normalised_reference(reference) not in taken:
            taken.add(normalised_reference(reference))
            return mode, reference
    return mode, ""


def _write(academy, receipts, charges, progress):
    """Number the receipts in their order and write them, with what each said on its day."""
    rng = academy.rng
    institute, letterhead = Letterhead.objects.current()
    series = {}
    paid, taken = {}, set()
    for start in progress(range(0, len(receipts), CHUNK), "Payments"):
        chunk = receipts[start : start + CHUNK]
        for receipt in chunk:
            student = receipt.pupil.profile
            year = financial_year(receipt.day)
            if year not in series:
                series[year] = ReceiptSeries.objects.create(
                    year=year, prefix=institute.receipt_prefix
                )
            series[year].last_number += 1
            status = _status(charges[student.pk], paid.get(student.pk, ZERO), receipt.day)
            mode, reference = _mode(rng, taken)
            receipt.payment = Payment(
                student=student,
                enrollment=receipt.stay.enrollment,
                amount=receipt.amount,
                paid_on=receipt.day,
                booked_on=receipt.day,
                mode=mode,
                reference=reference,
                cheque_on=receipt.day if mode == Mode.CHEQUE else None,
                series=series[year],
                number=series[year].last_number,
                receipt_number=series[year].number(series[year].last_number),
                token=secrets.token_urlsafe(24),
                received_by=academy.desk if rng.random() < 0.8 else academy.owner,
                recorded_at=receipt.at,
                settled=[
                    [str(charge) if charge else "Advance", plain(part)]
                    for charge, part in allocate_payment(status, receipt.amount)
                ],
                balance_after=status.balance - receipt.amount,
                letterhead=letterhead,
                place_of_supply=letterhead.place_of_supply(student),
            )
            if not receipt.voided_because:
                paid[student.pk] = paid.get(student.pk, ZERO) + receipt.amount
        Payment.objects.bulk_create([receipt.payment for receipt in chunk], batch_size=500)
        LiveReference.objects.bulk_create(
            [
                LiveReference(reference=live_reference(receipt.payment), payment=receipt.payment)
                for receipt in chunk
                if receipt.payment.reference and not receipt.voided_because
            ],
            batch_size=CHUNK,
        )
        Reversal.objects.bulk_create(
            Reversal(
                payment=receipt.payment,
                voided_on=receipt.day,
                booked_on=receipt.day,
                reason=receipt.voided_because,
                voided_by=academy.owner,
                voided_at=receipt.at + datetime.timedelta(minutes=8),
            )
            for receipt in chunk
            if receipt.voided_because
        )
    for row in series.values():
        row.save()


def _status(charges, paid, day):
    """How the student stood on that day, before the payment."""
    standing = sorted(
        (
            c
            for c in charges
            if c.posted_on <= day and not (c.cancelled_on and c.cancelled_on <= day)
        ),
        key=lambda charge: (charge.due_on, charge.pk),
    )
    total = sum((charge.amount for charge in standing), ZERO)
    return FeeStatus(on=day, total_fee=total, total_paid=paid, lines=allocate(standing, paid, day))
