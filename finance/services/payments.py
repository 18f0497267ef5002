import datetime
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from academics.models import Enrollment
from coachmaster.core.compiled import compiled
from coachmaster.core.exceptions import Conflict
from coachmaster.core.money import ZERO, display, plain
from coachmaster.core.querysets import is_visible
from coachmaster.core.text import clean_text
from finance.balances import add_to_day_total, save_statuses
from finance.ledger import (
    active_charges,
    allocate_payment,
    calculate_status,
    received_by,
    shown_as,
)
from finance.locks import book_day, lock_entry
from finance.models import (
    Letterhead,
    LiveReference,
    Mode,
    Payment,
    live_reference,
    normalised_reference,
)

from .payment_limits import check_limits, check_payment_date

#: A second payment of the same amount by the same student within this time must be confirmed.
DUPLICATE_WINDOW = datetime.timedelta(minutes=10)


class TokenAlreadyUsed(Conflict):
    used_for: str


class PossibleDuplicate(Conflict):
    earlier: Payment


class ExceedsDues(Conflict):
    dues: Decimal


@dataclass(frozen=True, kw_only=True)
class ReceivedMoney:
    """Money as entered or imported; ``amount`` in rupees."""

    amount: Decimal
    paid_on: datetime.date
    mode: str
    token: str
    reference: str = ""
    cheque_on: datetime.date | None = None
    notes: str = ""
    enrollment: Enrollment | None = None
    as_advance: bool = False  # accept more than the dues
    confirm_duplicate: bool = False
    enforce_limits: bool = True  # off for money of the past: see `payment_limits`
    has_cleared: bool = False  # a cheque of the past

    @property
    def cheque_date(self):
        return self.cheque_on if self.mode == Mode.CHEQUE else None

    @property
    def is_cleared(self):
        return self.mode != Mode.CHEQUE or self.has_cleared


def record_payment(*, student, received: ReceivedMoney, by) -> Payment:
    """Record a payment and issue its receipt.

    Return the earlier payment, with ``is_repeat`` set, if the token was used for the same money.
    Raise Conflict if it was used for other money, the reference is on another receipt, or the
    clerk must confirm the payment. No receipt number is used then.
    """
    try:
        return _record_payment(student, received, by)
    except IntegrityError:
        # Requests with the same token but dates in two financial years lock different series:
        # the unique token stops the second one.
        if earlier := Payment.objects.filter(token=received.token).first():
            return _ensure_same(earlier, student, received, by)
        # The reference is checked by inserting it, so that no query is needed when it is free.
        payment = Payment(student=student, mode=received.mode, reference=received.reference)
        references = LiveReference.objects.select_related("payment")
        if taken := references.filter(pk=live_reference(payment)).first():
            message = f"This reference is already on {_label(taken.payment, by)}. Check the number."
            raise Conflict({"reference": message}) from None
        raise


@transaction.atomic
def _record_payment(student, received, by):
    _check_form(received)
    today = timezone.localdate()
    check_payment_date(received.paid_on, today)
    series = lock_entry(received.paid_on, student.pk, by=by)
    known = _payments_to_compare(student=student.pk, token=received.token)
    if earlier := next((payment for payment in known if payment.token == received.token), None):
        return _ensure_same(earlier, student, received, by)
    active = [payment for payment in known if not payment.is_cancelled]
    check_proof(received)
    # Today's dues count, whatever the date of the payment.
    paid, uncleared = received_by(active)
    status = calculate_status(active_charges(students=[student.pk]), paid, today, uncleared)
    _check_not_above_dues(status, received)
    _check_not_duplicate(student, received, active)
    series.last_number += 1
    series.save(update_fields=["last_number"])
    institute, letterhead = Letterhead.objects.current()
    payment = build_payment(
        student=student,
        received=received,
        series=series,
        number=series.last_number,
        status=status,
        letterhead=letterhead,
        by=by,
    )
    if received.enforce_limits:
        check_limits(payment, active, today, institute)
    _save(payment, status)
    return payment


def _save(payment, status):
    payment.save()
    if reference := live_reference(payment):
        LiveReference.objects.create(reference=reference, payment=payment)
    is_cleared = payment.mode != Mode.CHEQUE
    save_statuses({payment.student_id: status.after(payment.amount, is_cleared=is_cleared)})
    add_to_day_total(payment)


@compiled  # 2.2 to 0.3 ms, with each payment, while the receipt series is locked
def _payments_to_compare(*, student, token):
    payments = Payment.objects.filter(Q(student=student) | Q(token=token))
    return payments.select_related("reversal", "clearing").with_refunded()


