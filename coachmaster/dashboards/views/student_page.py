from django.shortcuts import render

from accounts.models import student_or_404
from coachmaster.dashboards.queries.student_page import student_overview


def student_page(request, pk):
    student = student_or_404(request.user, pk)
    return render(
        request, "dashboards/student_page/detail.html", student_overview(student, request.user)
    )
