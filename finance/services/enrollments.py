import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from academics.models import Batch, EnrollmentStatus
from academics.services.enrollments import end_enrollment, end_enrollments
from coachmaster.core.dates import format_date
from coachmaster.core.money import ZERO, display
from finance.balances import refresh_accounts
from finance.ledger import fee_status
from finance.locks import lock_account
from finance.models import Charge, ChargeKind

from . import installments
from .bulk_enrollments import BulkEnrollment


@transaction.atomic
def enroll(*, student, batch, enrolled_on, by, agreed_fee=None, fee_reason="", installments=None):
    """Enroll ``student`` in ``batch`` and post the tuition.

    ``agreed_fee`` in rupees; left out, it is the course's fee. ``installments`` are pairs of a due date and rupees that
    add up to it; left out, all of it is due on the day of enrolling. Raises ValidationError with a sentence when the batch is full or over, the student is inactive or has an
    active enrollment, or the fee is lowered without a reason.
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
def enroll_several(*, students, batch, enrolled_on, by, plan=None):
    """Enroll all ``students`` in ``batch`` at the course's fee, or none of them. Returns the enrollments.

    They pay by ``plan``, one of the course's; left out, at once.
    Raises ValidationError with a sentence for the batch, or one for each student that stands in the way.
    """
    enrolling = BulkEnrollment(
        student_ids=[student.pk for student in students], batch_ids=[batch.pk], by=by
    )
    batch, seats = enrolling.batches[batch.pk], enrolling.seats_left(batch.pk)
    if seats is not None and len(students) > seats:
        raise ValidationError(
            {
                "batch": f"{batch} has {seats} of {batch.capacity} seats left, for {len(students)} students."
            }
        )
    rows = installments.plan_rows(plan, batch.course.total_fee, enrolled_on) if plan else None
    enrollments, refusals = [], []
    for student in sorted(students, key=lambda student: student.pk):
        try:
            enrollments.append(
                enrolling.enroll(
                    student=student, batch_id=batch.pk, enrolled_on=enrolled_on, installments=rows
                )
            )
        except ValidationError as refusal:
            if hasattr(refusal, "error_dict"):
                raise  # about the batch or the day, and so the same for everybody
            refusals.append(refusal)
    if refusals:
        raise ValidationError(refusals)
    enrolling.write(enrollments)
    enrolling.finish()
    return enrollments


@transaction.atomic
def drop(*, enrollment, ended_on, reason, by, fee_to_keep=None, fee_reason=""):
    """End an active enrollment before its time, from the day ``ended_on`` on.

    ``fee_to_keep`` (rupees) is the fee that stays charged for it; left out, nothing about the fee changes.
    ``fee_reason`` says why it is another than what was proposed. Raises ValidationError.
    """
    if not reason:
        raise ValidationError({"reason": "Say why the student leaves."})
    lock_account(enrollment.student_id)
    words = f"{reason} (fee kept: {fee_reason})" if fee_reason else reason
    enrollment = end_enrollment(
        enrollment, EnrollmentStatus.DROPPED, ended_on=ended_on, reason=words
    )
    if fee_to_keep is not None:
        _retain_fee(enrollment, fee_to_keep, ended_on=ended_on, reason=f"Left: {words}", by=by)
        refresh_accounts([enrollment.student_id])
    return enrollment


def tuition_lines(enrollment, fees=None):
    """The lines of the ledger about the tuition of ``enrollment`` and of those it was transferred from, by due date.

    ``fees`` spares asking how the student stands.
    """
    chain = {one.pk for one in enrollment.with_predecessors}
    fees = fees or fee_status(enrollment.student, timezone.localdate())
    return [
        line
        for line in fees.lines
        if line.charge.enrollment_id in chain and line.charge.kind == ChargeKind.TUITION
    ]


def _retain_fee(enrollment, fee_to_keep, *, ended_on, reason, by):
    """Cancel what is open of the tuition, so that ``fee_to_keep`` rupees stay to be paid for the enrollment in all.

    What is settled stays as it is while it fits; what goes is posted anew as far as it is kept, due when its first part
    was, but not after the student has left. The rest of what was paid becomes an advance, to be given back. The caller
    holds the account and refreshes it.
    """
    lines = tuition_lines(enrollment)
    charged = sum((line.net for line in lines), ZERO)
    if fee_to_keep == charged:
        return
    if fee_to_keep > charged:
        raise ValidationError(
            {"fee_to_keep": f"At most {display(charged)}, the fee charged for this enrollment."}
        )
    rest, gone = fee_to_keep, []
    for line in lines:
        if line.unpaid == ZERO and line.net <= rest:
            rest -= line.net
        else:
            gone.append(line)
    today = timezone.localdate()
    installments.cancel_charges([line.charge for line in gone], reason=reason, by=by)
    rows = [(min(gone[0].charge.due_on, max(ended_on, today)), rest)] if rest > ZERO else []
    Charge.objects.bulk_create(installments.build_charges(enrollment, rows, on=today, by=by))


@transaction.atomic
def complete(*, enrollment, ended_on, by):
    """End an active enrollment as completed, from the day ``ended_on`` on. What is owed stays owed."""
    lock_account(enrollment.student_id)
    return end_enrollment(enrollment, EnrollmentStatus.COMPLETED, ended_on=ended_on, reason="")


@transaction.atomic
def complete_batch(*, batch, last_day, by):
    """End a batch with ``last_day`` and complete all its active enrollments; returns how many.

    Raises ValidationError when the day lies before the batch starts, before an enrollment or before its last mark.
    """
    batch = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    if last_day < batch.starts_on:
        raise ValidationError(
            {"last_day": f"{batch} starts on {format_date(batch.starts_on)}. Choose a later day."}
        )
    batch.ends_on = last_day
    batch.full_clean()
    batch.save(update_fields=["ends_on"])
    ended_on = last_day + datetime.timedelta(days=1)
    return len(
        end_enrollments(
            batch.enrollments.active(), EnrollmentStatus.COMPLETED, ended_on=ended_on, reason=""
        )
    )
