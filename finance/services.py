"""The acts of the fee desk: each is one transaction that moves a student and their dues together.

Locks are taken in one order everywhere: receipt series, then institute and batch, then the student's account.
"""

import datetime
from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from academics.models import Batch, Enrollment, EnrollmentStatus, Institute
from academics.services.enrollments import end_enrollment, end_enrollments, open_enrollment
from coachmaster.core.compiled import compiled
from coachmaster.core.dates import day_words, months_later
from coachmaster.core.exceptions import Conflict
from coachmaster.core.money import ZERO, display, plain, split_in_proportion
from coachmaster.core.text import clean_text

from . import installments, ledger
from .bulk import Enrolling
from .locks import book_day, first_book_day_of_void, lock_account, lock_batch, lock_entry
from .models import (
    Charge,
    ChargeKind,
    Letterhead,
    LiveReference,
    Mode,
    Payment,
    ReceiptSeries,
    Refund,
    Reversal,
    live_reference,
    normalised_reference,
)

#: A payment like one of the last minutes (same student, same amount) is asked about once more.
LOOKS_DOUBLE_WITHIN = datetime.timedelta(minutes=10)


# Enrollments ----------------------------------------------------------------------------------------------------


@transaction.atomic
def enroll(*, student, batch, enrolled_on, by, agreed_fee=None, fee_reason="", installments=None):
    """Enroll ``student`` in ``batch`` and post the tuition.

    ``agreed_fee`` in rupees; left out, it is the course's fee. ``installments`` are pairs of a due date and rupees that
    add up to it; left out, all of it is due on the day of enrolling. Raises ValidationError with a sentence when the batch is full or over, the student is inactive or has an
    active enrollment, or the fee is lowered without a reason.
    """
    enrolling = Enrolling(student_ids=[student.pk], batch_ids=[batch.pk], by=by)
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
    enrolling = Enrolling(student_ids=[student.pk for student in students], batch_ids=[batch.pk], by=by)
    batch, seats = enrolling.batches[batch.pk], enrolling.seats_left(batch.pk)
    if seats is not None and len(students) > seats:
        raise ValidationError(
            {"batch": f"{batch} has {seats} of {batch.capacity} seats left, for {len(students)} students."}
        )
    rows = installments.plan_rows(plan, batch.course.total_fee, enrolled_on) if plan else None
    enrollments, refusals = [], []
    for student in sorted(students, key=lambda student: student.pk):
        try:
            enrollments.append(
                enrolling.enroll(student=student, batch_id=batch.pk, enrolled_on=enrolled_on, installments=rows)
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
    enrollment = end_enrollment(enrollment, EnrollmentStatus.DROPPED, ended_on=ended_on, reason=words)
    if fee_to_keep is not None:
        _keep_of_fee(enrollment, fee_to_keep, ended_on=ended_on, reason=f"Left: {words}", by=by)
        ledger.refresh_accounts([enrollment.student_id])
    return enrollment


def tuition_lines(enrollment, fees=None):
    """The lines of the ledger about the tuition of ``enrollment`` and of those it was transferred from, by due date.

    ``fees`` spares asking how the student stands.
    """
    chain = {one.pk for one in enrollment.with_earlier}
    fees = fees or ledger.fee_status(enrollment.student, timezone.localdate())
    return [
        line for line in fees.lines if line.charge.enrollment_id in chain and line.charge.kind == ChargeKind.TUITION
    ]


def _keep_of_fee(enrollment, fee_to_keep, *, ended_on, reason, by):
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
        raise ValidationError({"fee_to_keep": f"At most {display(charged)}, the fee charged for this enrollment."})
    rest, gone = fee_to_keep, []
    for line in lines:
        if line.open == ZERO and line.net <= rest:
            rest -= line.net
        else:
            gone.append(line)
    today = timezone.localdate()
    installments.cancel([line.charge for line in gone], reason=reason, by=by)
    rows = [(min(gone[0].charge.due_on, max(ended_on, today)), rest)] if rest > ZERO else []
    Charge.objects.bulk_create(installments.charges_for(enrollment, rows, on=today, by=by))


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
def transfer(*, enrollment, batch, on, by, reason="", agreed_fee=None, fee_reason="", rows=None):
    """Move a student to another batch: one enrollment ends and the other begins on the day ``on``.

    Old tuition that was due before that day stays; the rest of it is cancelled, and of the new fee what does not stay
    already is posted, by ``rows`` (pairs of a due date and rupees to be paid) or in proportion on the dates that were
    open. No row is due before that day, unless what it stands for was. Concessions are carried over; what was paid stays paid. Without ``agreed_fee`` (rupees) the fee is that of `fee_after_transfer`. Raises ValidationError
    as `enroll` does; then nothing has moved.
    """
    if batch.pk == enrollment.batch_id:
        raise ValidationError({"batch": "The student is in this batch already. Choose another one."})
    batch = lock_batch(batch)
    lock_account(enrollment.student_id)
    if agreed_fee is None:
        agreed_fee, fee_reason = fee_after_transfer(enrollment, batch)
    words = (f"Transferred to {batch}" + (f": {reason}" if reason else ""))[:200]
    enrollment = end_enrollment(enrollment, EnrollmentStatus.DROPPED, ended_on=on, reason=words)
    settlement = transfer_settlement(enrollment, agreed_fee, on)
    moved = open_enrollment(
        student=enrollment.student,
        batch=batch,
        enrolled_on=on,
        agreed_fee=agreed_fee,
        fee_reason=fee_reason,
        transferred_from=enrollment,
    )
    first_day = min([on, *(due_on for due_on, _ in settlement.rows)])
    if rows is None:
        rows = settlement.rows
    installments.check(rows, settlement.to_pay, not_before=first_day)
    charges = [line.charge for line in settlement.cancelled]
    installments.repost(moved, charges, rows, reason=words, by=by, carry=settlement.conceded > ZERO)
    ledger.refresh_accounts([enrollment.student_id])
    return moved


@dataclass
class Settlement:
    """What a transfer does to the tuition, in rupees: what ``stays`` of the old fee, what is ``conceded`` of the rest of
    the new one, and the ``rows`` by which the remainder is ``to_pay``."""

    stays: Decimal
    cancelled: list
    conceded: Decimal
    to_pay: Decimal
    rows: list

    @property
    def taken_back(self):
        """What the charges that are cancelled cost, less what was taken off them."""
        return sum((line.net for line in self.cancelled), ZERO)


def transfer_settlement(enrollment, agreed_fee, on):
    """The Settlement of a transfer from ``enrollment`` on the day ``on``, for a new fee of ``agreed_fee`` rupees."""
    lines = tuition_lines(enrollment)
    cancelled = [line for line in lines if line.charge.due_on >= on]
    stays = sum((line.charge.amount for line in lines if line.charge.due_on < on), ZERO)
    if stays > agreed_fee:
        # More was due already than the new course costs in all: the old fee goes, the new one takes its place.
        cancelled, stays = lines, ZERO
    to_post = agreed_fee - stays
    conceded = sum((line.conceded for line in cancelled), ZERO)
    if conceded >= to_post:
        conceded = ZERO  # a concession of more than the whole new fee lapses
    to_pay = to_post - conceded
    weights = [(line.charge.due_on, line.net) for line in cancelled if line.net > ZERO]
    if to_pay == ZERO:
        rows = []
    elif weights:
        parts = split_in_proportion(to_pay, [amount for _, amount in weights])
        rows = [(due_on, part) for (due_on, _), part in zip(weights, parts, strict=True) if part > ZERO]
    else:
        rows = [(on, to_pay)]
    return Settlement(stays=stays, cancelled=cancelled, conceded=conceded, to_pay=to_pay, rows=rows)


def fee_after_transfer(enrollment, batch):
    """The fee (rupees) that goes on in ``batch``, and the reason when it is lower than the course's: within a course
    what was agreed stays agreed, in another course its fee counts."""
    fee = batch.course.total_fee
    if batch.course_id != enrollment.batch.course_id or enrollment.agreed_fee >= fee:
        return fee, ""
    return enrollment.agreed_fee, enrollment.fee_reason or f"As agreed for {enrollment.batch}"


# Payments -------------------------------------------------------------------------------------------------------


class TokenUsed(Conflict):
    """A payment form was sent again with other content than the first time; ``earlier`` is the payment of that time."""

    earlier: Payment


class LooksDouble(Conflict):
    """The same student paid the same amount minutes ago, ``earlier``: to be confirmed."""

    earlier: Payment


class MoreThanOwed(Conflict):
    """The amount is above what is ``owed`` (rupees): to be confirmed as an advance."""

    owed: Decimal


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
    at_the_desk=True,
):
    """Record money received from ``student`` and draw its receipt number. Returns the payment.

    ``amount`` in rupees. The same ``token`` with the same content gives the payment of the first time, which then
    ``is_known``; with other content `TokenUsed`. Raises ValidationError for a bad date or reference, `Conflict` for a
    reference that another receipt has, `MoreThanOwed` and `LooksDouble` for what a person has to confirm. When something is refused, nothing is written and no number is used. ``at_the_desk`` off
    stands for history that is brought in: the institute's limits on dates and cash, and the need of a reference, are
    for what is taken now.
    """
    content = dict(student=student, amount=amount, paid_on=paid_on, mode=mode, reference=reference, notes=notes)
    try:
        return _record_payment(
            **content,
            token=token,
            by=by,
            cheque_on=cheque_on if mode == Mode.CHEQUE else None,
            enrollment=enrollment,
            as_advance=as_advance,
            confirmed_double=confirmed_double,
            at_the_desk=at_the_desk,
        )
    except IntegrityError:
        # Two requests with one token but dates in different financial years lock different series; the unique token
        # stops the second one, which is then answered with the first payment. A bank reference is taken by being
        # written; whose it is, is asked only when the database refuses it.
        if earlier := Payment.objects.filter(token=token).first():
            return _same_payment(earlier, content)
        kept = live_reference(Payment(student=student, mode=mode, reference=reference))
        if taken := LiveReference.objects.select_related("payment").filter(pk=kept).first():
            raise Conflict(
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
        earlier.notes,
    ) != (
        content["student"].pk,
        content["amount"],
        content["paid_on"],
        content["mode"],
        normalised_reference(content["reference"]),
        clean_text(content["notes"], lines=True),
    ):
        refusal = TokenUsed(
            f"This form was already used for receipt {earlier.receipt_number}. "
            "Nothing more was saved. Open a new payment form for another payment."
        )
        refusal.earlier = earlier
        raise refusal
    earlier.is_known = True
    return earlier


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
    at_the_desk,
):
    if not token:
        raise ValidationError("This form has lost its one-time token. Open the payment form again.")
    today = timezone.localdate()
    if amount <= ZERO:
        raise ValidationError({"amount": "Enter an amount above zero."})
    check_payment_day(paid_on, today)
    series = lock_entry(paid_on, student.pk, by=by)
    content = dict(student=student, amount=amount, paid_on=paid_on, mode=mode, reference=reference, notes=notes)
    known = _payments_known(student=student.pk, token=token)
    if earlier := next((payment for payment in known if payment.token == token), None):
        return _same_payment(earlier, content)
    standing = [payment for payment in known if not payment.is_void]
    if Mode(mode).needs_reference and at_the_desk and not normalised_reference(reference):
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
    status = ledger.standing(ledger.charges_now(students=[student.pk]), paid, today)
    if amount > status.balance and not as_advance:
        owed = max(status.balance, ZERO)
        refusal = MoreThanOwed({"amount": f"{display(owed)} is owed. Tick “Keep the rest as an advance” to take more."})
        refusal.owed = owed
        raise refusal
    if not confirmed_double:
        _refuse_double(student, amount, standing)
    series.last_number += 1
    series.save(update_fields=["last_number"])
    institute, letterhead = Letterhead.objects.now()
    payment = new_payment(
        **content,
        letterhead=letterhead,
        cheque_on=cheque_on,
        enrollment=enrollment,
        token=token,
        series=series,
        number=series.last_number,
        status=status,
        by=by,
    )
    if at_the_desk:
        _check_limits(payment, standing, today, institute)
    payment.save()
    if kept := live_reference(payment):
        LiveReference.objects.create(reference=kept, payment=payment)
    ledger.save_statuses({student.pk: status.after(amount)})
    ledger.add_to_day(payment)
    return payment


