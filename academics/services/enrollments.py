import datetime
from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils import timezone
from simple_history.utils import bulk_update_with_history

from academics.models import Enrollment, EnrollmentStatus, Institute
from coachmaster.core.chunks import in_chunks
from coachmaster.core.dates import format_date, months_later
from coachmaster.core.exceptions import Conflict
from coachmaster.core.money import display
from coachmaster.core.querysets import is_visible


@dataclass(frozen=True)
class EnrollmentTerms:
    """What was agreed; a fee of None is the course fee."""

    enrolled_on: datetime.date
    agreed_fee: Decimal | None = None
    fee_reason: str = ""


def open_enrollment(*, student, batch, terms, by=None, transferred_from=None):
    """Create an enrollment. The caller has locked institute, batch and student."""
    active = Enrollment.objects.active()
    current = active.filter(student=student).select_related("batch")
    enrollment = new_enrollment(
        student=student,
        batch=batch,
        terms=terms,
        institute=Institute.objects.current(),
        current_batches=[enrollment.batch for enrollment in current],
        seats_taken=0 if batch.capacity is None else active.filter(batch=batch).count(),
        today=timezone.localdate(),
        by=by,
    )
    enrollment.student, enrollment.transferred_from = student, transferred_from
    enrollment.save(force_insert=True)
    return enrollment


def new_enrollment(
    *, student, batch, terms, institute, current_batches, seats_taken, today, by=None
):
    """Return a valid enrollment, not saved. Raise Conflict if full, over or enrolled already.

    A batch that ``by`` may not see is not named.
    """
    enrolled_on = terms.enrolled_on
    if not student.user.is_active:
        raise ValidationError(f"{student} is inactive. Activate the person first.")
    if batch.is_over(max(enrolled_on, today)):
        raise Conflict(
            {"batch": f"{batch} ended on {format_date(batch.ends_on)}. Choose another batch."}
        )
    _check_day(enrolled_on, today, field="enrolled_on")
    if batch.starts_on > months_later(enrolled_on, 12):
        starts_on = format_date(batch.starts_on)
        message = f"{batch} starts on {starts_on}, more than a year later. Check the date."
        raise ValidationError({"enrolled_on": message})
    _check_second_enrollment(student, batch, institute, current_batches, by)
    if batch.capacity is not None and seats_taken >= batch.capacity:
        raise Conflict({"batch": f"{batch} is full: all {batch.capacity} seats are taken."})
    enrollment = Enrollment(
        student_id=student.pk,
        batch=batch,
        enrolled_on=enrolled_on,
        is_exclusive=not institute.several_batches_at_once,
    )
    _set_fee(enrollment, terms)
    return enrollment


def past_enrollment(*, student, batch, terms):
    """Return a completed enrollment in a batch that is over, not saved."""
    if batch.is_over(terms.enrolled_on):
        ended_on = format_date(batch.ends_on)
        raise ValidationError(
            {"enrolled_on": f"{batch} ended on {ended_on}. Enter that day or an earlier one."}
        )
    enrollment = Enrollment(
        student_id=student.pk,
        batch=batch,
        enrolled_on=terms.enrolled_on,
        status=EnrollmentStatus.COMPLETED,
        ended_on=batch.ends_on + datetime.timedelta(days=1),
    )
    _set_fee(enrollment, terms)
    return enrollment


def _check_second_enrollment(student, batch, institute, current_batches, by):
    for other in current_batches:
        if other.pk == batch.pk:
            raise Conflict(f"{student} is already enrolled in {batch}.")
        if not institute.several_batches_at_once:
            raise Conflict(
                f"{student} already has an active enrollment in "
                f"{other if is_visible(other, by) else 'another batch'}. "
                "Complete, drop or transfer it first."
            )


_ENTERED = ("enrolled_on", "agreed_fee", "fee_reason")
_NOT_ENTERED = {field.name for field in Enrollment._meta.get_fields() if field.name not in _ENTERED}


def _set_fee(enrollment, terms):
    list_fee = enrollment.batch.course.total_fee
    agreed_fee = list_fee if terms.agreed_fee is None else terms.agreed_fee
    if agreed_fee > list_fee:
        raise ValidationError({"agreed_fee": f"At most {display(list_fee)}, the course fee."})
    if agreed_fee < list_fee and not terms.fee_reason:
        raise ValidationError({"fee_reason": "Enter the reason for the lower fee."})
    enrollment.list_fee, enrollment.agreed_fee = list_fee, agreed_fee
    enrollment.fee_reason = terms.fee_reason
    enrollment.clean_fields(exclude=_NOT_ENTERED)


def _check_day(day, today, *, field):
    """Raise ValidationError for a day so far ahead that the year must be wrong."""
    if day > (last := months_later(today, 12)):
        latest = format_date(last)
        raise ValidationError(
            {field: f"This is more than a year ahead. Choose {latest} or an earlier day."}
        )


def end_enrollment(enrollment, status, *, ended_on, reason, drop_reason=""):
    """End an active enrollment; ``ended_on`` is the first day outside the batch."""
    enrollment = _lock(Enrollment.objects.filter(pk=enrollment.pk)).get()
    enrollment.drop_reason = drop_reason
    _end(enrollment, status, ended_on=ended_on, reason=reason)
    enrollment.save(update_fields=_ENDING)
    return enrollment


