import collections

from django.utils import timezone

from coachmaster.core.chunks import in_chunks
from coachmaster.core.dates import financial_year
from finance.balances import current_statuses, refresh_accounts, refresh_day_totals
from finance.ledger import active_charges
from finance.locks import closed_days, lock_accounts, lock_series
from finance.models import (
    ChequeClearing,
    Letterhead,
    LiveReference,
    Mode,
    Payment,
    ReceiptSeries,
    live_reference,
)

BATCH_SIZE = 500


class BulkPayments:
    """Records many payments inside the transaction of the caller.

    The rows are locked when the object is created. With ``old_books``, cheques have cleared.
    """

    def __init__(self, *, student_ids, days, by, old_books, kind=ReceiptSeries.Kind.RECEIPT):
        self.by = by
        self._old_books = old_books
        self.today = timezone.localdate()
        first_days = {financial_year(day): day for day in days}
        self._series = {
            year: lock_series(first_days[year], kind=kind) for year in sorted(first_days)
        }
        self.student_ids = set(student_ids)
        lock_accounts(self.student_ids)
        closed = closed_days(by).first() if by else None
        for series in self._series.values():
            series.last_closed = closed
        self.institute, self.letterhead = Letterhead.objects.current()
        self._days = set()

    def has_cleared(self, cheque_on):
        """Return whether a cheque of that date counts as paid: no bank takes one before it."""
        return self._old_books and cheque_on <= self.today

    def reserve_number(self, paid_on):
        series = self._series[financial_year(paid_on)]
        series.last_number += 1
        return series, series.last_number

    def statuses(self, student_ids):
        return current_statuses(student_ids, active_charges(students=list(student_ids)))

    def active_payments(self):
        """Return ``{student: [payment]}`` of those that are not cancelled."""
        found = collections.defaultdict(list)
        for chunk in in_chunks(self.student_ids):
            for payment in Payment.objects.active().filter(student__in=chunk):
                found[payment.student_id].append(payment)
        return found

    def write(self, payments):
        Payment.objects.bulk_create(payments, batch_size=BATCH_SIZE)
        references = [
            LiveReference(reference=reference, payment=payment)
            for payment in payments
            if (reference := live_reference(payment))
        ]
        LiveReference.objects.bulk_create(references, batch_size=BATCH_SIZE)
        clearings = [
            ChequeClearing(
                payment=payment,
                cleared_on=max(payment.paid_on, payment.cheque_on),
                cleared_by=self.by,
            )
            for payment in payments
            if payment.mode == Mode.CHEQUE and self.has_cleared(payment.cheque_on)
        ]
        ChequeClearing.objects.bulk_create(clearings, batch_size=BATCH_SIZE)
        self._days.update(payment.paid_on for payment in payments)

    def finish(self):
        """Save the series, and refresh accounts and day totals. Call it once."""
        for series in self._series.values():
            series.save(update_fields=["last_number"])
        refresh_accounts(self.student_ids)
        refresh_day_totals(self._days)
