"""The sums that are kept of each month and batch: how they are rewritten from the rows when an act has changed some."""

from collections import defaultdict

from django.db.models import Max, Min, Q, Sum, Value
from django.db.models.functions import Coalesce

from coachmaster.ground.bulk import put_selected
from coachmaster.ground.days import MonthStart, financial_year, month_end, month_start
from coachmaster.ground.importing import in_chunks
from coachmaster.ground.keys import Keys
from coachmaster.ground.money import NO_MONEY
from coachmaster.ground.prepared import Prepared

from .locks import lock_dues
from .models import (
    Charge,
    ChargeQuerySet,
    Concession,
    ConcessionQuerySet,
    MonthTotal,
    Payment,
    PaymentQuerySet,
    Refund,
)

Term = MonthTotal.Term
#: Of each term of the equation its rows, which of them count, by which day, and the way to the enrollment.
ROWS = {
    Term.CHARGED: (Charge, ChargeQuerySet.LIVE, "due_on", "enrollment"),
    Term.CONCEDED: (Concession, ConcessionQuerySet.LIVE, "charge__due_on", "charge__enrollment"),
    Term.PAID: (Payment, PaymentQuerySet.LIVE, "paid_on", "enrollment"),
    Term.REFUNDED: (Refund, Q(), "refunded_on", "payment__enrollment"),
}


def keep_dues(students):
    """Rewrite what fell due, and was conceded of it, in the months and batches in which ``students`` (keys) have charges.

    The caller holds their accounts, and takes no lock after this.
    """
    spans = defaultdict(list)
    for keys in in_chunks(sorted(students)):
        charges = Charge.objects.filter(student__among=Keys(keys)).order_by().values_list("enrollment__batch")
        for batch, *days in charges.annotate(Min("due_on"), Max("due_on")):
            spans[batch] += days
    if spans:
        days = [day for days in spans.values() for day in days]
        lock_dues()
        _rewrite((Term.CHARGED, Term.CONCEDED), spans, min(days), max(days))


def keep_received(payments):
    """The same of what was received, in those of ``payments``. The caller holds the receipt series of their years."""
    _keep_by_year(Term.PAID, [(payment.enrollment, payment.paid_on) for payment in payments])


def keep_refunded(refund):
    """The same of what was given back, in those of ``refund``. The caller holds the series of its voucher."""
    _keep_by_year(Term.REFUNDED, [(refund.payment.enrollment, refund.refunded_on)])


def _keep_by_year(term, rows):
    """Year by year, since a series is the lock of one; ``rows`` are pairs of an enrollment and a day."""
    years = defaultdict(list)
    for enrollment, day in rows:
        years[financial_year(day)].append((enrollment and enrollment.batch_id, day))
    for _, pairs in sorted(years.items()):
        batches, days = zip(*pairs, strict=True)
        _rewrite((term,), set(batches), min(days), max(days))


def _rewrite(terms, batches, first_day, last_day):
    """Write what the rows of ``batches`` (keys; None: of no batch) say of each month from the first day's to the last's."""
    known = sorted(key for key in batches if key is not None)
    for keys in [*in_chunks(known), *([None] if None in batches else [])]:
        sums = _sums.sql(terms, batches=keys, first=month_start(first_day), last=month_end(last_day))
        place = ["term", "month", "batch_id"]
        put_selected(MonthTotal, place, ["amount"], sums, conflict="term, month, COALESCE(batch_id, 0)")


@Prepared
def _sums(terms, *, batches, first, last):
    """Also where nothing counts any more: then the sum is zero."""
    first_term, *others = [_sums_of(term, batches, first, last) for term in terms]
    return first_term.union(*others, all=True) if others else first_term


def _sums_of(term, batches, first, last):
    model, live, day, enrollment = ROWS[term]
    of_batches = {enrollment: None} if batches is None else {f"{enrollment}__batch__in": batches}
    rows = model._default_manager.filter(**of_batches, **{f"{day}__gte": first, f"{day}__lte": last}).order_by()
    by_month = rows.values_list(Value(term.value), MonthStart(day), f"{enrollment}__batch")
    return by_month.annotate(amount=Coalesce(Sum("amount", filter=live), NO_MONEY))
