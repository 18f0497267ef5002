from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction

from academics.models import EnrollmentStatus
from academics.services.enrollments import end_enrollment, open_enrollment
from coachmaster.core.money import ZERO, split_in_proportion
from finance.balances import refresh_accounts
from finance.locks import lock_account, lock_batch

from . import installments
from .enrollments import tuition_lines


@transaction.atomic
def transfer(*, enrollment, batch, on, by, reason="", agreed_fee=None, fee_reason="", rows=None):
    """Move a student to another batch: one enrollment ends and the other begins on the day ``on``.

    Old tuition that was due before that day stays; the rest of it is cancelled, and of the new fee what does not stay
    already is posted, by ``rows`` (pairs of a due date and rupees to be paid) or in proportion on the dates that were
    open. No row is due before that day, unless what it stands for was. Concessions are carried over; what was paid stays paid. Without ``agreed_fee`` (rupees) the fee is that of `fee_after_transfer`. Raises ValidationError
    as `enroll` does; then nothing has moved.
    """
    if batch.pk == enrollment.batch_id:
        raise ValidationError(
            {"batch": "The student is in this batch already. Choose another one."}
        )
    batch = lock_batch(batch)
    lock_account(enrollment.student_id)
    if agreed_fee is None:
        agreed_fee, fee_reason = fee_after_transfer(enrollment, batch)
    words = (f"Transferred to {batch}" + (f": {reason}" if reason else ""))[:200]
    enrollment = end_enrollment(enrollment, EnrollmentStatus.DROPPED, ended_on=on, reason=words)
    settlement = transfer_terms(enrollment, agreed_fee, on)
    moved = open_enrollment(
        student=enrollment.student,
        batch=batch,
        enrolled_on=on,
        agreed_fee=agreed_fee,
        fee_reason=fee_reason,
        transferred_from=enrollment,
    )
    first_day = min([on, *(due_on for due_on, _ in settlement.rows)])
    if rows is None:
        rows = settlement.rows
    installments.check_installments(rows, settlement.to_pay, not_before=first_day)
    charges = [line.charge for line in settlement.cancelled]
    installments.replace_charges(
        moved, charges, rows, reason=words, by=by, carry=settlement.conceded > ZERO
    )
    refresh_accounts([enrollment.student_id])
    return moved


@dataclass
class TransferTerms:
    """What a transfer does to the tuition, in rupees: what ``stays`` of the old fee, what is ``conceded`` of the rest of
    the new one, and the ``rows`` by which the remainder is ``to_pay``."""

    stays: Decimal
    cancelled: list
    conceded: Decimal
    to_pay: Decimal
    rows: list

    @property
    def cancelled_amount(self):
        """What the charges that are cancelled cost, less what was taken off them."""
        return sum((line.net for line in self.cancelled), ZERO)


def transfer_terms(enrollment, agreed_fee, on):
    """The Settlement of a transfer from ``enrollment`` on the day ``on``, for a new fee of ``agreed_fee`` rupees."""
    lines = tuition_lines(enrollment)
    cancelled = [line for line in lines if line.charge.due_on >= on]
    stays = sum((line.charge.amount for line in lines if line.charge.due_on < on), ZERO)
    if stays > agreed_fee:
        # More was due already than the new course costs in all: the old fee goes, the new one takes its place.
        cancelled, stays = lines, ZERO
    to_post = agreed_fee - stays
    conceded = sum((line.conceded for line in cancelled), ZERO)
    if conceded >= to_post:
        conceded = ZERO  # a concession of more than the whole new fee lapses
    to_pay = to_post - conceded
    weights = [(line.charge.due_on, line.net) for line in cancelled if line.net > ZERO]
    if to_pay == ZERO:
        rows = []
    elif weights:
        parts = split_in_proportion(to_pay, [amount for _, amount in weights])
        rows = [
            (due_on, part) for (due_on, _), part in zip(weights, parts, strict=True) if part > ZERO
        ]
    else:
        rows = [(on, to_pay)]
    return TransferTerms(
        stays=stays, cancelled=cancelled, conceded=conceded, to_pay=to_pay, rows=rows
    )


def fee_after_transfer(enrollment, batch):
    """The fee (rupees) that goes on in ``batch``, and the reason when it is lower than the course's: within a course
    what was agreed stays agreed, in another course its fee counts."""
    fee = batch.course.total_fee
    if batch.course_id != enrollment.batch.course_id or enrollment.agreed_fee >= fee:
        return fee, ""
    return enrollment.agreed_fee, enrollment.fee_reason or f"As agreed for {enrollment.batch}"
