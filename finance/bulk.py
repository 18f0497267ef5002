"""The acts of the fee desk for many rows at once: the rules are those of `services`, the writes go by the thousand.

Both classes take their locks when they are made, in the order of `services`, inside the caller's transaction.
"""

import collections
from dataclasses import dataclass

from django.db.models import Count
from django.utils import timezone

from academics.models import Batch, Enrollment, Institute
from academics.services import new_enrollment, past_enrollment
from accounts.models import StudentProfile
from coachmaster.ground.bulk import insert, insert_cells, insert_with_history
from coachmaster.ground.days import financial_year
from coachmaster.ground.importing import in_chunks
from coachmaster.ground.keys import Keys

from . import ledger, services
from .installments import check as check_installments
from .locks import closed_days, lock_series
from .models import Account, Letterhead, LiveReference, ReceiptSeries, live_reference


def lock_accounts(student_ids):
    """Lock the accounts of many students until the transaction ends; missing ones are made."""
    for chunk in in_chunks(sorted(student_ids)):
        accounts = Account.objects.filter(pk__among=Keys(chunk))
        missing = set(chunk).difference(accounts.values_list("pk", flat=True))
        insert_cells(Account, ["student_id", "balance"], ((pk, 0) for pk in sorted(missing)), ignore_conflicts=True)
        len(accounts.select_for_update().order_by("pk").values_list("pk"))


@dataclass(slots=True)
class Person:
    """What the rules of enrolling ask of a student: a row a name would be loaded for costs many times as much."""

    pk: int
    full_name: str
    is_active: bool

    @property
    def user(self):
        """A student's login, which is what is active or not."""
        return self

    def __str__(self):
        return self.full_name


class Enrolling:
    """Enrolls many students by the rules of `services.enroll`; into a batch that is over, as completed."""

    def __init__(self, *, student_ids, batch_ids, by):
        self.by = by
        self.today = timezone.localdate()
        self.institute = Institute.objects.select_for_update().get(pk=Institute.ONLY)
        locked = Batch.objects.select_for_update(of=("self",)).select_related("course").order_by("pk")
        self.batches = {batch.pk: batch for batch in locked.filter(pk__in=batch_ids)}
        self.student_ids = set(student_ids)
        lock_accounts(self.student_ids)
        active = Enrollment.objects.active().order_by()
        self._now_in = {}
        for chunk in in_chunks(self.student_ids):
            for enrollment in active.filter(student__among=Keys(chunk)).select_related("batch"):
                batch = self.batches.get(enrollment.batch_id, enrollment.batch)
                self._now_in.setdefault(enrollment.student_id, []).append(batch)
        taken = active.filter(batch__in=batch_ids).values_list("batch").annotate(Count("pk"))
        self._taken = collections.Counter(dict(taken))
        self._installments = {}

    def people(self, student_ids):
        """``{key: Person}`` of these students."""
        rows = StudentProfile.objects.filter(pk__among=Keys(student_ids)).order_by()
        return {pk: Person(pk, *of) for pk, *of in rows.values_list("pk", "user__full_name", "user__is_active")}

    def enroll(self, *, student, batch_id, enrolled_on, agreed_fee=None, fee_reason="", installments=None):
        """The enrollment of ``student``, a profile or a `Person`, counted for those that follow but not written yet.

        Raises ValidationError.
        """
        enrollment = self._new(student, batch_id, enrolled_on, agreed_fee, fee_reason)
        if installments is not None:
            check_installments(installments, enrollment.agreed_fee)
            self._installments[id(enrollment)] = installments
        return enrollment

    def _new(self, student, batch_id, enrolled_on, agreed_fee, fee_reason):
        batch = self.batches[batch_id]
        terms = dict(
            student=student, batch=batch, enrolled_on=enrolled_on, agreed_fee=agreed_fee, fee_reason=fee_reason
        )
        if batch.is_over(self.today):
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
        insert_with_history(enrollments)
        charges = [
            charge
            for enrollment in enrollments
            for charge in services.tuition_charges(
                enrollment, self._installments.get(id(enrollment)), by=self.by, today=self.today
            )
        ]
        for charge in charges:
            charge.open_now = charge.amount  # of most it will be all; `finish` then has to write the others only
        insert(charges)

    def finish(self):
        """Bring the accounts up to date; once, after the last write."""
        ledger.refresh_many_accounts(self.student_ids)


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
        charges = collections.defaultdict(list)
        for charge in ledger.charges_standing(self.today).filter(student__in=student_ids):
            charges[charge.student_id].append(charge)
        return {
            pk: ledger.standing(charges[pk], sums["paid"] - sums["refunded"], self.today)
            for pk, sums in ledger.sums_by_student(student_ids, on=self.today).items()
        }

    def write(self, payments):
        """Write ``payments`` with their bank references."""
        insert(payments)
        insert(
            LiveReference(reference=reference, payment=payment)
            for payment in payments
            if (reference := live_reference(payment))
        )
        self._days.update(payment.paid_on for payment in payments)

    def finish(self):
        """Keep the numbers used, and bring accounts and days up to date; once, after the last write."""
        for series in self._series.values():
            series.save(update_fields=["last_number"])
        ledger.refresh_many_accounts(self.student_ids)
        ledger.refresh_days(self._days)
