"""The acts of the fee desk: each is one transaction that moves a student and their dues together.

Locks are taken in one order everywhere: receipt series, then institute and batch, then the student's account.
"""

import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, Subquery
from django.utils import timezone

from academics.models import Batch, Enrollment, EnrollmentStatus, Institute
from academics.services import end_enrollment, end_enrollments, open_enrollment
from coachmaster.ground.days import day_words, financial_year
from coachmaster.ground.money import ZERO, display, plain

from . import ledger
from .models import (
    Account,
    Charge,
    ChargeKind,
    DayClose,
    LiveReference,
    Mode,
    Payment,
    ReceiptSeries,
    Reversal,
    live_reference,
    normalised_reference,
)

#: A payment like one of the last minutes (same student, same amount) is asked about once more.
LOOKS_DOUBLE_WITHIN = datetime.timedelta(minutes=10)


def lock_account(student_id):
    """The account of a student, locked until the transaction ends; made when there is none yet."""
    locked = Account.objects.select_for_update()
    if account := locked.filter(pk=student_id).first():
        return account
    Account.objects.get_or_create(student_id=student_id)
    return locked.get(pk=student_id)


def lock_batch(batch):
    """``batch`` read again with its course, locked until the transaction ends, and the institute's settings with it:
    seats are counted and the rule of one active enrollment is read by one at a time."""
    Institute.objects.select_for_update().get(pk=Institute.ONLY)
    return Batch.objects.select_for_update(of=("self",)).select_related("course").get(pk=batch.pk)


# Enrollments ----------------------------------------------------------------------------------------------------


@transaction.atomic
def enroll(*, student, batch, enrolled_on, by, agreed_fee=None, fee_reason="", due_on=None):
    """Enroll ``student`` in ``batch`` and post the tuition charge.

    ``agreed_fee`` in rupees; left out, it is the course's fee. The charge is due on ``due_on``, else on the day of
    enrolling. Raises ValidationError with a sentence when the batch is full or over, the student is inactive or has an
    active enrollment, or the fee is lowered without a reason.
    """
    batch = lock_batch(batch)
    lock_account(student.pk)
    enrollment = open_enrollment(
        student=student, batch=batch, enrolled_on=enrolled_on, agreed_fee=agreed_fee, fee_reason=fee_reason
    )
    if charge := tuition_charge(enrollment, due_on=due_on, by=by):
        charge.save()
    ledger.refresh_accounts([student.pk])
    return enrollment


@transaction.atomic
def enroll_several(*, students, batch, enrolled_on, by):
    """Enroll all ``students`` in ``batch`` at the course's fee, or none of them. Returns the enrollments.

    Raises ValidationError with a sentence for the batch, or one for each student that stands in the way.
    """
    batch = lock_batch(batch)
    seats = batch.capacity - batch.enrollments.active().count() if batch.capacity is not None else len(students)
    if len(students) > seats:
        raise ValidationError(
            {"batch": f"{batch} has {seats} of {batch.capacity} seats left, for {len(students)} students."}
        )
    enrollments, refusals = [], []
    for student in sorted(students, key=lambda student: student.pk):
        try:
            enrollments.append(enroll(student=student, batch=batch, enrolled_on=enrolled_on, by=by))
        except ValidationError as refusal:
            if hasattr(refusal, "error_dict"):
                raise  # about the batch or the day, and so the same for everybody
            refusals.append(refusal)
    if refusals:
        raise ValidationError(refusals)
    return enrollments


def tuition_charge(enrollment, *, by, due_on=None):
    """The charge that enrolling posts, not saved yet; None when nothing is owed."""
    # Posted on the day it is agreed, also for a student who starts later: what is owed counts from now on.
    posted_on = min(enrollment.enrolled_on, timezone.localdate())
    due_on = due_on or enrollment.enrolled_on
    return _tuition(enrollment, enrollment.agreed_fee, due_on=due_on, on=posted_on, by=by)


def _tuition(enrollment, amount, *, due_on, on, by):
    if amount == ZERO:
        return None
    return Charge(
        student_id=enrollment.student_id,
        enrollment=enrollment,
        kind=ChargeKind.TUITION,
        amount=amount,
        posted_on=on,
        due_on=due_on,
        posted_by=by,
    )


def _post_tuition(enrollment, amount, *, due_on, on, by):
    if charge := _tuition(enrollment, amount, due_on=due_on, on=on, by=by):
        charge.save()


