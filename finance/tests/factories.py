"""Create money by the services, as the product does."""

import datetime
import secrets
from decimal import Decimal

from django.urls import reverse
from django.utils import timezone

from academics.tests.factories import BatchFactory
from accounts.tests.factories import StudentFactory
from finance.models import Charge, Mode
from finance.services.cheques import clear_cheques
from finance.services.enrollments import enroll
from finance.services.late_fees import calculate_late_fees, charge_late_fees, digest_of_fees
from finance.services.payments import ReceivedMoney, record_payment


def enrolled(
    *, student=None, batch=None, enrolled_on=None, fee=None, due_on=None, by=None, **kwargs
):
    """Enroll a student; ``fee`` is the course fee, ``due_on`` one date for all of it."""
    batch = batch or BatchFactory(
        **({"course__total_fee": Decimal(fee)} if fee is not None else {})
    )
    if due_on:
        kwargs["installments"] = [(due_on, kwargs.get("agreed_fee") or batch.course.total_fee)]
    return enroll(
        student=student or StudentFactory(),
        batch=batch,
        enrolled_on=enrolled_on or batch.starts_on,
        by=by,
        **kwargs,
    )


def paid(*, student, amount, paid_on=None, mode=Mode.CASH, by=None, reference="", **kwargs):
    """Record a payment; an amount above the dues is an advance."""
    if Mode(mode).needs_reference and not reference:
        reference = secrets.token_hex(6)
    return record_payment(
        student=student,
        by=by,
        received=ReceivedMoney(
            amount=Decimal(amount),
            paid_on=paid_on or timezone.localdate(),
            mode=mode,
            reference=reference,
            token=secrets.token_urlsafe(24),
            as_advance=True,
            confirm_duplicate=True,
            enforce_limits=False,
            **kwargs,
        ),
    )


def post_late_fees(on=None, *, by=None):
    """Charge the late fees that a page would show now; return the charges."""
    on = on or timezone.localdate()
    fees = calculate_late_fees(on)
    if not fees:
        return []
    token = secrets.token_urlsafe(24)
    action = charge_late_fees(on=on, by=by, token=token, digest=digest_of_fees(fees))
    return list(action.rows_of(Charge).order_by("pk"))


def cleared(payment, *, on=None):
    """Let the cheque of ``payment`` clear, today by default; return the payment."""
    clear_cheques(payments=[payment.pk], on=on or timezone.localdate(), by=payment.received_by)
    return payment


YESTERDAY = datetime.timedelta(days=1)


def submit_enrollment(client, student, batch, **changes):
    """Send the enrollment form, from today at the course fee."""
    typed = {
        "batch": batch.pk,
        "enrolled_on": timezone.localdate().isoformat(),
        "agreed_fee": "",
        "fee_reason": "",
        **changes,
    }
    url = reverse("finance:enrollment-create")
    return client.post(f"{url}?student={student.pk}", typed)
