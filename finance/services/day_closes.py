from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from coachmaster.core.dates import format_date
from coachmaster.core.money import ZERO, display
from finance.locks import closed_days, lock_series
from finance.models import DayClose, Mode, Payment, ReceiptSeries, Refund, Reversal


def expected_cash(person, on):
    """The cash (rupees) that ``person`` should have of the day ``on``.

    It is the cash they received on it that was not voided in the same book, less the cash of earlier days that they voided
    on it, less the cash they gave back. So each void counts in one book, whenever a day is closed.
    """
    received = Payment.objects.filter(received_by=person, booked_on=on, mode=Mode.CASH)
    received = received.exclude(reversal__booked_on__lte=on)
    earlier = Payment.objects.filter(
        booked_on__lt=on, mode=Mode.CASH, reversal__voided_by=person, reversal__booked_on=on
    )
    given_back = Refund.objects.filter(refunded_by=person, booked_on=on, mode=Mode.CASH)
    return received.total() - earlier.total() - given_back.total()


def first_open_day(person, after):
    """The first day after ``after`` in whose book ``person`` has an entry, or None."""
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
    """Close the day ``on`` of ``person``, who has counted so much cash (rupees); what they enter later stands in the book of
    their next open day. Returns the close.

    Raises ValidationError when the day is to come or was closed, when an earlier one is still open, and when the cash
    differs from the book's and no note says why.
    """
    today = timezone.localdate()
    if on > today:
        raise ValidationError(f"{format_date(on)} is still to come. Close it in its evening.")
    # Every entry draws on a series, so nothing can enter the book while they are held.
    for kind in (ReceiptSeries.Kind.RECEIPT, ReceiptSeries.Kind.REFUND):
        lock_series(on, kind=kind)
    list(ReceiptSeries.objects.select_for_update().order_by("pk").values_list("pk"))
    closed = closed_days(person).first()
    if closed and closed >= on:
        raise ValidationError(f"Your book is closed up to {format_date(closed)} already.")
    if closed and (first := first_open_day(person, closed)) and first < on:
        raise ValidationError(
            f"Close {format_date(first)} first: it has entries of yours and is still open."
        )
    by_book = expected_cash(person, on)
    if counted_cash != by_book and not note:
        difference = counted_cash - by_book
        words = (
            f"{display(difference)} more" if difference > ZERO else f"{display(-difference)} less"
        )
        raise ValidationError(
            {
                "note": f"This is {words} than the book’s {display(by_book)}. Say in the note where it comes from."
            }
        )
    closing = DayClose(
        person=person, closed_on=on, counted_cash=counted_cash, system_cash=by_book, note=note
    )
    closing.clean_fields(exclude=["person"])
    closing.save(force_insert=True)
    return closing