def _cancel_tuition(enrollment, *, reason, on, by):
    """Cancel the live tuition charges of ``enrollment``; returns the last due date among them, or None."""
    charges = Charge.objects.live().filter(enrollment=enrollment, kind=ChargeKind.TUITION)
    due_on = charges.order_by("-due_on").values_list("due_on", flat=True).first()
    # A charge cannot be cancelled before it was posted; that day is kept where it lies later.
    for charge in charges:
        charge.cancelled_on, charge.cancelled_by, charge.cancel_reason = max(on, charge.posted_on), by, reason
        charge.save(update_fields=["cancelled_on", "cancelled_by", "cancel_reason"])
    return due_on


@transaction.atomic
def drop(*, enrollment, ended_on, reason, by, fee_to_keep=None):
    """End an active enrollment before its time, from the day ``ended_on`` on.

    ``fee_to_keep`` (rupees) is the fee that stays charged for it; left out, nothing about the fee changes. Raises
    ValidationError.
    """
    if not reason:
        raise ValidationError({"reason": "Say why the student leaves."})
    lock_account(enrollment.student_id)
    enrollment = end_enrollment(enrollment, EnrollmentStatus.DROPPED, ended_on=ended_on, reason=reason)
    charged = Charge.objects.live().filter(enrollment=enrollment, kind=ChargeKind.TUITION).total()
    if fee_to_keep is not None and fee_to_keep != charged:
        if fee_to_keep > charged:
            raise ValidationError({"fee_to_keep": f"At most {display(charged)}, the fee charged for this enrollment."})
        today = timezone.localdate()
        due_on = _cancel_tuition(enrollment, reason=f"Left: {reason}"[:200], on=today, by=by)
        _post_tuition(enrollment, fee_to_keep, due_on=due_on, on=today, by=by)
        ledger.refresh_accounts([enrollment.student_id])
    return enrollment


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
        raise ValidationError({"last_day": f"{batch} starts on {day_words(batch.starts_on)}. Choose a later day."})
    batch.ends_on = last_day
    batch.full_clean()
    batch.save(update_fields=["ends_on"])
    ended_on = last_day + datetime.timedelta(days=1)
    return len(end_enrollments(batch.enrollments.active(), EnrollmentStatus.COMPLETED, ended_on=ended_on, reason=""))


@transaction.atomic
def transfer(*, enrollment, batch, on, by, reason="", agreed_fee=None, fee_reason=""):
    """Move a student to another batch: one enrollment ends and the other begins on the day ``on``.

    The old tuition charge is cancelled and the new fee posted, due when the old one was; what was paid stays paid.
    Without ``agreed_fee`` (rupees) the fee is that of `fee_after_transfer`. Raises ValidationError as `enroll` does;
    then nothing has moved.
    """
    if batch.pk == enrollment.batch_id:
        raise ValidationError({"batch": "The student is in this batch already. Choose another one."})
    old_batch = enrollment.batch
    batch = lock_batch(batch)
    lock_account(enrollment.student_id)
    if agreed_fee is None:
        agreed_fee, fee_reason = fee_after_transfer(enrollment, batch)
    words = f"Transferred to {batch}" + (f": {reason}" if reason else "")
    enrollment = end_enrollment(enrollment, EnrollmentStatus.DROPPED, ended_on=on, reason=words[:200])
    today = timezone.localdate()
    due_on = _cancel_tuition(enrollment, reason=words[:200], on=today, by=by)
    moved = open_enrollment(
        student=enrollment.student, batch=batch, enrolled_on=on, agreed_fee=agreed_fee, fee_reason=fee_reason
    )
    _post_tuition(moved, moved.agreed_fee, due_on=due_on or on, on=today, by=by)
    ledger.refresh_accounts([enrollment.student_id])
    moved.moved_from = old_batch
    return moved


def fee_after_transfer(enrollment, batch):
    """The fee (rupees) that goes on in ``batch``, and the reason when it is lower than the course's: within a course
    what was agreed stays agreed, in another course its fee counts."""
    fee = batch.course.total_fee
    if batch.course_id != enrollment.batch.course_id or enrollment.agreed_fee >= fee:
        return fee, ""
    return enrollment.agreed_fee, enrollment.fee_reason or f"As agreed for {enrollment.batch}"


# Payments -------------------------------------------------------------------------------------------------------


class TokenUsed(ValidationError):
    """A payment form was sent again with other content than the first time."""


class LooksDouble(ValidationError):
    """The same student paid the same amount minutes ago: to be confirmed."""


class MoreThanOwed(ValidationError):
    """The amount is above what is owed: to be confirmed as an advance."""


