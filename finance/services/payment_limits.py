import datetime

from django.core.exceptions import ValidationError

from coachmaster.core.dates import format_date, months_later
from coachmaster.core.money import display
from finance.models import Mode

#: Receipt numbers name the year by two digits, so a century must not repeat.
EARLIEST_PAYMENT_DATE = datetime.date(2000, 4, 1)
#: Banks pay a cheque for three months from its date (Reserve Bank of India, since 1 April 2012).
CHEQUE_VALID_MONTHS = 3
POST_DATED_MONTHS = 12


def check_payment_date(paid_on, today):
    if paid_on > today:
        raise ValidationError({"paid_on": "A payment cannot be dated in the future."})
    if paid_on < EARLIEST_PAYMENT_DATE:
        earliest = format_date(EARLIEST_PAYMENT_DATE)
        raise ValidationError({"paid_on": f"Enter a date from {earliest} on."})


def check_back_dating(day, today, *, field, what="Payments", institute):
    """Raise ValidationError for ``field`` if ``day`` is before what the settings allow."""
    days = institute.back_dating_days
    earliest = today - datetime.timedelta(days=days)
    if day >= earliest:
        return
    if days:
        limit = f"can be dated back {days} days. Choose {format_date(earliest)} or a later day."
    else:
        limit = f"cannot be dated back. Choose {format_date(today)}."
    raise ValidationError({field: f"{what} {limit}"})


def check_limits(payment, active, today, institute):
    """Check the dates and the cash limit; ``active`` are earlier active payments."""
    check_back_dating(payment.paid_on, today, field="paid_on", institute=institute)
    if payment.mode == Mode.CHEQUE:
        _check_cheque_date(payment.cheque_on, payment.paid_on)
    if payment.mode == Mode.CASH:
        _check_cash(payment, active, institute.cash_ceiling)


def _check_cheque_date(cheque_on, paid_on):
    if paid_on > (valid_until := months_later(cheque_on, CHEQUE_VALID_MONTHS)):
        message = (
            "Banks pay a cheque for three months from its date, this one until "
            f"{format_date(valid_until)}. Ask for a new one, or correct the date."
        )
        raise ValidationError({"cheque_on": message})
    if cheque_on > (latest := months_later(paid_on, POST_DATED_MONTHS)):
        message = (
            f"A cheque can be dated a year ahead, until {format_date(latest)}. Correct the date."
        )
        raise ValidationError({"cheque_on": message})


def _check_cash(payment, active, ceiling):
    """Apply section 269ST of the Income-tax Act.

    Nobody may receive two lakh rupees in cash from a person in a day, or for one occasion.
    """
    cash = [earlier for earlier in active if earlier.mode == Mode.CASH]
    same_day = [earlier.amount for earlier in cash if earlier.paid_on == payment.paid_on]
    same_enrollment = [
        earlier.amount
        for earlier in cash
        # An advance, or a payment of another charge first, may be for this enrollment too.
        if payment.enrollment_id and earlier.enrollment_id in (payment.enrollment_id, None)
    ]
    for occasion, earlier in (
        (f"from {payment.student} on {format_date(payment.paid_on)}", same_day),
        ("for this enrollment", same_enrollment),
    ):
        total = sum(earlier, payment.amount)
        if total >= ceiling:
            message = (
                f"With this payment, cash received {occasion} would be {display(total)}. "
                f"Section 269ST of the Income-tax Act forbids {display(ceiling)} or more. "
                "Accept a bank transfer, UPI or card."
            )
            raise ValidationError({"amount": message})
