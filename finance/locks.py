"""Lock rows in one order: receipt series, institute, batch, account of the student, enrollments.

Call these functions inside a transaction; the locks are held until it ends.
"""

import datetime

from academics.models import Batch, Institute
from coachmaster.core.chunks import in_chunks
from coachmaster.core.dates import financial_year

from .models import Account, DayClose, ReceiptSeries


def lock_series(day, *, kind=ReceiptSeries.Kind.RECEIPT):
    """Lock and return the series of ``kind`` for the financial year of ``day``."""
    key = {"kind": kind, "year": financial_year(day)}
    locked = ReceiptSeries.objects.select_for_update()
    if kind == ReceiptSeries.Kind.OPENING:
        # Opening payments change the same day totals as receipts, so both series are locked.
        lock_series(day)
    if series := locked.filter(**key).first():
        return series
    prefix = kind.prefix or Institute.objects.current().receipt_prefix
    ReceiptSeries.objects.get_or_create(**key, defaults={"prefix": prefix})
    return locked.get(**key)


def lock_entry(day, student_id, *, by, kind=ReceiptSeries.Kind.RECEIPT):
    """Lock what an entry of ``by`` dated ``day`` needs: the series and the student's account.

    Return the series with ``last_closed``, the last day that ``by`` has closed. It is read under
    the locks, because they may have waited for that close.
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
    """Lock and return the account of a student; create a missing one."""
    locked = Account.objects.select_for_update()
    if account := locked.filter(pk=student_id).first():
        return account
    Account.objects.get_or_create(student_id=student_id)
    return locked.get(pk=student_id)


def lock_accounts(students):
    """Lock the accounts of ``students`` (ids) in order of id; create missing ones."""
    for keys in in_chunks(sorted(set(students))):
        accounts = Account.objects.filter(pk__in=keys)
        missing = set(keys).difference(accounts.values_list("pk", flat=True))
        Account.objects.bulk_create(
            [Account(student_id=key) for key in sorted(missing)], ignore_conflicts=True
        )
        list(accounts.select_for_update().order_by("pk").values_list("pk"))


def closed_days(person):
    """Return the days that ``person`` has closed, latest first."""
    closes = DayClose.objects.filter(person=person).order_by("-closed_on")
    return closes.values_list("closed_on", flat=True)


def book_day(series, day):
    """Return the day in whose day book an entry dated ``day`` is counted.

    It is ``day``, or the day after the last closed one if that is later.
    """
    if series.last_closed is None:
        return day
    return max(day, series.last_closed + datetime.timedelta(days=1))


def first_cancellation_day(payment):
    """Return the first day in whose day book a cancellation of ``payment`` can be counted.

    If the cashier has closed the day of the receipt, the counted cash includes the payment, so
    the cancellation is counted on a later day.
    """
    closed = DayClose.objects.filter(
        person=payment.received_by_id, closed_on__gte=payment.booked_on
    )
    return payment.booked_on + closed.exists() * datetime.timedelta(days=1)
