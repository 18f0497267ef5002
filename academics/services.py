"""Changes of an enrollment's state. Money follows them in `finance.services`: pages, imports and admin call those."""

from django.core.exceptions import ValidationError
from django.utils import timezone

from coachmaster.ground.days import day_words
from coachmaster.ground.money import display

from .models import Enrollment, EnrollmentStatus, Institute


def open_enrollment(*, student, batch, enrolled_on, agreed_fee=None, fee_reason=""):
    """A new active enrollment. The caller holds the locks on the institute, the batch and the student.

    Raises ValidationError: one sentence for each thing that stands in the way.
    """
    institute = Institute.objects.current()
    list_fee = batch.course.total_fee
    if not student.user.is_active:
        raise ValidationError(f"{student} is inactive. Activate the person first.")
    if batch.is_over(max(enrolled_on, timezone.localdate())):
        raise ValidationError({"batch": f"{batch} ended on {day_words(batch.ends_on)}. Choose a batch that goes on."})
    active = Enrollment.objects.active()
    refuse_second_enrollment(student, batch, institute)
    if batch.capacity is not None and active.filter(batch=batch).count() >= batch.capacity:
        raise ValidationError({"batch": f"{batch} is full: all {batch.capacity} seats are taken."})
    enrollment = Enrollment(
        student=student,
        batch=batch,
        enrolled_on=enrolled_on,
        list_fee=list_fee,
        agreed_fee=list_fee if agreed_fee is None else agreed_fee,
        fee_reason=fee_reason,
        is_exclusive=not institute.several_batches_at_once,
    )
    if enrollment.agreed_fee > list_fee:
        raise ValidationError({"agreed_fee": f"At most {display(list_fee)}, the course's fee."})
    if enrollment.agreed_fee < list_fee and not fee_reason:
        raise ValidationError({"fee_reason": "Say why the fee is lower than the course's fee."})
    enrollment.clean_fields(exclude=["student", "batch"])
    enrollment.save(force_insert=True)
    return enrollment


def refuse_second_enrollment(student, batch, institute):
    """Raises ValidationError when ``student`` is enrolled where a second enrollment is not allowed."""
    active = Enrollment.objects.active().filter(student=student).select_related("batch")
    for enrollment in active:
        if enrollment.batch_id == batch.pk:
            raise ValidationError(f"{student} is enrolled in {batch} already.")
        if not institute.several_batches_at_once:
            raise ValidationError(
                f"{student} has an active enrollment in {enrollment.batch} already. Complete, drop or transfer it first."
            )


def end_enrollment(enrollment, status, *, ended_on, reason):
    """End an active enrollment; the student is no longer in the batch from the day ``ended_on`` on.

    Raises ValidationError when it has ended already, or would end before it began or before the last mark.
    """
    enrollment = (
        Enrollment.objects.select_for_update(of=("self",))
        .select_related("student__user", "batch")
        .get(pk=enrollment.pk)
    )
    if not enrollment.is_active:
        raise ValidationError(
            f"{enrollment} has ended already ({enrollment.get_status_display().lower()} on {day_words(enrollment.ended_on)})."
        )
    if ended_on < enrollment.enrolled_on:
        raise ValidationError(
            {
                "ended_on": f"{enrollment.student} was enrolled on {day_words(enrollment.enrolled_on)}. Choose that day or a later one."
            }
        )
    if enrollment.last_marked_on and ended_on < enrollment.last_marked_on:
        raise ValidationError(
            {
                "ended_on": f"{enrollment.student} has an attendance mark of {day_words(enrollment.last_marked_on)}. Choose that day or a later one."
            }
        )
    enrollment.status, enrollment.ended_on, enrollment.end_reason = EnrollmentStatus(status), ended_on, reason
    enrollment.clean_fields(exclude=["student", "batch"])
    enrollment.save(update_fields=["status", "ended_on", "end_reason"])
    return enrollment
