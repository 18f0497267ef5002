"""The acts of the fee desk for many rows at once: the rules are those of `services`, the writes go by the thousand.

Both classes take their locks when they are made, in the order of `services`, inside the caller's transaction.
"""

import collections

from django.db.models import Count
from django.utils import timezone
from simple_history.utils import bulk_create_with_history

from academics.models import Batch, Enrollment, Institute
from academics.services.enrollments import new_enrollment, past_enrollment
from accounts.models import StudentProfile
from coachmaster.core.dates import financial_year
from coachmaster.core.importers import in_chunks

from . import ledger
from .installments import check as check_installments
from .installments import tuition_charges
from .locks import closed_days, lock_accounts, lock_series
from .models import Charge, Letterhead, LiveReference, Payment, ReceiptSeries, live_reference

ROWS_A_STATEMENT = 500


class Enrolling:
    """Enroll students, one or many; where they are ``imported``, those of a batch that is over as completed."""

    def __init__(self, *, student_ids, batch_ids, by, imported=False):
        self.by, self.imported = by, imported
        self.today = timezone.localdate()
        self.institute = Institute.objects.select_for_update().get(pk=Institute.ONLY)
        locked = Batch.objects.select_for_update(of=("self",)).select_related("course").order_by("pk")
        self.batches = {batch.pk: batch for batch in locked.filter(pk__in=batch_ids)}
        self.student_ids = set(student_ids)
        lock_accounts(self.student_ids)
        active = Enrollment.objects.active().order_by()
        self._now_in = {}
        for chunk in in_chunks(self.student_ids):
            for enrollment in active.filter(student__in=chunk).select_related("batch"):
                batch = self.batches.get(enrollment.batch_id, enrollment.batch)
                self._now_in.setdefault(enrollment.student_id, []).append(batch)
        taken = active.filter(batch__in=batch_ids).values_list("batch").annotate(Count("pk"))
        self._taken = collections.Counter(dict(taken))
        self._installments = {}

    def seats_left(self, batch_id):
        """Return how many students the batch still takes, None without a limit."""
        capacity = self.batches[batch_id].capacity
        return None if capacity is None else capacity - self._taken[batch_id]

    def people(self, student_ids):
        """Return ``{id: student}`` with what the rules ask of a student."""
        rows = StudentProfile.objects.select_related("user").only("user__full_name", "user__is_active")
        return rows.in_bulk(student_ids)

    def enroll(self, *, student, batch_id, enrolled_on, agreed_fee=None, fee_reason="", installments=None):
        """The enrollment of ``student``, counted for those that follow but not written yet.

        Raises ValidationError.
        """
        enrollment = self._new(student, batch_id, enrolled_on, agreed_fee, fee_reason)
        enrollment.student = student
        if installments is not None:
            check_installments(installments, enrollment.agreed_fee)
            self._installments[id(enrollment)] = installments
        return enrollment

    def _new(self, student, batch_id, enrolled_on, agreed_fee, fee_reason):
        batch = self.batches[batch_id]
        terms = dict(
            student=student, batch=batch, enrolled_on=enrolled_on, agreed_fee=agreed_fee, fee_reason=fee_reason
        )
        if self.imported and batch.is_over(self.today):
            return past_enrollment(**terms)
        enrollment = new_enrollment(
            **terms,
            institute=self.institute,
            now_in=self._now_in.get(student.pk, ()),
            seats_taken=self._taken[batch_id],
            today=self.today,
        )
        self._now_in.setdefault(student.pk, []).append(batch)
        self._taken[batch_id] += 1
        return enrollment

    def write(self, enrollments):
        """Write ``enrollments`` with their tuition charges."""
        bulk_create_with_history(enrollments, Enrollment, batch_size=ROWS_A_STATEMENT)
        charges = [
            charge
            for enrollment in enrollments
            for charge in tuition_charges(
                enrollment, self._installments.get(id(enrollment)), by=self.by, today=self.today
            )
        ]
        for charge in charges:
            charge.open_now = charge.amount  # of most it will be all; `finish` then has to write the others only
        Charge.objects.bulk_create(charges, batch_size=ROWS_A_STATEMENT)

    def finish(self):
        """Bring the accounts up to date; once, after the last write."""
        ledger.refresh_accounts(self.student_ids)


class Receiving:
    """Records many payments by the rules of `services.record_payment`. Receipt numbers are reserved in order of date."""

    def __init__(self, *, student_ids, days, by, kind=ReceiptSeries.Kind.RECEIPT):
        self.by = by
        self.today = timezone.localdate()
        first_days = {financial_year(day): day for day in days}
        self._series = {year: lock_series(first_days[year], kind=kind) for year in sorted(first_days)}
        self.student_ids = set(student_ids)
        lock_accounts(self.student_ids)
        closed = closed_days(by).first() if by else None
        for series in self._series.values():
            series.last_closed = closed
        _, self.letterhead = Letterhead.objects.now()
        self._days = set()  # of the payments that were written

    def reserve_number(self, paid_on):
        """The series and the next number for a payment of that day."""
        series = self._series[financial_year(paid_on)]
        series.last_number += 1
        return series, series.last_number

    def stand(self, student_ids):
        """How each of these students stands now, as `ledger.FeeStatus` by key."""
        return ledger.statuses_now(student_ids, ledger.charges_now(students=list(student_ids)))

    def write(self, payments):
        """Write ``payments`` with their bank references."""
        Payment.objects.bulk_create(payments, batch_size=ROWS_A_STATEMENT)
        LiveReference.objects.bulk_create(
            [
                LiveReference(reference=reference, payment=payment)
                for payment in payments
                if (reference := live_reference(payment))
            ],
            batch_size=ROWS_A_STATEMENT,
        )
        self._days.update(payment.paid_on for payment in payments)

    def finish(self):
        """Keep the numbers used, and bring accounts and days up to date; once, after the last write."""
        for series in self._series.values():
            series.save(update_fields=["last_number"])
        ledger.refresh_accounts(self.student_ids)
        ledger.refresh_days(self._days)
