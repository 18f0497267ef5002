from django.shortcuts import render
from django.utils import timezone

from academics.models import Enrollment
from accounts.models import student_or_404
from coachmaster.core.history import recent_changes

FEE_FIELDS = ["list_fee", "agreed_fee", "fee_reason"]


def student_enrollment(request, pk):
    student = student_or_404(request.user, pk)
    enrollments = Enrollment.objects.visible_to(request.user).filter(student=student).latest_first()
    enrollments = enrollments.with_unpaid_fee().prefetch_related("batch__class_times")
    can_change = request.user.has_perm("academics.change_enrollment")
    history = Enrollment.history.filter(id__in=[enrollment.pk for enrollment in enrollments])
    hidden = () if request.user.has_perm("finance.view_payment") else FEE_FIELDS
    context = {
        "student": student,
        "current": [enrollment for enrollment in enrollments if enrollment.is_active],
        "earlier": [enrollment for enrollment in enrollments if not enrollment.is_active],
        "changes": recent_changes(history, limit=10, without=hidden) if can_change else [],
        "today": timezone.localdate(),
    }
    return render(request, "academics/enrollments/student.html", context)
