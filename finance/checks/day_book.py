"""Checks of closed days and the cash in drawers."""

from coachmaster.core.money import ZERO, display
from finance.models import (
    BulkActionRow,
    DayClose,
    Mode,
    Payment,
    Refund,
    Reversal,
)


def drawers():
    """A drawer opens with the cash of its last close, and adds up; differences have a note.

    The first close opens with the cash of the days before it, without that of old books.
    """
    counted = {}
    old = set(BulkActionRow.objects.of_old_books(Payment).values_list("object_id", flat=True))
    closes = DayClose.objects.select_related("person").order_by("person", "closed_on")
    for close in closes.iterator():
        if is_first := close.person_id not in counted:
            carried = _drawer_cash(close.person_id, without=old, booked_on__lt=close.closed_on)
        else:
            carried = counted[close.person_id]
        if close.opening_cash != carried and not close.opening_note:
            yield (
                f"Day close {close}: it opens with {display(close.opening_cash)} without a reason, "
                f"the {'days before' if is_first else 'last close'} left {display(carried)}."
            )
        expected = close.opening_cash + close.system_cash - close.banked_cash
        if close.counted_cash != expected and not close.note:
            yield (
                f"Day close {close}: {display(close.counted_cash)} was counted, "
                f"{display(expected)} expected, without a note."
            )
        counted[close.person_id] = close.counted_cash


def _drawer_cash(person, *, without=(), **booked):
    """Return the cash of entries of a person (id); ``without`` are payments (ids) left out."""
    own = Payment.objects.filter(received_by=person, mode=Mode.CASH, **booked)
    voids = Reversal.objects.filter(voided_by=person, payment__mode=Mode.CASH, **booked)
    refunds = Refund.objects.filter(refunded_by=person, mode=Mode.CASH, **booked)
    cash = -sum(refunds.values_list("amount", flat=True), ZERO)
    for pk, amount, day, voided_on in own.values_list(
        "pk", "amount", "booked_on", "reversal__booked_on"
    ):
        cash += amount if voided_on != day and pk not in without else ZERO
    for pk, amount, day, received_on in voids.values_list(
        "payment", "payment__amount", "booked_on", "payment__booked_on"
    ):
        cash -= amount if received_on != day and pk not in without else ZERO
    return cash


def day_closes():
    """The cash of a closed day follows from its entries; nothing was entered later."""
    for close in DayClose.objects.select_related("person").order_by("pk").iterator():
        day, person, at = close.closed_on, close.person_id, close.closed_at
        cash = _drawer_cash(person, booked_on=day)
        if cash != close.system_cash:
            yield (
                f"Day close {close}: {display(close.system_cash)} was expected, "
                f"the entries say {display(cash)}."
            )
        for rows, by, moment in (
            (Payment.objects, "received_by", "recorded_at"),
            (Reversal.objects, "voided_by", "voided_at"),
            (Refund.objects, "refunded_by", "recorded_at"),
        ):
            for row in rows.filter(**{by: person, "booked_on__lte": day, f"{moment}__gt": at}):
                yield f"{row} was entered for {row.booked_on} after that day was closed."
