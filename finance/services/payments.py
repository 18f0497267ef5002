"""The acts of the fee desk: each is one transaction that moves a student and their dues together.

Locks are taken in one order everywhere: receipt series, then institute and batch, then the student's account.
"""

import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from academics.models import Enrollment
from coachmaster.core.compiled import compiled
from coachmaster.core.dates import day_words, months_later
from coachmaster.core.exceptions import Conflict
from coachmaster.core.money import ZERO, display, plain
from coachmaster.core.text import clean_text
from finance import ledger as ledger_ledger
from finance.balances import add_to_day_total, save_statuses
from finance.ledger import active_charges, allocate_payment
from finance.locks import book_day, lock_entry
from finance.models import (
    Letterhead,
    LiveReference,
    Mode,
    Payment,
    live_reference,
    normalised_reference,
)

#: A payment like one of the last minutes (same student, same amount) is asked about once more.
DUPLICATE_WINDOW = datetime.timedelta(minutes=10)


class TokenAlreadyUsed(Conflict):
    """A payment form was sent again with other content than the first time; ``earlier`` is the payment of that time."""

    earlier: Payment


class PossibleDuplicate(Conflict):
    """The same student paid the same amount minutes ago, ``earlier``: to be confirmed."""

    earlier: Payment


class ExceedsDues(Conflict):
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
    confirm_duplicate=False,
    enforce_limits=True,
):
    """Record money received from ``student`` and draw its receipt number. Returns the payment.

    ``amount`` in rupees. The same ``token`` with the same content gives the payment of the first time, which then
    ``is_repeat``; with other content `TokenUsed`. Raises ValidationError for a bad date or reference, `Conflict` for a
    reference that another receipt has, `MoreThanOwed` and `LooksDouble` for what a person has to confirm. When something is refused, nothing is written and no number is used. ``enforce_limits`` off
    stands for history that is brought in: the institute's limits on dates and cash, and the need of a reference, are
    for what is taken now.
    """
    content = dict(
        student=student, amount=amount, paid_on=paid_on, mode=mode, reference=reference, notes=notes
    )
    try:
        return _record_payment(
            **content,
            token=token,
            by=by,
            cheque_on=cheque_on if mode == Mode.CHEQUE else None,
            enrollment=enrollment,
            as_advance=as_advance,
            confirm_duplicate=confirm_duplicate,
            enforce_limits=enforce_limits,
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
                {
                    "reference": f"This reference is on receipt {taken.payment} already. Check the number."
                }
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
        refusal = TokenAlreadyUsed(
            f"This form was already used for receipt {earlier.receipt_number}. "
            "Nothing more was saved. Open a new payment form for another payment."
        )
        refusal.earlier = earlier
        raise refusal
    earlier.is_repeat = True
    return earlier


#: Two-digit years name the receipt series, so they must not meet twice.
EARLIEST_PAYMENT_DATE = datetime.date(2000, 4, 1)


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
    confirm_duplicate,
    enforce_limits,
):
    if not token:
        raise ValidationError("This form has lost its one-time token. Open the payment form again.")
    today = timezone.localdate()
    if amount <= ZERO:
        raise ValidationError({"amount": "Enter an amount above zero."})
    check_payment_date(paid_on, today)
    series = lock_entry(paid_on, student.pk, by=by)
    content = dict(
        student=student, amount=amount, paid_on=paid_on, mode=mode, reference=reference, notes=notes
    )
    known = _payments_to_compare(student=student.pk, token=token)
    if earlier := next((payment for payment in known if payment.token == token), None):
        return _same_payment(earlier, content)
    standing = [payment for payment in known if not payment.is_cancelled]
    if Mode(mode).needs_reference and enforce_limits and not normalised_reference(reference):
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
    status = ledger_ledger.calculate_status(active_charges(students=[student.pk]), paid, today)
    if amount > status.balance and not as_advance:
        owed = max(status.balance, ZERO)
        refusal = ExceedsDues(
            {"amount": f"{display(owed)} is owed. Tick “Keep the rest as an advance” to take more."}
        )
        refusal.owed = owed
        raise refusal
    if not confirm_duplicate:
        _check_not_duplicate(student, amount, standing)
    series.last_number += 1
    series.save(update_fields=["last_number"])
    institute, letterhead = Letterhead.objects.current()
    payment = build_payment(
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
    if enforce_limits:
        _check_limits(payment, standing, today, institute)
    payment.save()
    if kept := live_reference(payment):
        LiveReference.objects.create(reference=kept, payment=payment)
    save_statuses({student.pk: status.after(amount)})
    add_to_day_total(payment)
    return payment


@compiled  # 2.2 to 0.3 ms, with each payment, while the receipt series is locked
def _payments_to_compare(*, student, token):
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
        _check_cheque_date(payment.cheque_on, payment.paid_on)
    if payment.mode != Mode.CASH:
        return
    cash = [earlier for earlier in standing if earlier.mode == Mode.CASH]
    of_the_day = [earlier.amount for earlier in cash if earlier.paid_on == payment.paid_on]
    of_the_enrollment = [
        earlier.amount for earlier in cash if earlier.enrollment_id == payment.enrollment_id
    ]
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


def _check_cheque_date(cheque_on, paid_on):
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
            {
                "cheque_on": f"A cheque can be dated a year ahead, until {day_words(last)}. Correct the date."
            }
        )


def check_payment_date(paid_on, today):
    """Raises ValidationError when a payment cannot be of that day."""
    if paid_on > today:
        raise ValidationError({"paid_on": "A payment cannot be dated in the future."})
    if paid_on < EARLIEST_PAYMENT_DATE:
        raise ValidationError(
            {"paid_on": f"Enter a date from {day_words(EARLIEST_PAYMENT_DATE)} on."}
        )


def build_payment(
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
    settles = allocate_payment(status, amount)
    payment = Payment(
        student=student,
        enrollment=enrollment or _default_enrollment(student, settles),
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


def _check_not_duplicate(student, amount, standing):
    since = timezone.now() - DUPLICATE_WINDOW
    double = next(
        (
            payment
            for payment in standing
            if payment.amount == amount and payment.recorded_at >= since
        ),
        None,
    )
    if double:
        refusal = PossibleDuplicate(
            f"{display(amount)} was recorded for {student} at {timezone.localtime(double.recorded_at):%H:%M} already "
            f"(receipt {double.receipt_number}). Tick “Record it again” if this is a second payment."
        )
        refusal.earlier = double
        raise refusal


def _default_enrollment(student, settles):
    """The enrollment a payment is taken for when nobody says: that of the first charge it settles, else the current
    one, else the latest."""
    charge = settles[0][0]
    return (
        charge.enrollment
        if charge
        else Enrollment.objects.filter(student=student).latest_first().first()
    )
