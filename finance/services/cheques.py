"""Take cheques to the bank, and count them as paid once the bank has paid them."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from academics.models import Institute
from coachmaster.core.dates import format_date
from coachmaster.core.exceptions import Conflict
from coachmaster.core.logs import log_event
from finance.balances import refresh_accounts
from finance.locks import lock_accounts
from finance.models import ChequeClearing, ChequeDeposit, Mode, Payment

from .payment_limits import check_back_dating


@transaction.atomic
def deposit_cheques(*, payments, on, by):
    """Record that cheques (ids of payments) were taken to the bank; return their payments."""
    cheques = _lock_cheques(payments)
    for cheque in cheques:
        if hasattr(cheque, "deposit"):
            raise Conflict(f"The cheque of receipt {cheque} was deposited already.")
    _check_day(cheques, on, "Deposits")
    ChequeDeposit.objects.bulk_create(
        ChequeDeposit(payment=cheque, deposited_on=on, deposited_by=by) for cheque in cheques
    )
    log_event("cheques deposited", payments=",".join(str(cheque.pk) for cheque in cheques))
    return cheques


@transaction.atomic
def clear_cheques(*, payments, on, by):
    """Count cheques (ids of payments) as paid from the day ``on``; return their payments."""
    cheques = _lock_cheques(payments)
    _check_day(cheques, on, "Cleared cheques")
    ChequeClearing.objects.bulk_create(
        ChequeClearing(payment=cheque, cleared_on=on, cleared_by=by) for cheque in cheques
    )
    refresh_accounts(cheque.student_id for cheque in cheques)
    log_event("cheques cleared", payments=",".join(str(cheque.pk) for cheque in cheques))
    return cheques


def _lock_cheques(ids):
    """Lock the accounts, and return the cheques. Raise Conflict if one was decided meanwhile."""
    if not ids:
        raise ValidationError("Select the cheques.")
    rows = Payment.objects.filter(pk__in=ids, mode=Mode.CHEQUE)
    lock_accounts(rows.order_by().values_list("student", flat=True))
    cheques = list(rows.select_related("reversal", "clearing", "deposit").order_by("pk"))
    if len(cheques) != len(set(ids)):
        raise ValidationError("One of these payments is not a cheque. Select them again.")
    for cheque in cheques:
        if cheque.is_cancelled:
            raise Conflict(f"Receipt {cheque} is cancelled. Select the other cheques again.")
        if cheque.is_cleared:
            raise Conflict(
                f"The cheque of receipt {cheque} has cleared already. "
                "Select the other cheques again."
            )
    return cheques


def _check_day(cheques, on, what):
    today = timezone.localdate()
    if on > today:
        raise ValidationError({"on": f"Choose today or an earlier day, not {format_date(on)}."})
    check_back_dating(on, today, field="on", what=what, institute=Institute.objects.current())
    latest = max(cheques, key=first_bank_day)
    if on < (first := first_bank_day(latest)):
        raise ValidationError(
            {
                "on": f"The cheque of receipt {latest} can be dated {format_date(first)} at the "
                "earliest. Choose that day or a later one, or leave this cheque out."
            }
        )


def first_bank_day(cheque):
    """Return the day from which a bank takes a cheque, or that on which it was deposited."""
    first = max(cheque.paid_on, cheque.cheque_on)
    return max(first, cheque.deposit.deposited_on) if hasattr(cheque, "deposit") else first
