from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from academics.models import Institute
from coachmaster.core.dates import format_date
from coachmaster.core.logs import log_event
from coachmaster.core.money import ZERO, display
from finance.balances import refresh_accounts, refresh_day_totals
from finance.locks import book_day, first_cancellation_day, lock_entry
from finance.models import (
    Charge,
    ChargeKind,
    ChequeClearing,
    LiveReference,
    Mode,
    ReceiptSeries,
    Refund,
    Reversal,
)

from .payment_limits import check_back_dating


@transaction.atomic
def cancel_receipt(*, payment, reason, by):
    """Cancel a payment that was entered by mistake. Its receipt number stays used."""
    if not reason:
        raise ValidationError({"reason": "Enter the reason for cancelling the receipt."})
    today = timezone.localdate()
    reversal = _create_reversal(payment, Reversal.Kind.VOID, on=today, reason=reason, by=by)
    refresh_accounts([payment.student_id])
    return reversal


@transaction.atomic
def bounce_cheque(*, payment, bounced_on, reason, by, charge=ZERO):
    """Cancel a cheque payment as of ``bounced_on``, and charge ``charge`` rupees for it."""
    if payment.mode != Mode.CHEQUE:
        raise ValidationError(
            f"Receipt {payment} was not paid by cheque. Cancel it if it was entered by mistake."
        )
    if not reason:
        raise ValidationError({"reason": "Enter the reason that the bank gave."})
    most = most_bounce_charge(by)
    if most is not None and charge > most:
        message = f"Your role may charge {display(most)} at most, as in the settings."
        raise ValidationError({"charge": message})
    today = timezone.localdate()
    _check_bounce_date(payment, bounced_on, today)
    reversal = _create_reversal(payment, Reversal.Kind.BOUNCED, on=bounced_on, reason=reason, by=by)
    if charge > ZERO:
        _charge_bounce(payment, charge, today, by)
    refresh_accounts([payment.student_id])
    return reversal


def most_bounce_charge(user):
    """Return the charge in the settings, or None if ``user`` may charge any amount."""
    if user.has_perm("finance.add_charge"):
        return None
    return Institute.objects.current().bounce_charge


def _check_bounce_date(payment, bounced_on, today):
    if not payment.paid_on <= bounced_on <= today:
        first, last = format_date(payment.paid_on), format_date(today)
        raise ValidationError({"bounced_on": f"Choose a day from {first} to {last}."})
    check_back_dating(
        bounced_on,
        today,
        field="bounced_on",
        what="Bounced cheques",
        institute=Institute.objects.current(),
    )


def _charge_bounce(payment, amount, today, by):
    charge = Charge(
        student_id=payment.student_id,
        enrollment_id=payment.enrollment_id,
        kind=ChargeKind.BOUNCE,
        label=f"Bounced cheque {payment.reference} of {payment}".strip(),
        amount=amount,
        posted_on=today,
        due_on=today,
        posted_by=by,
    )
    charge.clean_fields(exclude=["student", "enrollment", "posted_by"])
    charge.save(force_insert=True)


def _create_reversal(payment, kind, *, on, reason, by):
    """Lock the account, which the caller must refresh."""
    # The series is locked too, because the day total is recalculated.
    series_kind = ReceiptSeries.Kind(payment.series.kind)
    series = lock_entry(payment.paid_on, payment.student_id, by=by, kind=series_kind)
    if Reversal.objects.filter(payment=payment).exists():
        raise ValidationError(f"Receipt {payment} is already cancelled.")
    cleared_on = ChequeClearing.objects.filter(payment=payment).values_list("cleared_on", flat=True)
    if kind == Reversal.Kind.BOUNCED and (first := cleared_on.first()) and on < first:
        message = f"The cheque cleared on {format_date(first)}. Choose that day or a later one."
        raise ValidationError({"bounced_on": message})
    if Refund.objects.filter(payment=payment).exists():
        raise ValidationError(
            f"Receipt {payment} cannot be cancelled, because a part of it was refunded."
        )
    reversal = Reversal(
        payment=payment,
        kind=kind,
        voided_on=on,
        booked_on=max(book_day(series, on), first_cancellation_day(payment)),
        reason=reason,
        voided_by=by,
    )
    reversal.clean_fields(exclude=["payment", "voided_by"])
    reversal.save(force_insert=True)
    log_event("receipt cancelled", payment=payment.pk, kind=kind)
    LiveReference.objects.filter(payment=payment).delete()
    refresh_day_totals([payment.paid_on], [payment.mode])
    return reversal
