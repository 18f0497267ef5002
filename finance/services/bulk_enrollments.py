import collections

from django.db.models import Count
from django.utils import timezone
from simple_history.utils import bulk_create_with_history

from academics.models import Batch, Enrollment, Institute
from academics.services.enrollments import EnrollmentTerms, new_enrollment, past_enrollment
from accounts.models import StudentProfile
from coachmaster.core.chunks import in_chunks
from finance.balances import refresh_accounts
from finance.locks import lock_accounts
from finance.models import Charge

from .bulk_payments import BATCH_SIZE
from .installments import check_installments, tuition_charges


class BulkEnrollment:
    """Enrolls students inside the transaction of the caller.

    The rows are locked when the object is created. With ``imported``, enrollments in batches that
    are over are completed.
    """

    def __init__(self, *, student_ids, batch_ids, by, imported=False):
        self.by, self.imported = by, imported
        self.today = timezone.localdate()
        self.institute = Institute.objects.select_for_update().get(pk=Institute.ONLY)
        locked = (
            Batch.objects.select_for_update(of=("self",)).select_related("course").order_by("pk")
        )
        self.batches = {batch.pk: batch for batch in locked.filter(pk__in=batch_ids)}
        self.student_ids = set(student_ids)
        lock_accounts(self.student_ids)
        active = Enrollment.objects.active().order_by()
        self._batches_of = {}
        for chunk in in_chunks(self.student_ids):
            for enrollment in active.filter(student__in=chunk).select_related("batch"):
                batch = self.batches.get(enrollment.batch_id, enrollment.batch)
                self._batches_of.setdefault(enrollment.student_id, []).append(batch)
        taken = active.filter(batch__in=batch_ids).values_list("batch").annotate(Count("pk"))
        self._seats_taken = collections.Counter(dict(taken))
        self._installments = {}

    def seats_left(self, batch_id):
        """Return None without a limit."""
        capacity = self.batches[batch_id].capacity
        return None if capacity is None else capacity - self._seats_taken[batch_id]

    def students(self, student_ids):
        rows = StudentProfile.objects.select_related("user").only(
            "user__full_name", "user__is_active"
        )
        return rows.in_bulk(student_ids)

    def enroll(
        self, *, student, batch_id, enrolled_on, agreed_fee=None, fee_reason="", installments=None
    ):
        """Return the unsaved enrollment, which takes a seat."""
        enrollment = self._new(student, batch_id, enrolled_on, agreed_fee, fee_reason)
        enrollment.student = student
        if installments is not None:
            check_installments(installments, enrollment.agreed_fee)
            self._installments[id(enrollment)] = installments
        return enrollment

    def _new(self, student, batch_id, enrolled_on, agreed_fee, fee_reason):
        batch = self.batches[batch_id]
        terms = EnrollmentTerms(enrolled_on, agreed_fee, fee_reason)
        if self.imported and batch.is_over(self.today):
            return past_enrollment(student=student, batch=batch, terms=terms)
        enrollment = new_enrollment(
            student=student,
            batch=batch,
            terms=terms,
            institute=self.institute,
            current_batches=self._batches_of.get(student.pk, ()),
            seats_taken=self._seats_taken[batch_id],
            today=self.today,
            by=self.by,
        )
        self._batches_of.setdefault(student.pk, []).append(batch)
        self._seats_taken[batch_id] += 1
        return enrollment

    def write(self, enrollments):
        bulk_create_with_history(enrollments, Enrollment, batch_size=BATCH_SIZE)
        charges = [
            charge
            for enrollment in enrollments
            for charge in tuition_charges(
                enrollment, self._installments.get(id(enrollment)), by=self.by, today=self.today
            )
        ]
        for charge in charges:
            # Right for most students, so that `finish` has few charges to update.
            charge.open_now = charge.amount
        Charge.objects.bulk_create(charges, batch_size=BATCH_SIZE)

    def finish(self):
        """Refresh the accounts. Call it once, after the last `write`."""
        refresh_accounts(self.student_ids)
