import datetime

from django.core.exceptions import ValidationError
from django.utils import timezone
from simple_history.utils import bulk_update_with_history

from academics.models import Enrollment, EnrollmentStatus, Institute
from coachmaster.core.dates import format_date, months_later
from coachmaster.core.exceptions import Conflict
from coachmaster.core.money import display


def open_enrollment(
    *, student, batch, enrolled_on, agreed_fee=None, fee_reason="", transferred_from=None
):
    """A new active enrollment. The caller holds the locks on the institute, the batch and the student.

    Raises ValidationError: one sentence for each thing that stands in the way.
    """
    active = Enrollment.objects.active()
    enrollment = new_enrollment(
        student=student,
        batch=batch,
        enrolled_on=enrolled_on,
        agreed_fee=agreed_fee,
        fee_reason=fee_reason,
        institute=Institute.objects.current(),
        now_in=[
            enrollment.batch
            for enrollment in active.filter(student=student).select_related("batch")
        ],
        seats_taken=0 if batch.capacity is None else active.filter(batch=batch).count(),
        today=timezone.localdate(),
    )
    enrollment.student, enrollment.transferred_from = student, transferred_from
    enrollment.save(force_insert=True)
    return enrollment


def new_enrollment(
    *, student, batch, enrolled_on, agreed_fee, fee_reason, institute, now_in, seats_taken, today
):
    """An active enrollment that the rules allow, not saved yet.

    ``now_in`` are the batches in which the student has an active enrollment, ``seats_taken`` how many students the
    batch has. Raises ValidationError; `Conflict` when the batch is over or full, or the student enrolled already.
    """
    if not student.user.is_active:
        raise ValidationError(f"{student} is inactive. Activate the person first.")
    if batch.is_over(max(enrolled_on, today)):
        raise Conflict(
            {
                "batch": f"{batch} ended on {format_date(batch.ends_on)}. Choose a batch that goes on."
            }
        )
    _check_day(enrolled_on, today, field="enrolled_on")
    if batch.starts_on > months_later(enrolled_on, 12):
        raise ValidationError(
            {
                "enrolled_on": f"{batch} starts on {format_date(batch.starts_on)}, more than a year later. Correct the date."
            }
        )
    _refuse_second_enrollment(student, batch, institute, now_in)
    if batch.capacity is not None and seats_taken >= batch.capacity:
        raise Conflict({"batch": f"{batch} is full: all {batch.capacity} seats are taken."})
    enrollment = Enrollment(
        student_id=student.pk,
        batch=batch,
        enrolled_on=enrolled_on,
        is_exclusive=not institute.several_batches_at_once,
    )
    _agree_fee(enrollment, agreed_fee, fee_reason)
    return enrollment


def past_enrollment(*, student, batch, enrolled_on, agreed_fee, fee_reason):
    """A completed enrollment in a batch that is over, not saved yet: history that is brought in from elsewhere.

    It ends with the batch. Raises ValidationError.
    """
    if batch.is_over(enrolled_on):
        raise ValidationError(
            {
                "enrolled_on": f"{batch} ended on {format_date(batch.ends_on)}. Enter a day on or before it."
            }
        )
    enrollment = Enrollment(
        student_id=student.pk,
        batch=batch,
        enrolled_on=enrolled_on,
        status=EnrollmentStatus.COMPLETED,
        ended_on=batch.ends_on + datetime.timedelta(days=1),
    )
    _agree_fee(enrollment, agreed_fee, fee_reason)
    return enrollment


def _refuse_second_enrollment(student, batch, institute, now_in):
    for other in now_in:
        if other.pk == batch.pk:
            raise Conflict(f"{student} is enrolled in {batch} already.")
        if not institute.several_batches_at_once:
            raise Conflict(
                f"{student} has an active enrollment in {other} already. Complete, drop or transfer it first."
            )


_TYPED = ("enrolled_on", "agreed_fee", "fee_reason")


_NOT_TYPED = {field.name for field in Enrollment._meta.get_fields() if field.name not in _TYPED}


def _agree_fee(enrollment, agreed_fee, fee_reason):
    """Copy the course's fee and what was agreed (None: the same). Raises ValidationError."""
    list_fee = enrollment.batch.course.total_fee
    agreed_fee = list_fee if agreed_fee is None else agreed_fee
    if agreed_fee > list_fee:
        raise ValidationError({"agreed_fee": f"At most {display(list_fee)}, the course's fee."})
    if agreed_fee < list_fee and not fee_reason:
        raise ValidationError({"fee_reason": "Say why the fee is lower than the course's fee."})
    enrollment.list_fee, enrollment.agreed_fee, enrollment.fee_reason = (
        list_fee,
        agreed_fee,
        fee_reason,
    )
    enrollment.clean_fields(exclude=_NOT_TYPED)


def _check_day(day, today, *, field):
    """Raises ValidationError, beside ``field``, for a day so far ahead that its year was typed wrongly."""
    if day > (last := months_later(today, 12)):
        raise ValidationError(
            {
                field: f"Choose {format_date(last)} or an earlier day: this is more than a year ahead."
            }
        )


def end_enrollment(enrollment, status, *, ended_on, reason):
    """End an active enrollment; the student is no longer in the batch from the day ``ended_on`` on.

    Raises ValidationError when it has ended already, or would end before it began or before the last mark.
    """
    enrollment = _locked(Enrollment.objects.filter(pk=enrollment.pk)).get()
    _end(enrollment, status, ended_on=ended_on, reason=reason)
    enrollment.save(update_fields=_ENDING)
    return enrollment


def end_enrollments(enrollments, status, *, ended_on, reason):
    """`end_enrollment` for all of ``enrollments`` (a queryset), by as many statements as for one; returns them."""
    ended = list(_locked(enrollments).order_by("pk"))
    for enrollment in ended:
        _end(enrollment, status, ended_on=ended_on, reason=reason)
    bulk_update_with_history(ended, Enrollment, _ENDING)
    return ended


_ENDING = ["status", "ended_on", "end_reason"]


def _locked(enrollments):
    return enrollments.select_for_update(of=("self",)).select_related("student__user", "batch")


def _end(enrollment, status, *, ended_on, reason):
    if not enrollment.is_active:
        raise ValidationError(
            f"{enrollment} has ended already ({enrollment.get_status_display().lower()} on {format_date(enrollment.ended_on)})."
        )
    if ended_on < enrollment.enrolled_on:
        raise ValidationError(
            {
                "ended_on": f"{enrollment.student} was enrolled on {format_date(enrollment.enrolled_on)}. Choose that day or a later one."
            }
        )
    _check_day(ended_on, timezone.localdate(), field="ended_on")
    if enrollment.last_marked_on and ended_on < enrollment.last_marked_on:
        raise ValidationError(
            {
                "ended_on": f"{enrollment.student} has an attendance mark of {format_date(enrollment.last_marked_on)}. Choose that day or a later one."
            }
        )
    enrollment.status, enrollment.ended_on, enrollment.end_reason = (
        EnrollmentStatus(status),
        ended_on,
        reason,
    )
    enrollment.clean_fields(exclude=["student", "batch"])
