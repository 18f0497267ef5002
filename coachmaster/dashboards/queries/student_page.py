from django.utils import timezone

from attendance.percentages import Tally
from attendance.queries.student_attendance import enrollments_with_tally
from coachmaster.core.compiled import compiled
from finance.ledger import fee_status, received_by
from finance.models import Payment

RECENT_PAYMENTS = 5


@compiled  # 0.4 ms instead of 2.8, on the first page of each student
def _payments(*, student):
    payments = Payment.objects.filter(student=student).select_related("reversal", "clearing")
    return payments.with_refunded().order_by("-paid_on", "-pk")


def student_overview(student, user):
    """Return the template context of the student page; money only if ``user`` may see payments."""
    today = timezone.localdate()
    enrollments = enrollments_with_tally(student, user)
    overview = {
        "student": student,
        "today": today,
        "enrollments": [enrollment for enrollment in enrollments if enrollment.is_active],
        "earlier": [enrollment for enrollment in enrollments if not enrollment.is_active],
        "tally": sum((enrollment.tally for enrollment in enrollments), Tally()),
        "is_low": any(enrollment.is_short for enrollment in enrollments),
    }
    if user.has_perm("finance.view_payment"):
        overview |= _fees(student, today)
    return overview


def _fees(student, today):
    payments = _payments(student=student.pk)
    return {
        "fees": fee_status(student, today, received=received_by(payments)),
        "payments": payments[:RECENT_PAYMENTS],
        "payment_count": len(payments),
    }