@compiled  # 2.2 to 0.3 ms, with each payment, while the receipt series is locked
def _payments_known(*, student, token):
    """The payments of a student, and the one that has that token, to be compared with a new one."""
    payments = Payment.objects.filter(Q(student=student) | Q(token=token))
    return payments.select_related("reversal").with_refunded()


def _check_limits(payment, standing, today, institute):
    """Raises ValidationError when ``payment`` is dated back too far, or is cash that reaches the ceiling.

    The ceiling is section 269ST of the Income-tax Act: nobody shall receive two lakh rupees or more otherwise than
    through a bank, in aggregate from a person in a day, or for one transaction or occasion.
    """
    check_back_dating(payment.paid_on, today, field="paid_on", institute=institute)
    if payment.mode == Mode.CHEQUE:
        _check_cheque_day(payment.cheque_on, payment.paid_on)
    if payment.mode != Mode.CASH:
        return
    cash = [earlier for earlier in standing if earlier.mode == Mode.CASH]
    of_the_day = [earlier.amount for earlier in cash if earlier.paid_on == payment.paid_on]
    of_the_enrollment = [earlier.amount for earlier in cash if earlier.enrollment_id == payment.enrollment_id]
    for what, earlier in (
        (f"from {payment.student} on {day_words(payment.paid_on)}", of_the_day),
        ("for this enrollment", of_the_enrollment if payment.enrollment_id else []),
    ):
        total = sum(earlier, payment.amount)
        if total >= institute.cash_ceiling:
            raise ValidationError(
                {
                    "amount": f"With this, {display(total)} in cash would have been taken {what}. Section 269ST of the "
                    f"Income-tax Act forbids {display(institute.cash_ceiling)} or more: take it by bank, UPI or card."
                }
            )


