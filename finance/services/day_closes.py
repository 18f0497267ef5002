from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from coachmaster.core.dates import format_date
from coachmaster.core.money import ZERO, display
from finance.locks import closed_days, lock_series
from finance.models import DayClose, Mode, Payment, ReceiptSeries, Refund, Reversal


def expected_cash(person, on):
    """Return the cash in rupees that ``person`` should have from the day ``on``.

    A receipt that the person cancels on a later day is subtracted on that day.
    """
    received = Payment.objects.filter(received_by=person, booked_on=on, mode=Mode.CASH)
    received = received.exclude(reversal__booked_on__lte=on)
    cancelled = Payment.objects.filter(
        booked_on__lt=on, mode=Mode.CASH, reversal__voided_by=person, reversal__booked_on=on
    )
    refunded = Refund.objects.filter(refunded_by=person, booked_on=on, mode=Mode.CASH)
    return received.total() - cancelled.total() - refunded.total()


def first_open_day(person, after):
    days = [
        rows.filter(booked_on__gt=after).aggregate(first=Min("booked_on"))["first"]
        for rows in (
            Payment.objects.filter(received_by=person),
            Reversal.objects.filter(voided_by=person),
            Refund.objects.filter(refunded_by=person),
        )
    ]
    return min(filter(None, days), default=None)


@transaction.atomic
def close_day(*, person, on, counted_cash, note=""):
    """Close a day of ``person``; later entries are counted on their next open day."""
    if on > timezone.localdate():
        raise ValidationError(f"{format_date(on)} is in the future. Close it that evening.")
    # Every entry locks a series, so nothing is entered while all of them are locked.
    for kind in (ReceiptSeries.Kind.RECEIPT, ReceiptSeries.Kind.REFUND):
        lock_series(on, kind=kind)
    list(ReceiptSeries.objects.select_for_update().order_by("pk").values_list("pk"))
    _check_order(person, on)
    expected = expected_cash(person, on)
    if counted_cash != expected and not note:
        raise ValidationError({"note": _difference_message(counted_cash, expected)})
    close = DayClose(
        person=person, closed_on=on, counted_cash=counted_cash, system_cash=expected, note=note
    )
    close.clean_fields(exclude=["person"])
    close.save(force_insert=True)
    return close


def _check_order(person, on):
    closed = closed_days(person).first()
    if not closed:
        return
    if closed >= on:
        raise ValidationError(f"Your days up to {format_date(closed)} are already closed.")
    if (first := first_open_day(person, closed)) and first < on:
        raise ValidationError(f"Close {format_date(first)} first: it has entries of yours.")


def _difference_message(counted, expected):
    difference = counted - expected
    amount = f"{display(abs(difference))} {'more' if difference > ZERO else 'less'}"
    return f"This is {amount} than the expected {display(expected)}. Explain it in the note."
