from django.shortcuts import render
from django.utils import timezone

from attendance.exports import MARK_COLUMNS
from attendance.forms.student_attendance import MonthForm
from attendance.percentages import Tally
from attendance.queries.registers import enrolled_months
from attendance.queries.student_attendance import (
    enrollments_with_tally,
    month_calendar,
    month_marks,
)
from attendance.services.sheets import attendance_student_or_404
from coachmaster.core.exports import requested_export


def student_attendance(request, pk):
    student = attendance_student_or_404(request.user, pk)
    today = timezone.localdate()
    enrollments = enrollments_with_tally(student, request.user)
    months = MonthForm(request.GET, months=enrolled_months(enrollments, today))
    batches = sorted({enrollment.batch_id for enrollment in enrollments})
    marks = month_marks(student, request.user, batches, months.first) if months.first else []
    if file := requested_export(
        request, f"attendance-{student.admission_number}", MARK_COLUMNS, marks
    ):
        return file
    tally = sum((enrollment.tally for enrollment in enrollments), Tally())
    return render(
        request,
        "attendance/student_attendance/detail.html",
        {
            "student": student,
            "today": today,
            "enrollments": [enrollment for enrollment in enrollments if enrollment.tally.total],
            "tally": tally,
            "is_short": any(enrollment.is_short for enrollment in enrollments),
            "months": months,
            "weeks": month_calendar(months.first, marks) if months.first else [],
            "marks": marks[::-1],
            "month_tally": Tally.of(mark.status for mark in marks),
        },
    )
