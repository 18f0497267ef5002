from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction

from academics.models import EnrollmentStatus
from academics.services.enrollments import EnrollmentTerms, end_enrollment, open_enrollment
from coachmaster.core.money import ZERO, split_in_proportion
from finance.balances import refresh_accounts
from finance.ledger import ChargeLine
from finance.locks import lock_account, lock_batch

from .enrollments import tuition_lines
from .installments import check_installments, replace_charges


@transaction.atomic
def transfer(*, enrollment, batch, on, by, reason="", agreed_fee=None, fee_reason="", rows=None):
    """End ``enrollment`` and enroll the student in ``batch`` from the day ``on``.

    Tuition due before that day stays. The rest of the new fee is posted by ``rows`` (pairs of a
    due date and rupees) or in proportion on the old dates. Concessions are carried over.
    """
    if batch.pk == enrollment.batch_id:
        raise ValidationError(
            {"batch": "The student is already in this batch. Choose another one."}
        )
    batch = lock_batch(batch)
    lock_account(enrollment.student_id)
    if agreed_fee is None:
        agreed_fee, fee_reason = fee_after_transfer(enrollment, batch)
    note = (f"Transferred to {batch}" + (f": {reason}" if reason else ""))[:200]
    enrollment = end_enrollment(enrollment, EnrollmentStatus.DROPPED, ended_on=on, reason=note)
    terms = transfer_terms(enrollment, agreed_fee, on)
    new_enrollment = open_enrollment(
        student=enrollment.student,
        batch=batch,
        terms=EnrollmentTerms(on, agreed_fee, fee_reason),
        transferred_from=enrollment,
        by=by,
    )
    if rows is None:
        rows = terms.rows
    first_day = min([on, *(due_on for due_on, _ in terms.rows)])
    check_installments(rows, terms.to_pay, not_before=first_day)
    replace_charges(
        new_enrollment,
        [line.charge for line in terms.cancelled],
        rows,
        reason=note,
        by=by,
        carry=terms.conceded > ZERO,
    )
    refresh_accounts([enrollment.student_id])
    return new_enrollment


@dataclass
class TransferTerms:
    """The effect on the tuition, in rupees: the old fee that ``stays``, the part ``conceded`` of
    the rest, and the ``rows`` by which the remainder is ``to_pay``.
    """

    stays: Decimal
    #: More was due before the transfer than the new fee, so nothing of the old fee stays.
    replaces_all: bool
    cancelled: list[ChargeLine]
    conceded: Decimal
    #: Concessions that end, since they exceed the new fee.
    lapsed: Decimal
    to_pay: Decimal
    rows: list

    @property
    def cancelled_amount(self):
        return sum((line.net for line in self.cancelled), ZERO)


def transfer_terms(enrollment, agreed_fee, on):
    lines = tuition_lines(enrollment)
    cancelled = [line for line in lines if line.charge.due_on >= on]
    stays = sum((line.charge.amount for line in lines if line.charge.due_on < on), ZERO)
    replaces_all = stays > agreed_fee
    if replaces_all:
        cancelled, stays = lines, ZERO
    to_post = agreed_fee - stays
    conceded, lapsed = sum((line.conceded for line in cancelled), ZERO), ZERO
    if conceded >= to_post:
        conceded, lapsed = ZERO, conceded
    to_pay = to_post - conceded
    rows = _rows_on_old_dates(cancelled, to_pay) or [(on, to_pay)]
    return TransferTerms(
        stays=stays,
        replaces_all=replaces_all,
        cancelled=cancelled,
        conceded=conceded,
        lapsed=lapsed,
        to_pay=to_pay,
        rows=rows if to_pay > ZERO else [],
    )


def _rows_on_old_dates(lines, amount):
    lines = [line for line in lines if line.net > ZERO]
    if not lines:
        return []
    parts = split_in_proportion(amount, [line.net for line in lines])
    dates = [line.charge.due_on for line in lines]
    return [(due_on, part) for due_on, part in zip(dates, parts, strict=True) if part > ZERO]


def fee_after_transfer(enrollment, batch):
    """Return the fee, and the reason if it is below the course fee.

    A lower agreed fee stays within a course.
    """
    fee = batch.course.total_fee
    if batch.course_id != enrollment.batch.course_id or enrollment.agreed_fee >= fee:
        return fee, ""
    return enrollment.agreed_fee, enrollment.fee_reason or f"As agreed for {enrollment.batch}"
