"""Payments of the demo, numbered in order of time."""

import datetime
import secrets

from coachmaster.core.dates import financial_year
from coachmaster.core.money import ZERO, plain
from finance.ledger import FeeStatus, allocate, allocate_payment
from finance.models import (
    ChequeClearing,
    ChequeDeposit,
    Letterhead,
    LiveReference,
    Mode,
    Payment,
    ReceiptSeries,
    Reversal,
    live_reference,
    normalised_reference,
)

from .academy import CHUNK, DAY

#: Payment modes, with weights.
MODES = {Mode.UPI: 50, Mode.CASH: 22, Mode.BANK_TRANSFER: 12, Mode.CARD: 11, Mode.CHEQUE: 5}
BANKS = ["HDFC", "SBIN", "ICIC", "UTIB", "MAHB"]
#: Why a receipt is cancelled as a bounced cheque.
BOUNCED = "Funds insufficient"
#: Days from the receipt of a cheque until it is taken to the bank, and until the bank answers.
TO_DEPOSIT, TO_CLEAR = DAY, 4 * DAY


def create_payments(academy, receipts, charges, progress):
    """Create the payments of PlannedReceipts; ``charges`` are lists by the student's id."""
    numbering = _Numbering()
    paid, references = {}, set()
    for start in progress(range(0, len(receipts), CHUNK), "Payments"):
        chunk = receipts[start : start + CHUNK]
        for receipt in chunk:
            student_id = receipt.student.profile.pk
            status = _status(charges[student_id], paid.get(student_id, ZERO), receipt.day)
            receipt.payment = _payment(academy, receipt, status, numbering, references)
            if not receipt.cancel_reason:
                paid[student_id] = paid.get(student_id, ZERO) + receipt.amount
        _write(academy, chunk)
    numbering.save()


class _Numbering:
    def __init__(self):
        self.institute, self.letterhead = Letterhead.objects.current()
        self.series = {}

    def next(self, day):
        year = financial_year(day)
        if year not in self.series:
            prefix = self.institute.receipt_prefix
            self.series[year] = ReceiptSeries.objects.create(year=year, prefix=prefix)
        self.series[year].last_number += 1
        return self.series[year]

    def save(self):
        for series in self.series.values():
            series.save()


def _status(charges, paid, day):
    """Return the FeeStatus on ``day``, before the payment."""
    active = sorted(
        (
            charge
            for charge in charges
            if charge.posted_on <= day and not (charge.cancelled_on and charge.cancelled_on <= day)
        ),
        key=lambda charge: (charge.due_on, charge.pk),
    )
    total = sum((charge.amount for charge in active), ZERO)
    return FeeStatus(on=day, total_fee=total, total_paid=paid, lines=allocate(active, paid, day))


def _payment(academy, receipt, status, numbering, references):
    series = numbering.next(receipt.day)
    modes = {Mode.CHEQUE: 1} if receipt.cancel_reason == BOUNCED else MODES
    mode, reference = _mode(academy.rng, references, modes)
    after = status.after(receipt.amount, is_cleared=mode != Mode.CHEQUE)
    profile = receipt.student.profile
    return Payment(
        student=profile,
        enrollment=receipt.plan.enrollment,
        amount=receipt.amount,
        paid_on=receipt.day,
        booked_on=receipt.day,
        mode=mode,
        reference=reference,
        cheque_on=receipt.day if mode == Mode.CHEQUE else None,
        series=series,
        number=series.last_number,
        receipt_number=series.number(series.last_number),
        token=secrets.token_urlsafe(24),
        received_by=academy.desk if academy.rng.random() < 0.8 else academy.owner,
        recorded_at=receipt.at,
        settled=[
            [str(charge) if charge else "Advance", plain(part)]
            for charge, part in allocate_payment(status, receipt.amount)
        ],
        balance_after=after.balance,
        dues_after=after.amounts.dated if after.balance > ZERO or after.uncleared else "",
        letterhead=numbering.letterhead,
        place_of_supply=numbering.letterhead.place_of_supply(profile),
    )


def _mode(rng, references, modes):
    mode = rng.choices(list(modes), modes.values())[0]
    while mode != Mode.CASH:
        number = rng.randrange(10**11, 10**12)
        reference = {
            Mode.UPI: f"{number}",
            Mode.BANK_TRANSFER: f"{rng.choice(BANKS)}N{number}",
            Mode.CARD: f"APPR {number % 10**8:08d}",
            Mode.CHEQUE: f"{number % 10**6:06d}",
        }[mode]
        if normalised_reference(reference) not in references:
            references.add(normalised_reference(reference))
            return mode, reference
    return mode, ""


def _write(academy, receipts):
    Payment.objects.bulk_create([receipt.payment for receipt in receipts], batch_size=500)
    LiveReference.objects.bulk_create(
        [
            LiveReference(reference=live_reference(receipt.payment), payment=receipt.payment)
            for receipt in receipts
            if receipt.payment.reference and not receipt.cancel_reason
        ],
        batch_size=CHUNK,
    )
    Reversal.objects.bulk_create(
        _reversal(academy, receipt) for receipt in receipts if receipt.cancel_reason
    )
    cheques = [receipt for receipt in receipts if receipt.payment.mode == Mode.CHEQUE]
    ChequeDeposit.objects.bulk_create(
        ChequeDeposit(
            payment=receipt.payment,
            deposited_on=receipt.day + TO_DEPOSIT,
            deposited_by=academy.desk,
            recorded_at=receipt.at + TO_DEPOSIT,
        )
        for receipt in cheques
        if receipt.at + TO_DEPOSIT <= academy.now
    )
    ChequeClearing.objects.bulk_create(
        ChequeClearing(
            payment=receipt.payment,
            cleared_on=receipt.day + TO_CLEAR,
            cleared_by=academy.owner,
            recorded_at=receipt.at + TO_CLEAR,
        )
        for receipt in cheques
        if receipt.at + TO_CLEAR <= academy.now and not receipt.cancel_reason
    )


def _reversal(academy, receipt):
    """Cancel a receipt after minutes, or let its cheque bounce after days."""
    has_bounced = receipt.cancel_reason == BOUNCED
    after = TO_CLEAR if has_bounced else datetime.timedelta(minutes=8)
    day = min(receipt.day + after, academy.today)
    return Reversal(
        payment=receipt.payment,
        kind=Reversal.Kind.BOUNCED if has_bounced else Reversal.Kind.VOID,
        voided_on=day,
        booked_on=day,
        reason=receipt.cancel_reason,
        voided_by=academy.owner,
        voided_at=min(receipt.at + after, academy.now),
    )
