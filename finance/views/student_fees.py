from django.shortcuts import render
from django.utils import timezone

from academics.models import Institute
from accounts.models import student_or_404
from coachmaster.core.exports import requested_export
from coachmaster.core.qr import qr_svg
from finance.documents import statements
from finance.exports import CHARGES
from finance.ledger import fee_status
from finance.models import Charge
from finance.services.concessions import concession_history


def student_fees(request, pk):
    student = student_or_404(request.user, pk)
    fees = fee_status(student, timezone.localdate())
    if file := requested_export(
        request, f"charges-{student.admission_number}", CHARGES, fees.shown_lines
    ):
        return file
    pay = statements.pay_by_upi(student, Institute.objects.cached(), fees)
    may_see_concessions = request.user.has_perm("finance.view_concession")
    return render(
        request,
        "finance/student_fees/detail.html",
        {
            "student": student,
            "fees": fees,
            "pay": pay,
            "code": qr_svg(pay.link, title="QR code to pay by UPI") if pay else "",
            "unpaid_enrollments": fees.unpaid_enrollments,
            "concessions": concession_history(student, request.user) if may_see_concessions else [],
            "cancelled": Charge.objects.filter(student=student).cancelled(),
        },
    )
