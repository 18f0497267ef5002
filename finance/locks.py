"""Lock rows in one order: bulk action, receipt series, institute, batch, account, enrollments."""

import datetime

from academics.models import Batch, Institute
from coachmaster.core.chunks import in_chunks
from coachmaster.core.dates import financial_year

from .models import Account, DayClose, ReceiptSeries


def lock_series(day, *, kind=ReceiptSeries.Kind.RECEIPT):
    key = {"kind": kind, "year": financial_year(day)}
    locked = ReceiptSeries.objects.select_for_update()
    if kind == ReceiptSeries.Kind.OPENING:
        # Opening payments change the same day totals as receipts, so both series are locked.
        lock_series(day)
    if series := locked.filter(**key).first():
        return series
    # `close_day` locks all series there are, so the first entry of a new one waits for it too.
    list(locked.order_by("pk").values_list("pk"))
    prefix = kind.prefix or Institute.objects.current().receipt_prefix
    ReceiptSeries.objects.get_or_create(**key, defaults={"prefix": prefix})
    return locked.get(**key)


def lock_entry(day, student_id, *, by, kind=ReceiptSeries.Kind.RECEIPT):
    """Lock the series and the account for an entry of ``by`` dated ``day``.

    The series gets ``last_closed``, the last day that ``by`` has closed, read under the locks
    because they may have waited for that close.
    """
    series = lock_series(day, kind=kind)
    lock_account(student_id)
    series.last_closed = closed_days(by).first()
    return series


def lock_batch(batch):
    """Lock the institute and ``batch``; return the batch read again, with its course."""
    Institute.objects.select_for_update().get(pk=Institute.ONLY)
    return Batch.objects.select_for_update(of=("self",)).select_related("course").get(pk=batch.pk)


def lock_account(student_id):
    locked = Account.objects.select_for_update()
    if account := locked.filter(pk=student_id).first():
        return account
    Account.objects.get_or_create(student_id=student_id)
    return locked.get(pk=student_id)


def lock_accounts(students):
    for keys in in_chunks(sorted(set(students))):
        accounts = Account.objects.filter(pk__in=keys)
        missing = set(keys).difference(accounts.values_list("pk", flat=True))
        Account.objects.bulk_create(
            [Account(student_id=key) for key in sorted(missing)], ignore_conflicts=True
        )
        list(accounts.select_for_update().order_by("pk").values_list("pk"))


def closed_days(person):
    closes = DayClose.objects.filter(person=person).order_by("-closed_on")
    return closes.values_list("closed_on", flat=True)


def book_day(series, day):
    """Return ``day``, or the day after the last closed one if that is later."""
    if series.last_closed is None:
        return day
    return max(day, series.last_closed + datetime.timedelta(days=1))


def first_cancellation_day(payment):
    """Return the day of the receipt, or the next one if the cashier has closed it.

    The cash counted at the close includes the payment.
    """
    closed = DayClose.objects.filter(
        person=payment.received_by_id, closed_on__gte=payment.booked_on
    )
    return payment.booked_on + closed.exists() * datetime.timedelta(days=1)
