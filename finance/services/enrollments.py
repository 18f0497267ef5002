"""Enroll students, and end enrollments, together with their tuition."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from academics.models import DropReason, EnrollmentStatus
from academics.services.enrollments import end_enrollment
from coachmaster.core.money import ZERO, display
from finance.balances import refresh_accounts
from finance.ledger import fee_status
from finance.locks import lock_account
from finance.models import Charge, ChargeKind

from .bulk_enrollments import BulkEnrollment
from .installments import build_charges, cancel_charges


@transaction.atomic
def enroll(*, student, batch, enrolled_on, by, agreed_fee=None, fee_reason="", installments=None):
    """Enroll ``student`` and post the tuition.

    ``installments`` are pairs of a due date and rupees; by default everything is due on the day of
    enrolling.
    """
    enrolling = BulkEnrollment(student_ids=[student.pk], batch_ids=[batch.pk], by=by)
    enrollment = enrolling.enroll(
        student=student,
        batch_id=batch.pk,
        enrolled_on=enrolled_on,
        agreed_fee=agreed_fee,
        fee_reason=fee_reason,
        installments=installments,
    )
    enrolling.write([enrollment])
    enrolling.finish()
    return enrollment


@transaction.atomic
def drop(*, enrollment, ended_on, reason, by, note="", fee_to_keep=None, fee_reason=""):
    """End an active enrollment early; ``fee_to_keep`` is the tuition in rupees to keep.

    ``reason`` is a DropReason. Raise ValidationError if it is “Other” without a ``note``.
    """
    if reason not in DropReason.values:
        raise ValidationError({"reason": "Choose the reason for dropping the student."})
    if reason == DropReason.OTHER and not note:
        raise ValidationError({"note": "Enter the other reason."})
    lock_account(enrollment.student_id)
    if fee_reason:
        retained = f"fee retained: {fee_reason}"
        note = f"{note} ({retained})" if note else retained
    enrollment = end_enrollment(
        enrollment, EnrollmentStatus.DROPPED, ended_on=ended_on, reason=note, drop_reason=reason
    )
    if fee_to_keep is not None:
        why = f"Dropped: {enrollment.ending_label}"
        _retain_fee(enrollment, fee_to_keep, ended_on=ended_on, reason=why, by=by)
        refresh_accounts([enrollment.student_id])
    return enrollment


def tuition_lines(enrollment, fees=None):
    """Include the tuition of enrollments that were transferred to this one."""
    chain = {earlier.pk for earlier in enrollment.with_predecessors}
    fees = fees or fee_status(enrollment.student, timezone.localdate())
    return [
        line
        for line in fees.lines
        if line.charge.enrollment_id in chain and line.charge.kind == ChargeKind.TUITION
    ]


def _retain_fee(enrollment, fee_to_keep, *, ended_on, reason, by):
    """Reduce the tuition of ``enrollment`` to ``fee_to_keep`` rupees.

    Paid charges stay if they fit. The others are cancelled, and the rest is posted anew, due on
    the first of their dates, but not after the student has left.
    """
    lines = tuition_lines(enrollment)
    charged = sum((line.net for line in lines), ZERO)
    if fee_to_keep == charged:
        return
    if fee_to_keep > charged:
        message = f"At most {display(charged)}, the fee charged for this enrollment."
        raise ValidationError({"fee_to_keep": message})
    rest, cancelled = fee_to_keep, []
    for line in lines:
        if line.unpaid == ZERO and line.net <= rest:
            rest -= line.net
        else:
            cancelled.append(line.charge)
    today = timezone.localdate()
    cancel_charges(cancelled, reason=reason, by=by)
    due_on = min(cancelled[0].due_on, max(ended_on, today))
    rows = [(due_on, rest)] if rest > ZERO else []
    Charge.objects.bulk_create(build_charges(enrollment, rows, on=today, by=by))


@transaction.atomic
def complete(*, enrollment, ended_on, by):
    lock_account(enrollment.student_id)
    return end_enrollment(enrollment, EnrollmentStatus.COMPLETED, ended_on=ended_on, reason="")
