from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coachmaster.core.dates import format_date
from coachmaster.core.logs import log_event
from coachmaster.core.money import ZERO, display, plain
from coachmaster.core.querysets import is_visible
from finance.balances import refresh_accounts
from finance.locks import book_day, lock_entry
from finance.models import Letterhead, Mode, Payment, ReceiptSeries, Refund, normalised_reference

from .payment_limits import check_back_dating


@transaction.atomic
def refund_payment(*, payment, amount, refunded_on, mode, reason, token, by, reference=""):
    """Refund ``amount`` rupees and issue a voucher.

    The same ``token`` returns the first refund.
    """
    _check_form(reason, token)
    _check_date(payment, refunded_on)
    _check_reference(mode, reference)
    series = lock_entry(refunded_on, payment.student_id, by=by, kind=ReceiptSeries.Kind.REFUND)
    if earlier := Refund.objects.filter(token=token).first():
        return _ensure_same(earlier, payment, amount, mode, by)
    institute, letterhead = Letterhead.objects.current()
    today = timezone.localdate()
    check_back_dating(refunded_on, today, field="refunded_on", what="Refunds", institute=institute)
    payments = Payment.objects.select_related("reversal", "clearing", "enrollment")
    payment = payments.with_refunded().get(pk=payment.pk)
    _check_amount(payment, amount, refunded_on)
    series.last_number += 1
    series.save(update_fields=["last_number"])
    refund = Refund(
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
    refund.clean_fields(exclude=["student", "payment", "series", "refunded_by", "letterhead"])
    refund.save(force_insert=True)
    refresh_accounts([payment.student_id])
    log_event("payment refunded", payment=payment.pk, refund=refund.pk, amount=plain(amount))
    return refund


def _check_form(reason, token):
    if not reason:
        raise ValidationError({"reason": "Enter the reason for the refund."})
    if not token:
        raise ValidationError("This form has expired. Open it again.")


def _check_date(payment, refunded_on):
    if refunded_on > timezone.localdate():
        raise ValidationError({"refunded_on": "A refund cannot be dated in the future."})
    if refunded_on < payment.paid_on:
        raise ValidationError({"refunded_on": "A refund cannot be dated before the payment."})


def _check_reference(mode, reference):
    mode = Mode(mode)
    if mode.needs_reference and not normalised_reference(reference):
        missing = (
            "the number of the cheque"
            if mode == Mode.CHEQUE
            else f"the bank’s reference of the {mode.label} refund"
        )
        raise ValidationError({"reference": f"Enter {missing}."})


def _check_amount(payment, amount, refunded_on):
    if payment.is_cancelled:
        raise ValidationError(f"Receipt {payment} is cancelled, so it cannot be refunded.")
    if not payment.is_cleared:
        raise ValidationError(
            f"The cheque of receipt {payment} has not cleared, so it cannot be refunded."
        )
    if refunded_on < payment.counted_on:
        message = f"The cheque cleared on {format_date(payment.counted_on)}, so choose a later day."
        raise ValidationError({"refunded_on": message})
    left = payment.amount - payment.refunded
    if amount <= ZERO or amount > left:
        raise ValidationError(
            {"amount": f"Enter an amount above zero and at most {display(left)}."}
        )


def _ensure_same(earlier, payment, amount, mode, by):
    if (earlier.payment_id, earlier.amount, earlier.mode) != (payment.pk, amount, mode):
        voucher = f"voucher {earlier}" if is_visible(earlier, by) else "another voucher"
        raise ValidationError(f"This form was already used for {voucher}. Nothing more was saved.")
    return earlier