def record_payment(
    *,
    student,
    amount,
    paid_on,
    mode,
    token,
    by,
    reference="",
    cheque_on=None,
    notes="",
    enrollment=None,
    as_advance=False,
    confirmed_double=False,
    reference_required=True,
):
    """Record money received from ``student`` and draw its receipt number. Returns the payment.

    ``amount`` in rupees. The same ``token`` with the same content gives the payment of the first time; with other
    content `TokenUsed`. Raises ValidationError for a bad date or reference, `MoreThanOwed` and `LooksDouble` for what
    a person has to confirm. When something is refused, nothing is written and no number is used.
    """
    content = dict(student=student, amount=amount, paid_on=paid_on, mode=mode, reference=reference)
    try:
        return _record_payment(
            **content,
            token=token,
            by=by,
            cheque_on=cheque_on if mode == Mode.CHEQUE else None,
            notes=notes,
            enrollment=enrollment,
            as_advance=as_advance,
            confirmed_double=confirmed_double,
            reference_required=reference_required,
        )
    except IntegrityError:
        # Two requests with one token but dates in different financial years lock different series; the unique token
        # stops the second one, which is then answered with the first payment. A bank reference is taken by being
        # written; whose it is, is asked only when the database refuses it.
        if earlier := Payment.objects.filter(token=token).first():
            return _same_payment(earlier, content)
        kept = live_reference(Payment(student=student, mode=mode, reference=reference))
        if taken := LiveReference.objects.select_related("payment").filter(pk=kept).first():
            raise ValidationError(
                {"reference": f"This reference is on receipt {taken.payment} already. Check the number."}
            ) from None
        raise


def _same_payment(earlier, content):
    """``earlier``, the payment that the token gave before. Raises TokenUsed when its content was another."""
    if (
        earlier.student_id,
        earlier.amount,
        earlier.paid_on,
        earlier.mode,
        normalised_reference(earlier.reference),
    ) != (
        content["student"].pk,
        content["amount"],
        content["paid_on"],
        content["mode"],
        normalised_reference(content["reference"]),
    ):
        raise TokenUsed(
            f"This form was already used for receipt {earlier.receipt_number}. "
            "Nothing more was saved. Open a new payment form for another payment."
        )
    return earlier


def lock_series(day, *, by, kind=ReceiptSeries.Kind.RECEIPT):
    """The series of that kind of the financial year of ``day``, locked until the transaction ends.

    It comes with ``last_closed``, the last day that ``by`` has closed, for `book_day`.
    """
    key = {"kind": kind, "year": financial_year(day)}
    locked = ReceiptSeries.objects.select_for_update(of=("self",)).annotate(
        last_closed=Subquery(DayClose.objects.filter(person=by).order_by("-closed_on").values("closed_on")[:1])
    )
    series = locked.filter(**key).first()
    if series is None:
        prefix = kind.prefix or Institute.objects.current().receipt_prefix
        ReceiptSeries.objects.get_or_create(**key, defaults={"prefix": prefix})
        series = locked.get(**key)
    return series


def book_day(series, day):
    """The day in whose book an entry dated ``day`` stands: that day, or the one after the last that was closed."""
    return day if series.last_closed is None else max(day, series.last_closed + datetime.timedelta(days=1))


#: Two-digit years name the receipt series, so they must not meet twice.
FIRST_PAYMENT_ON = datetime.date(2000, 4, 1)


