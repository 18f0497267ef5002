"""Giving money back: a refund of one payment, with a voucher of its own series."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coachmaster.core.money import ZERO, display
from finance.balances import refresh_accounts
from finance.locks import book_day, lock_entry
from finance.models import Letterhead, Mode, Payment, ReceiptSeries, Refund, normalised_reference

from .payment_limits import check_back_dating


@transaction.atomic
def refund_payment(*, payment, amount, refunded_on, mode, reason, token, by, reference=""):
    """Give ``amount`` rupees of ``payment`` back; returns the refund with its voucher number.

    The same ``token`` gives the refund of the first time. Raises ValidationError when the payment is void, the amount
    is more than was paid and not refunded yet, or the date lies before the payment, too far back or in the future.
    """
    if not reason:
        raise ValidationError({"reason": "Say why the money is given back."})
    if not token:
        raise ValidationError("This form has lost its one-time token. Open the form again.")
    if refunded_on > timezone.localdate():
        raise ValidationError({"refunded_on": "A refund cannot be dated in the future."})
    if refunded_on < payment.paid_on:
        raise ValidationError({"refunded_on": "A refund cannot be dated before the payment."})
    if Mode(mode).needs_reference and not normalised_reference(reference):
        words = (
            "the number of the cheque"
            if mode == Mode.CHEQUE
            else f"the bank’s reference: {Mode(mode).label} has one"
        )
        raise ValidationError({"reference": f"Enter {words}."})
    series = lock_entry(refunded_on, payment.student_id, by=by, kind=ReceiptSeries.Kind.REFUND)
    if earlier := Refund.objects.filter(token=token).first():
        if (earlier.payment_id, earlier.amount, earlier.mode) != (payment.pk, amount, mode):
            raise ValidationError(
                f"This form was already used for voucher {earlier}. Nothing more was saved."
            )
        return earlier
    institute, letterhead = Letterhead.objects.current()
    check_back_dating(
        refunded_on, timezone.localdate(), field="refunded_on", what="Refunds", institute=institute
    )
    payment = (
        Payment.objects.select_related("reversal", "enrollment").with_refunded().get(pk=payment.pk)
    )
    if payment.is_cancelled:
        raise ValidationError(
            f"Receipt {payment} is void: its money does not count, so none can be given back."
        )
    left = payment.amount - payment.refunded
    if amount <= ZERO or amount > left:
        raise ValidationError(
            {
                "amount": f"Enter an amount above zero and at most {display(left)}, what is left of it."
            }
        )
    series.last_number += 1
    series.save(update_fields=["last_number"])
    given = Refund(
        student_id=payment.student_id,
        payment=payment,
        amount=amount,
        refunded_on=refunded_on,
        booked_on=book_day(series, refunded_on),
        mode=mode,
        reference=reference,
        reason=reason,
        series=series,
        number=series.last_number,
        voucher_number=series.number(series.last_number),
        token=token,
        refunded_by=by,
        letterhead=letterhead,
    )
    given.clean_fields(exclude=["student", "payment", "series", "refunded_by", "letterhead"])
    given.save(force_insert=True)
    refresh_accounts([payment.student_id])
    return given
