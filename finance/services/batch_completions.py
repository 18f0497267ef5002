"""Complete a batch with all its students, and undo it."""

import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from academics.models import Batch, Enrollment, EnrollmentStatus
from academics.services.enrollments import end_enrollments, reactivate_enrollments
from coachmaster.core.dates import format_date
from coachmaster.core.text import plural
from finance.locks import lock_accounts, lock_batch
from finance.models import BulkActionKind

from .bulk_actions import find_done, record_bulk_action, undoes

DAY = datetime.timedelta(days=1)
UNDO_PROMISE = (
    "Undo makes all of these students active again, unless one is enrolled elsewhere since, and "
    "gives the batch back the end that it had before."
)


@transaction.atomic
def complete_batch(*, batch, last_day, by, token=""):
    """End a batch and complete its active enrollments.

    Return the BulkAction, or None if there were no active enrollments.
    """
    batch = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    if done := find_done(token):
        return done
    if last_day < batch.starts_on:
        raise ValidationError(
            {"last_day": f"{batch} starts on {format_date(batch.starts_on)}. Choose a later day."}
        )
    before, batch.ends_on = batch.ends_on, last_day
    batch.full_clean()
    batch.save(update_fields=["ends_on"])
    completed = end_enrollments(
        batch.enrollments.active(),
        EnrollmentStatus.COMPLETED,
        ended_on=last_day + DAY,
        reason="",
    )
    if not completed:
        return None
    return record_bulk_action(
        kind=BulkActionKind.COMPLETE,
        description=f"{plural(len(completed), 'student')} completed {batch}",
        rows=completed,
        by=by,
        token=token,
        details={"last_day": last_day.isoformat(), "ends_on": before and before.isoformat()},
    )


@undoes(BulkActionKind.COMPLETE, permission="academics.change_enrollment", promise=UNDO_PROMISE)
def undo_completion(action, *, by, reason):
    """Make the enrollments active again, and the batch end on the day that it had before."""
    enrollments = action.rows_of(Enrollment)
    batch = lock_batch(enrollments.select_related("batch")[0].batch)
    lock_accounts(enrollments.values_list("student", flat=True))
    last_day = datetime.date.fromisoformat(action.details["last_day"])
    if batch.ends_on != last_day:
        ends_on = format_date(batch.ends_on) if batch.ends_on else "no day"
        raise ValidationError(
            f"The end of {batch} was changed from {format_date(last_day)} to {ends_on} since."
        )
    taken = batch.enrollments.active().count()
    reactivate_enrollments(
        enrollments,
        ended_on=last_day + DAY,
        seats=None if batch.capacity is None else batch.capacity - taken,
    )
    before = action.details["ends_on"]
    batch.ends_on = before and datetime.date.fromisoformat(before)
    batch.save(update_fields=["ends_on"])
