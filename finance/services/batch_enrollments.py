"""Enroll several students in a batch at once, and undo it."""

from django.core.exceptions import ValidationError
from django.db import transaction

from academics.models import Enrollment
from coachmaster.core.money import ZERO
from coachmaster.core.text import plural
from finance.models import BulkActionKind

from .bulk_actions import find_done, record_bulk_action, undoes
from .bulk_cancellations import cancel_enrollments
from .bulk_enrollments import BulkEnrollment
from .fee_plans import plan_rows

UNDO_PROMISE = (
    "Undo ends the enrollments on their first day and cancels their tuition, unless a student has "
    "attendance, a payment, a concession or another charge since."
)


@transaction.atomic
def enroll_several(*, students, batch, enrolled_on, by, plan=None, token=""):
    """Enroll all ``students`` at the fee of the course, or none of them.

    Return the BulkAction. Raise ValidationError for the batch, or with one message for each
    student.
    """
    enrolling = BulkEnrollment(
        student_ids=[student.pk for student in students], batch_ids=[batch.pk], by=by
    )
    if done := find_done(token):
        return done
    batch = enrolling.batches[batch.pk]
    _check_seats(enrolling, batch, len(students))
    rows = plan_rows(plan, batch.course.total_fee, enrolled_on) if plan else None
    enrollments, errors = [], []
    for student in sorted(students, key=lambda student: student.pk):
        try:
            enrollments.append(
                enrolling.enroll(
                    student=student, batch_id=batch.pk, enrolled_on=enrolled_on, installments=rows
                )
            )
        except ValidationError as error:
            if hasattr(error, "error_dict"):
                raise  # about the batch or the day, so the same for all students
            errors.append(error)
    if errors:
        raise ValidationError(errors)
    enrolling.write(enrollments)
    enrolling.finish()
    return record_bulk_action(
        kind=BulkActionKind.ENROLL,
        description=f"{plural(len(enrollments), 'student')} enrolled in {batch}",
        rows=enrollments,
        amount=sum((enrollment.agreed_fee for enrollment in enrollments), ZERO),
        by=by,
        token=token,
    )


def _check_seats(enrolling, batch, number):
    seats = enrolling.seats_left(batch.pk)
    if seats is not None and number > seats:
        message = f"{batch} has {seats} of {batch.capacity} seats left, for {number} students."
        raise ValidationError({"batch": message})


_PERMISSIONS = [
    "academics.add_enrollment",
    "academics.change_enrollment",
    "finance.change_charge",
]


@undoes(BulkActionKind.ENROLL, permission=_PERMISSIONS, promise=UNDO_PROMISE)
def undo_enrolling(action, *, by, reason):
    ids = list(action.rows_of(Enrollment).values_list("pk", flat=True))
    cancel_enrollments(ids, made_at=action.at, reason=reason, by=by)
