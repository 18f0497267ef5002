from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from academics.models import Institute
from coachmaster.core.dates import format_date
from coachmaster.core.money import ZERO
from finance.balances import refresh_accounts, refresh_day_totals
from finance.locks import book_day, first_cancellation_day, lock_entry
from finance.models import Charge, ChargeKind, LiveReference, Mode, ReceiptSeries, Refund, Reversal

from .payment_limits import check_back_dating


@transaction.atomic
def cancel_receipt(*, payment, reason, by):
    """Void a payment that was entered wrongly: its amount is owed again, its number stays used.

    Raises ValidationError when it was voided already or the reason is missing.
    """
    if not reason:
        raise ValidationError({"reason": "Say why the payment is voided."})
    reversal = _create_reversal(
        payment, Reversal.Kind.VOID, on=timezone.localdate(), reason=reason, by=by
    )
    refresh_accounts([payment.student_id])
    return reversal


@transaction.atomic
def bounce_cheque(*, payment, bounced_on, reason, by, charge=ZERO):
    """The bank returned a cheque on the day ``bounced_on``: its amount is owed again, and ``charge`` (rupees) with it.

    Raises ValidationError when the payment was no cheque, does not stand, or the day cannot be.
    """
    if payment.mode != Mode.CHEQUE:
        raise ValidationError(
            f"Receipt {payment} was not paid by cheque. Void it when it was entered wrongly."
        )
    if not reason:
        raise ValidationError({"reason": "Say why the bank returned the cheque."})
    today = timezone.localdate()
    if not payment.paid_on <= bounced_on <= today:
        raise ValidationError(
            {
                "bounced_on": f"Choose a day from {format_date(payment.paid_on)} to {format_date(today)}."
            }
        )
    institute = Institute.objects.current()
    check_back_dating(
        bounced_on, today, field="bounced_on", what="Bounced cheques", institute=institute
    )
    reversal = _create_reversal(payment, Reversal.Kind.BOUNCED, on=bounced_on, reason=reason, by=by)
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
    refresh_accounts([payment.student_id])
    return reversal


def _create_reversal(payment, how, *, on, reason, by):
    """Write the Reversal of ``payment`` on the day ``on``; the account is locked, and for the caller to refresh."""
    # The series too: the day's total is written by one at a time.
    kind = ReceiptSeries.Kind(payment.series.kind)
    series = lock_entry(payment.paid_on, payment.student_id, by=by, kind=kind)
    if Reversal.objects.filter(payment=payment).exists():
        raise ValidationError(f"Receipt {payment} was voided already.")
    if Refund.objects.filter(payment=payment).exists():
        raise ValidationError(
            f"Of receipt {payment} money was given back, so it cannot be voided any more."
        )
    booked_on = max(book_day(series, on), first_cancellation_day(payment))
    reversal = Reversal(
        payment=payment, kind=how, voided_on=on, booked_on=booked_on, reason=reason, voided_by=by
    )
    reversal.clean_fields(exclude=["payment", "voided_by"])
    reversal.save(force_insert=True)
    LiveReference.objects.filter(payment=payment).delete()
    refresh_day_totals([payment.paid_on], [payment.mode])
    return reversal
