import datetime
from decimal import Decimal
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from coachmaster.core.dates import format_date
from coachmaster.core.exceptions import Conflict
from coachmaster.core.money import ZERO, display
from finance.locks import closed_days, lock_series
from finance.models import DayClose, Mode, Payment, ReceiptSeries, Refund, Reversal
from finance.reports.day_book import DayBook, cash_before


class CarriedCash(NamedTuple):
    """The cash in a drawer when a day begins; ``since`` is the first day if none was closed."""

    amount: Decimal
    since: datetime.date | None = None

    @property
    def origin(self):
        if self.since:
            return f"Cash of the days since {format_date(self.since)} that were not closed"
        return "Carried from the last close"


def expected_cash(person, on):
    """Return the cash in rupees that the entries of the day ``on`` add to the drawer."""
    return DayBook(on, person.pk).total.net_of(Mode.CASH)


def carried_cash(person, on):
    """Return the CarriedCash that is in the drawer of ``person`` when the day ``on`` begins."""
    closes = DayClose.objects.filter(person=person).order_by("-closed_on")
    counted = closes.values_list("counted_cash", flat=True).first()
    return CarriedCash(*cash_before(person, on)) if counted is None else CarriedCash(counted)


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
def close_day(
    *,
    person,
    on,
    counted_cash,
    note="",
    opening_cash=None,
    opening_note="",
    banked_cash=ZERO,
    seen_cash=None,
    by=None,
):
    """Close a day of ``person``; later entries are counted on their next open day.

    ``opening_cash`` is the carried cash if it is None. Raise Conflict if ``seen_cash``,
    the cash before the bank as shown to ``by``, is no longer right.
    """
    if on > timezone.localdate():
        raise ValidationError(f"{format_date(on)} is in the future. Close it that evening.")
    _lock_entries(on)
    _check_order(person, on, whose="Your" if by in (None, person) else f"{person.full_name}’s")
    carried, cash = carried_cash(person, on), expected_cash(person, on)
    _check_seen(seen_cash, carried.amount + cash)
    close = DayClose(
        person=person,
        closed_on=on,
        opening_cash=carried.amount if opening_cash is None else opening_cash,
        opening_note=opening_note,
        system_cash=cash,
        banked_cash=banked_cash,
        counted_cash=counted_cash,
        note=note,
        closed_by=by or person,
    )
    _check_cash(close, carried)
    close.clean_fields(exclude=["person", "closed_by"])
    close.save(force_insert=True)
    return close


def _lock_entries(on):
    # Every entry locks a series, so nothing is entered while all of them are locked.
    for kind in (ReceiptSeries.Kind.RECEIPT, ReceiptSeries.Kind.REFUND):
        lock_series(on, kind=kind)
    list(ReceiptSeries.objects.select_for_update().order_by("pk").values_list("pk"))


def _check_order(person, on, *, whose):
    closed = closed_days(person).first()
    if not closed:
        return
    if closed >= on:
        raise ValidationError(f"{whose} days up to {format_date(closed)} are already closed.")
    if (first := first_open_day(person, closed)) and first < on:
        raise ValidationError(f"Close {format_date(first)} first: it has entries.")


def _check_seen(seen, now):
    if seen not in (None, now):
        raise Conflict(
            f"Something was entered after you opened this page: the cash is {display(now)} now, "
            f"not {display(seen)}. Compare it with your count again."
        )


def _check_cash(close, carried):
    expected, counted = close.expected_cash, close.counted_cash
    errors = {}
    if close.opening_cash != carried.amount and not close.opening_note:
        errors["opening_note"] = (
            f"{carried.origin}: {display(carried.amount)}. Explain the difference."
        )
    if counted < ZERO and counted < expected:
        errors["counted_cash"] = _below_zero_message(expected)
    elif counted != expected and not close.note:
        errors["note"] = _difference_message(counted, expected)
    elif counted < ZERO and not close.note:
        errors["note"] = "Explain why the cash is below zero."
    if errors:
        raise ValidationError(errors)


def _difference_message(counted, expected):
    difference = counted - expected
    amount = f"{display(abs(difference))} {'more' if difference > ZERO else 'less'}"
    return f"This is {amount} than the expected {display(expected)}. Explain it in the note."


def _below_zero_message(expected):
    message = "Enter the cash that was counted, zero or more"
    if expected < ZERO:
        message += f", or down to {display(expected)} if that was paid with own money"
    return f"{message}."