@transaction.atomic
def _record_payment(
    *,
    student,
    amount,
    paid_on,
    mode,
    reference,
    token,
    by,
    cheque_on,
    notes,
    enrollment,
    as_advance,
    confirmed_double,
    reference_required,
):
    if not token:
        raise ValidationError("This form has lost its one-time token. Open the payment form again.")
    today = timezone.localdate()
    if amount <= ZERO:
        raise ValidationError({"amount": "Enter an amount above zero."})
    check_payment_day(paid_on, today)
    series = lock_series(paid_on, by=by)
    lock_account(student.pk)
    content = dict(student=student, amount=amount, paid_on=paid_on, mode=mode, reference=reference)
    known = list(Payment.objects.filter(Q(student=student) | Q(token=token)).select_related("reversal").with_refunded())
    if earlier := next((payment for payment in known if payment.token == token), None):
        return _same_payment(earlier, content)
    standing = [payment for payment in known if not payment.is_void]
    if Mode(mode).needs_reference and reference_required and not normalised_reference(reference):
        raise ValidationError(
            {
                "reference": "Enter the number of the cheque."
                if mode == Mode.CHEQUE
                else f"Enter the reference of the {Mode(mode).label} payment, as the bank shows it."
            }
        )
    if mode == Mode.CHEQUE and cheque_on is None:
        raise ValidationError({"cheque_on": "Enter the date that stands on the cheque."})
    # What is owed today, whatever day the money is dated: dues posted since then can be settled by it.
    paid = sum((payment.amount - payment.refunded for payment in standing), ZERO)
    status = ledger.fee_status(student, today, paid=paid)
    if amount > status.balance and not as_advance:
        raise MoreThanOwed(
            {
                "amount": f"{display(max(status.balance, ZERO))} is owed. Tick “Keep the rest as an advance” to take more."
            }
        )
    if not confirmed_double:
        _refuse_double(student, amount, standing)
    series.last_number += 1
    series.save(update_fields=["last_number"])
    payment = new_payment(
        **content,
        cheque_on=cheque_on,
        notes=notes,
        enrollment=enrollment,
        token=token,
        series=series,
        number=series.last_number,
        status=status,
        by=by,
    )
    payment.save()
    if kept := live_reference(payment):
        LiveReference.objects.create(reference=kept, payment=payment)
    ledger.refresh_accounts([student.pk])
    ledger.refresh_days([paid_on], [mode])
    return payment


def check_payment_day(paid_on, today):
    """Raises ValidationError when a payment cannot be of that day."""
    if paid_on > today:
        raise ValidationError({"paid_on": "A payment cannot be dated in the future."})
    if paid_on < FIRST_PAYMENT_ON:
        raise ValidationError({"paid_on": f"Enter a date from {day_words(FIRST_PAYMENT_ON)} on."})


def new_payment(
    *,
    student,
    amount,
    paid_on,
    mode,
    reference,
    cheque_on,
    notes,
    token,
    series,
    number,
    status,
    by,
    enrollment=None,
):
    """The payment with its receipt, not saved yet: what it settles follows from ``status``, how the student stands.

    Raises ValidationError.
    """
    settles = ledger.what_it_settles(status, amount)
    payment = Payment(
        student=student,
        enrollment=enrollment or _enrollment_paid_for(student, settles),
        amount=amount,
        paid_on=paid_on,
        booked_on=book_day(series, paid_on),
        mode=mode,
        reference=reference,
        cheque_on=cheque_on,
        notes=notes,
        series=series,
        number=number,
        receipt_number=series.number(number),
        token=token,
        received_by=by,
        settled=[[str(charge) if charge else "Advance", plain(part)] for charge, part in settles],
        balance_after=status.balance - amount,
    )
    payment.clean_fields(exclude=["student", "enrollment", "series", "received_by"])
    return payment


def _refuse_double(student, amount, standing):
    since = timezone.now() - LOOKS_DOUBLE_WITHIN
    double = next((payment for payment in standing if payment.amount == amount and payment.recorded_at >= since), None)
    if double:
        raise LooksDouble(
            f"{display(amount)} was recorded for {student} at {timezone.localtime(double.recorded_at):%H:%M} already "
            f"(receipt {double.receipt_number}). Tick “Record it again” if this is a second payment."
        )


def _enrollment_paid_for(student, settles):
    """The enrollment a payment is taken for when nobody says: that of the first charge it settles, else the current
    one, else the latest."""
    charge = settles[0][0]
    return charge.enrollment if charge else Enrollment.objects.filter(student=student).latest_first().first()


@transaction.atomic
def void(*, payment, reason, by):
    """Void a payment that was entered wrongly: its amount is owed again, its number stays used.

    Raises ValidationError when it was voided already or the reason is missing.
    """
    if not reason:
        raise ValidationError({"reason": "Say why the payment is voided."})
    # The series too: the day's total is written by one at a time.
    series = lock_series(payment.paid_on, by=by, kind=ReceiptSeries.Kind(payment.series.kind))
    lock_account(payment.student_id)
    if Reversal.objects.filter(payment=payment).exists():
        raise ValidationError(f"Receipt {payment} was voided already.")
    today = timezone.localdate()
    reversal = Reversal(
        payment=payment, voided_on=today, booked_on=book_day(series, today), reason=reason, voided_by=by
    )
    reversal.clean_fields(exclude=["payment", "voided_by"])
    reversal.save(force_insert=True)
    LiveReference.objects.filter(payment=payment).delete()
    ledger.refresh_accounts([payment.student_id])
    ledger.refresh_days([payment.paid_on], [payment.mode])
    return reversal
