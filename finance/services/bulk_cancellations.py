"""Cancel what was made for many students at once: enrollments with their tuition, and receipts."""

import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from academics.models import Enrollment
from academics.services import enrollments as academic_enrollments
from coachmaster.core.chunks import in_chunks
from coachmaster.core.logs import log_event
from coachmaster.core.money import display
from finance.balances import refresh_accounts, refresh_day_totals
from finance.locks import book_day, closed_days, lock_accounts, lock_series
from finance.models import (
    BulkActionKind,
    BulkActionRow,
    Charge,
    ChargeKind,
    Concession,
    DayClose,
    LiveReference,
    Payment,
    Refund,
    Reversal,
)

from .bulk_payments import BATCH_SIZE
from .installments import cancel_charges

DAY = datetime.timedelta(days=1)


def without_cancelled(enrollments):
    """Leave out enrollments that were made by a bulk action or an import which was undone."""
    undone = BulkActionRow.objects.undone(Enrollment)
    made = undone.exclude(action__kind=BulkActionKind.COMPLETE)
    return enrollments.exclude(pk__in=made.values("object_id"))


@transaction.atomic
def cancel_enrollments(ids, *, made_at, reason, by):
    """End enrollments on their first day, and cancel their tuition, as if they were never made.

    Raise ValidationError with a message for each student with attendance, payments, concessions
    or other charges since ``made_at``.
    """
    enrollments = Enrollment.objects.filter(pk__in=ids)
    students = set(enrollments.order_by().values_list("student", flat=True))
    lock_accounts(students)
    shows_money = by is None or by.has_perm("finance.view_payment")
    errors = [
        *_payments_since(ids, students, made_at, shows_money),
        *_depending_on_charges(ids, made_at, shows_money),
    ]
    try:
        cancelled = academic_enrollments.cancel_enrollments(enrollments, reason=reason)
    except ValidationError as error:
        errors = [*error.messages, *errors]
    if errors:
        raise ValidationError(errors)
    for chunk in in_chunks(cancelled, BATCH_SIZE):
        tuition = Charge.objects.active().filter(enrollment__in=chunk, kind=ChargeKind.TUITION)
        cancel_charges(tuition, reason=reason, by=by, is_undone=True)
    refresh_accounts(students)
    return cancelled


def _payments_since(enrollment_ids, students, made_at, shows_money):
    payments = Payment.objects.active().select_related("student__user").order_by("pk")
    found = {}
    for chunk in in_chunks(enrollment_ids):
        found |= {payment.pk: payment for payment in payments.filter(enrollment__in=chunk)}
    for chunk in in_chunks(students):
        since = payments.filter(student__in=chunk, recorded_at__gte=made_at)
        found |= {payment.pk: payment for payment in since}
    for payment in found.values():
        if shows_money:
            yield f"{payment.student} paid {display(payment.amount)} since: receipt {payment}."
        else:
            yield f"{payment.student} paid since."


def _depending_on_charges(enrollment_ids, made_at, shows_money):
    for chunk in in_chunks(enrollment_ids):
        charges = Charge.objects.active().filter(enrollment__in=chunk)
        others = charges.exclude(kind=ChargeKind.TUITION)
        for charge in others.select_related("student__user", "enrollment__batch").order_by("pk"):
            amount = f" {display(charge.amount)}" if shows_money else ""
            yield f"{charge.student} is charged{amount} since: {charge}."
        concessions = Concession.objects.filter(
            charge__in=charges, cancelled_on=None, asked_at__gte=made_at
        )
        for concession in concessions.select_related("student__user").order_by("pk"):
            amount = f" of {display(concession.amount)}" if shows_money else ""
            yield f"{concession.student} has a concession{amount} since."


@transaction.atomic
def cancel_receipts(ids, *, reason, by):
    """Cancel those of the payments that are not cancelled yet; return how many.

    Raise ValidationError with a message for each one of which a part was refunded.
    """
    payments = []
    for chunk in in_chunks(ids):
        payments += Payment.objects.filter(pk__in=chunk).select_related("series").order_by("pk")
    series = _lock_series(payments, by)
    lock_accounts({payment.student_id for payment in payments})
    payments = _not_cancelled(payments)
    _refuse_refunded(payments)
    today, closed = timezone.localdate(), _last_closes(payments)
    reversals = []
    for payment in payments:
        # As in `first_cancellation_day`: the cash counted at the close includes the payment.
        is_closed = payment.booked_on <= closed.get(payment.received_by_id, datetime.date.min)
        first_day = payment.booked_on + DAY * is_closed
        reversals.append(
            Reversal(
                payment=payment,
                kind=Reversal.Kind.VOID,
                voided_on=today,
                booked_on=max(book_day(series[payment.series_id], today), first_day),
                reason=reason[:200],
                voided_by=by,
            )
        )
    Reversal.objects.bulk_create(reversals, batch_size=BATCH_SIZE)
    for chunk in in_chunks(payments):
        LiveReference.objects.filter(payment__in=chunk).delete()
    refresh_accounts({payment.student_id for payment in payments})
    refresh_day_totals({payment.paid_on for payment in payments})
    log_event("receipts cancelled", receipts=len(reversals))
    return len(reversals)


def _lock_series(payments, by):
    """Return ``{id: series}``, locked, with the last day that ``by`` has closed."""
    days = {(payment.series.kind, payment.series.year): payment.paid_on for payment in payments}
    locked = [
        lock_series(days[key], kind=key[0]) for key in sorted(days, key=lambda key: key[::-1])
    ]
    closed = closed_days(by).first() if by else None
    for series in locked:
        series.last_closed = closed
    return {series.pk: series for series in locked}


def _not_cancelled(payments):
    cancelled = set()
    for chunk in in_chunks(payments):
        reversals = Reversal.objects.filter(payment__in=chunk)
        cancelled.update(reversals.values_list("payment", flat=True))
    return [payment for payment in payments if payment.pk not in cancelled]


def _refuse_refunded(payments):
    errors = []
    for chunk in in_chunks(payments):
        refunds = Refund.objects.filter(payment__in=chunk).order_by("pk")
        for refund in refunds.select_related("payment", "student__user"):
            amount = display(refund.amount)
            errors.append(f"{refund.student}: {amount} of receipt {refund.payment} was refunded.")
    if errors:
        raise ValidationError(errors)


def _last_closes(payments):
    people = {payment.received_by_id for payment in payments}
    closes = DayClose.objects.filter(person__in=people - {None}).order_by().values_list("person")
    return dict(closes.annotate(Max("closed_on")))
