from django.utils import timezone

from attendance.percentages import Tally
from attendance.queries.students import enrollments_with_tally
from coachmaster.core.compiled import compiled
from coachmaster.core.money import ZERO
from finance.ledger import fee_status
from finance.models import Payment


@compiled  # 0.4 ms instead of 2.8, on the first page of each student
def _payments(*, student):
    payments = Payment.objects.filter(student=student).select_related("reversal").with_refunded()
    return payments.order_by("-paid_on", "-pk")


def student_overview(request, student):
    """What the hub shows: the enrollment, attendance, and for who may see money the fees and last payments."""
    today = timezone.localdate()
    user = request.user
    enrollments = enrollments_with_tally(student, user)
    tally = sum((enrollment.tally for enrollment in enrollments), Tally())
    overview = {
        "student": student,
        "today": today,
        "enrollments": [enrollment for enrollment in enrollments if enrollment.is_active],
        "earlier": [enrollment for enrollment in enrollments if not enrollment.is_active],
        "tally": tally,
        "is_low": any(enrollment.is_short for enrollment in enrollments),
    }
    if user.has_perm("finance.view_payment"):
        payments = _payments(student=student.pk)
        paid = sum(
            (payment.amount - payment.refunded for payment in payments if not payment.is_void), ZERO
        )
        overview |= {
            "fees": fee_status(student, today, paid=paid),
            "payments": payments[:5],
            "payments_in_all": len(payments),
        }
    return overview