def end_enrollments(enrollments, status, *, ended_on, reason):
    ended = list(_lock(enrollments).order_by("pk"))
    for enrollment in ended:
        _end(enrollment, status, ended_on=ended_on, reason=reason)
    bulk_update_with_history(ended, Enrollment, _ENDING)
    return ended


_ENDING = ["status", "ended_on", "drop_reason", "end_reason"]


def cancel_enrollments(enrollments, *, reason):
    """End enrollments that were made by mistake on their first day, so that they cover no day.

    Raise ValidationError with a message for each one that was ended, or has attendance, since.
    """
    cancelled = list(_lock(enrollments).order_by("pk"))
    first = _at_first(cancelled)
    errors = []
    for enrollment in cancelled:
        if (enrollment.status, enrollment.ended_on) != first.get(enrollment.pk):
            status = enrollment.get_status_display().lower()
            errors.append(f"{enrollment}: its status was changed to “{status}” since.")
        elif enrollment.last_marked_on:
            day = format_date(enrollment.last_marked_on)
            errors.append(f"{enrollment}: attendance is marked until {day}.")
        enrollment.status, enrollment.ended_on = EnrollmentStatus.DROPPED, enrollment.enrolled_on
        enrollment.end_reason = reason[:200]
    if errors:
        raise ValidationError(errors)
    for chunk in in_chunks(cancelled):
        # Faster than `bulk_update`, which names each row.
        ended = {"status": EnrollmentStatus.DROPPED, "ended_on": F("enrolled_on")}
        rows = Enrollment.objects.filter(pk__in=[enrollment.pk for enrollment in chunk])
        rows.update(**ended, end_reason=reason[:200])
        Enrollment.history.bulk_history_create(chunk, batch_size=500, update=True)
    return cancelled


def _at_first(enrollments):
    """Return ``{id: (status, ended_on)}`` as the enrollments were made."""
    first = {}
    for chunk in in_chunks(enrollment.pk for enrollment in enrollments):
        rows = Enrollment.history.filter(id__in=chunk, history_type="+").order_by()
        first |= {pk: state for pk, *state in rows.values_list("id", "status", "ended_on")}
    return {pk: tuple(state) for pk, state in first.items()}


def reactivate_enrollments(enrollments, *, ended_on, seats):
    """Make completed enrollments active again; ``seats`` are those left, None without a limit.

    Raise ValidationError with a message for each one that was changed, or cannot be active, since.
    """
    completed = list(_lock(enrollments).order_by("pk"))
    errors = [*_reasons_not_active(completed, ended_on)]
    if seats is not None and seats < len(completed):
        errors.append(f"{seats} seats are left in the batch, for {len(completed)} students.")
    if errors:
        raise ValidationError(errors)
    for enrollment in completed:
        enrollment.status, enrollment.ended_on = EnrollmentStatus.ACTIVE, None
        enrollment.end_reason = ""
    bulk_update_with_history(completed, Enrollment, _ENDING, batch_size=500)
    return completed


def _reasons_not_active(completed, ended_on):
    students = [enrollment.student_id for enrollment in completed]
    active = {}
    for chunk in in_chunks(students):
        for other in Enrollment.objects.active().filter(student__in=chunk).select_related("batch"):
            active.setdefault(other.student_id, []).append(other)
    for enrollment in completed:
        student, others = enrollment.student, active.get(enrollment.student_id, ())
        if (enrollment.status, enrollment.ended_on) != (EnrollmentStatus.COMPLETED, ended_on):
            yield f"{student} is not completed as of {format_date(ended_on)} any more."
        elif not student.user.is_active:
            yield f"{student} is inactive now."
        else:
            for other in others:
                if other.batch_id == enrollment.batch_id or (
                    other.is_exclusive and enrollment.is_exclusive
                ):
                    yield f"{student} is enrolled in {other.batch} now."


def _lock(enrollments):
    return enrollments.select_for_update(of=("self",)).select_related("student__user", "batch")


def _end(enrollment, status, *, ended_on, reason):
    if not enrollment.is_active:
        status = enrollment.get_status_display().lower()
        raise ValidationError(
            f"{enrollment} has already ended ({status} on {format_date(enrollment.ended_on)})."
        )
    if ended_on < enrollment.enrolled_on:
        event = f"was enrolled on {format_date(enrollment.enrolled_on)}"
        raise _ends_too_early(enrollment, event)
    _check_day(ended_on, timezone.localdate(), field="ended_on")
    if enrollment.last_marked_on and ended_on < enrollment.last_marked_on:
        event = f"has an attendance mark of {format_date(enrollment.last_marked_on)}"
        raise _ends_too_early(enrollment, event)
    enrollment.status, enrollment.ended_on = EnrollmentStatus(status), ended_on
    enrollment.end_reason = reason
    enrollment.clean_fields(exclude=["student", "batch"])


def _ends_too_early(enrollment, event):
    message = f"{enrollment.student} {event}. Choose that day or a later one."
    return ValidationError({"ended_on": message})
