"""The rows that keep two acts apart, and the one order in which they are locked: receipt series, then institute and
batch, then the student's account, then enrollments. Call these inside a transaction; they hold until its end.
"""

import datetime

from academics.models import Batch, Institute
from coachmaster.core.dates import financial_year
from coachmaster.core.importers import in_chunks

from .models import Account, DayClose, ReceiptSeries


def lock_series(day, *, kind=ReceiptSeries.Kind.RECEIPT):
    """The series of that kind of the financial year of ``day``, locked until the transaction ends."""
    key = {"kind": kind, "year": financial_year(day)}
    locked = ReceiptSeries.objects.select_for_update()
    if kind == ReceiptSeries.Kind.OPENING:
        # Their money is in the same sums as that of receipts, whose series guards them, also before the first receipt.
        lock_series(day)
    if series := locked.filter(**key).first():
        return series
    prefix = kind.prefix or Institute.objects.current().receipt_prefix
    ReceiptSeries.objects.get_or_create(**key, defaults={"prefix": prefix})
    return locked.get(**key)


def closed_days(person):
    """The days that ``person`` has closed, the last one first."""
    return (
        DayClose.objects.filter(person=person)
        .order_by("-closed_on")
        .values_list("closed_on", flat=True)
    )


def lock_entry(day, student_id, *, by, kind=ReceiptSeries.Kind.RECEIPT):
    """What an entry dated ``day`` in the book of ``by`` needs, locked: the series, and the student's account.

    The series comes with ``last_closed``, the last day that ``by`` has closed, for `book_day`. It is read under the locks:
    they may have waited for just that close.
    """
    series = lock_series(day, kind=kind)
    lock_account(student_id)
    series.last_closed = closed_days(by).first()
    return series


def book_day(series, day):
    """The day in whose book an entry dated ``day`` stands: that day, or the one after the last that was closed."""
    return (
        day
        if series.last_closed is None
        else max(day, series.last_closed + datetime.timedelta(days=1))
    )


def first_cancellation_day(payment):
    """The first day in whose book a void of ``payment`` may stand: the receipt's own, or, where who received it has closed
    that day, the one after, as the cash they counted had it."""
    closed = DayClose.objects.filter(
        person=payment.received_by_id, closed_on__gte=payment.booked_on
    )
    return payment.booked_on + closed.exists() * datetime.timedelta(days=1)


def lock_batch(batch):
    """``batch`` read again with its course, locked until the transaction ends, and the institute's settings with it:
    seats are counted and the rule of one active enrollment is read by one at a time."""
    Institute.objects.select_for_update().get(pk=Institute.ONLY)
    return Batch.objects.select_for_update(of=("self",)).select_related("course").get(pk=batch.pk)


def lock_account(student_id):
    """The account of a student, locked until the transaction ends; made when there is none yet."""
    locked = Account.objects.select_for_update()
    if account := locked.filter(pk=student_id).first():
        return account
    Account.objects.get_or_create(student_id=student_id)
    return locked.get(pk=student_id)


def lock_accounts(students):
    """Lock the accounts of many students (ids) in order of their ids until the transaction ends; create missing ones."""
    for keys in in_chunks(sorted(set(students))):
        accounts = Account.objects.filter(pk__in=keys)
        missing = set(keys).difference(accounts.values_list("pk", flat=True))
        Account.objects.bulk_create(
            [Account(student_id=key) for key in sorted(missing)], ignore_conflicts=True
        )
        list(accounts.select_for_update().order_by("pk").values_list("pk"))