def _label(payment, by):
    return f"receipt {payment}" if is_visible(payment, by) else "another receipt"


def _ensure_same(earlier, student, received, by):
    recorded = (
        earlier.student_id,
        earlier.amount,
        earlier.paid_on,
        earlier.mode,
        normalised_reference(earlier.reference),
        earlier.notes,
    )
    entered = (
        student.pk,
        received.amount,
        received.paid_on,
        received.mode,
        normalised_reference(received.reference),
        clean_text(received.notes, lines=True),
    )
    if recorded != entered:
        error = TokenAlreadyUsed(
            f"This form was already used for {_label(earlier, by)}. "
            "Nothing more was saved. Open a new payment form for another payment."
        )
        error.used_for = _label(earlier, by)
        raise error
    earlier.is_repeat = True
    return earlier


def _check_form(received):
    if not received.token:
        raise ValidationError("This form has expired. Open it again.")
    if received.amount <= ZERO:
        raise ValidationError({"amount": "Enter an amount above zero."})


def check_proof(received):
    """Raise ValidationError without the reference or cheque date that the mode needs."""
    mode = Mode(received.mode)
    if (
        mode.needs_reference
        and received.enforce_limits
        and not normalised_reference(received.reference)
    ):
        message = (
            "Enter the number of the cheque."
            if mode == Mode.CHEQUE
            else f"Enter the reference of the {mode.label} payment, as the bank shows it."
        )
        raise ValidationError({"reference": message})
    if mode == Mode.CHEQUE and received.cheque_on is None:
        raise ValidationError({"cheque_on": "Enter the date on the cheque."})


def _check_not_above_dues(status, received):
    expected = status.if_cleared.balance
    if received.amount <= expected or received.as_advance:
        return
    dues = max(expected, ZERO)
    beside = f", less {display(status.uncleared)} by cheque, not cleared" * bool(status.uncleared)
    error = ExceedsDues(
        {
            "amount": f"The dues are {display(dues)}{beside}. "
            "Tick “Keep the rest as an advance” to accept more."
        }
    )
    error.dues = dues
    raise error


def _check_not_duplicate(student, received, payments):
    if received.confirm_duplicate:
        return
    since = timezone.now() - DUPLICATE_WINDOW
    for payment in payments:
        if payment.amount == received.amount and payment.recorded_at >= since:
            error = PossibleDuplicate(
                f"{display(payment.amount)} was already recorded for {student} at "
                f"{timezone.localtime(payment.recorded_at):%H:%M} "
                f"(receipt {payment.receipt_number}). "
                "Tick “Record it again” if this is a second payment."
            )
            error.earlier = payment
            raise error


def _settled_lines(allocated):
    """Return the names and amounts on the receipt; late fees of an installment are one line."""
    names, amounts = {}, defaultdict(lambda: ZERO)
    for charge, part in allocated:
        key = charge and shown_as(charge)
        names.setdefault(key, str(charge) if charge else "Advance")
        amounts[key] += part
    return [[name, plain(amounts[key])] for key, name in names.items()]


def build_payment(*, student, received, series, number, status, letterhead, by):
    """Return the unsaved payment; ``status`` is the FeeStatus before it.

    A cheque settles the charges that earlier cheques leave.
    """
    is_cleared = received.is_cleared
    allocated = allocate_payment(status if is_cleared else status.if_cleared, received.amount)
    after = status.after(received.amount, is_cleared=is_cleared)
    payment = Payment(
        student=student,
        enrollment=received.enrollment or _default_enrollment(student, allocated),
        amount=received.amount,
        paid_on=received.paid_on,
        booked_on=book_day(series, received.paid_on),
        mode=received.mode,
        reference=received.reference,
        cheque_on=received.cheque_date,
        notes=received.notes,
        series=series,
        number=number,
        receipt_number=series.number(number),
        token=received.token,
        received_by=by,
        settled=_settled_lines(allocated),
        balance_after=after.balance,
        dues_after=after.amounts.dated if after.balance > ZERO or after.uncleared else "",
        letterhead=letterhead,
        place_of_supply=letterhead.place_of_supply(student),
    )
    payment.clean_fields(exclude=["student", "enrollment", "series", "received_by", "letterhead"])
    return payment


def _default_enrollment(student, allocated):
    charge = allocated[0][0]
    if charge:
        return charge.enrollment
    return Enrollment.objects.filter(student=student).latest_first().first()