def check_back_dating(day, today, *, field, what="Payments", institute):
    """Raises ValidationError, beside ``field``, when ``day`` lies further back than the institute's settings let it."""
    days = institute.back_dating_days
    earliest = today - datetime.timedelta(days=days)
    if day < earliest:
        if days:
            words = f"can be dated back {days} days. Choose {day_words(earliest)} or a later day."
        else:
            words = f"cannot be dated back. Choose {day_words(today)}."
        raise ValidationError({field: f"{what} {words}"})


#: For so long a bank pays a cheque, from the date on it (Reserve Bank of India, since 1 April 2012); and for so long ahead
#: families leave post-dated ones.
CHEQUE_IS_GOOD_FOR, CHEQUE_IS_DATED_AHEAD = 3, 12


def _check_cheque_day(cheque_on, paid_on):
    """Raises ValidationError when a cheque of that date cannot be taken on the day ``paid_on``."""
    if paid_on > (good_until := months_later(cheque_on, CHEQUE_IS_GOOD_FOR)):
        raise ValidationError(
            {
                "cheque_on": "Banks pay a cheque for three months from its date, this one until "
                f"{day_words(good_until)}. Ask for a new one, or correct the date."
            }
        )
    if cheque_on > (last := months_later(paid_on, CHEQUE_IS_DATED_AHEAD)):
        raise ValidationError(
            {"cheque_on": f"A cheque can be dated a year ahead, until {day_words(last)}. Correct the date."}
        )


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
    letterhead,
    by,
    enrollment=None,
):
    """The payment with its receipt, not saved yet: what it settles follows from ``status``, how the student stands; the
    institute's head, and whether there is tax in it, from ``letterhead``.

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
        letterhead=letterhead,
        place_of_supply=letterhead.place_of_supply(student),
    )
    payment.clean_fields(exclude=["student", "enrollment", "series", "received_by", "letterhead"])
    return payment


def _refuse_double(student, amount, standing):
    since = timezone.now() - LOOKS_DOUBLE_WITHIN
    double = next((payment for payment in standing if payment.amount == amount and payment.recorded_at >= since), None)
    if double:
        refusal = LooksDouble(
            f"{display(amount)} was recorded for {student} at {timezone.localtime(double.recorded_at):%H:%M} already "
            f"(receipt {double.receipt_number}). Tick “Record it again” if this is a second payment."
        )
        refusal.earlier = double
        raise refusal


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
    reversal = _reverse(payment, Reversal.Kind.VOID, on=timezone.localdate(), reason=reason, by=by)
    ledger.refresh_accounts([payment.student_id])
    return reversal


@transaction.atomic
def bounce(*, payment, bounced_on, reason, by, charge=ZERO):
    """The bank returned a cheque on the day ``bounced_on``: its amount is owed again, and ``charge`` (rupees) with it.

    Raises ValidationError when the payment was no cheque, does not stand, or the day cannot be.
    """
    if payment.mode != Mode.CHEQUE:
        raise ValidationError(f"Receipt {payment} was not paid by cheque. Void it when it was entered wrongly.")
    if not reason:
        raise ValidationError({"reason": "Say why the bank returned the cheque."})
    today = timezone.localdate()
    if not payment.paid_on <= bounced_on <= today:
        raise ValidationError({"bounced_on": f"Choose a day from {day_words(payment.paid_on)} to {day_words(today)}."})
    institute = Institute.objects.current()
    check_back_dating(bounced_on, today, field="bounced_on", what="Bounced cheques", institute=institute)
    reversal = _reverse(payment, Reversal.Kind.BOUNCED, on=bounced_on, reason=reason, by=by)
    if charge > ZERO:
        posted = Charge(
            student_id=payment.student_id,
            enrollment_id=payment.enrollment_id,
            kind=ChargeKind.BOUNCE,
            label=f"Bounced cheque {payment.reference} of {payment}".strip(),
            amount=charge,
            posted_on=today,
            due_on=today,
            posted_by=by,
        )
        posted.clean_fields(exclude=["student", "enrollment", "posted_by"])
        posted.save(force_insert=True)
    ledger.refresh_accounts([payment.student_id])
    return reversal


def _reverse(payment, how, *, on, reason, by):
    """Write the Reversal of ``payment`` on the day ``on``; the account is locked, and for the caller to refresh."""
    # The series too: the day's total is written by one at a time.
    kind = ReceiptSeries.Kind(payment.series.kind)
    series = lock_entry(payment.paid_on, payment.student_id, by=by, kind=kind)
    if Reversal.objects.filter(payment=payment).exists():
        raise ValidationError(f"Receipt {payment} was voided already.")
    if Refund.objects.filter(payment=payment).exists():
        raise ValidationError(f"Of receipt {payment} money was given back, so it cannot be voided any more.")
    booked_on = max(book_day(series, on), first_book_day_of_void(payment))
    reversal = Reversal(payment=payment, kind=how, voided_on=on, booked_on=booked_on, reason=reason, voided_by=by)
    reversal.clean_fields(exclude=["payment", "voided_by"])
    reversal.save(force_insert=True)
    LiveReference.objects.filter(payment=payment).delete()
    ledger.refresh_days([payment.paid_on], [payment.mode])
    return reversal
