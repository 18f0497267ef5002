from django.shortcuts import render
from django.utils import timezone

from attendance.exports import MARKS
from attendance.forms.student_attendance import MonthForm
from attendance.percentages import Tally
from attendance.queries.registers import months_of
from attendance.queries.students import calendar_of, enrollments_with_tally, marks_of_month
from attendance.services.sheets import student_seen_by
from coachmaster.core.exports import list_file


def student_attendance(request, pk):
    student = student_seen_by(request.user, pk)
    today = timezone.localdate()
    enrollments = enrollments_with_tally(student, request.user)
    months = MonthForm(request.GET, months=months_of(enrollments, today))
    batches = sorted({enrollment.batch_id for enrollment in enrollments})
    marks = marks_of_month(student, request.user, batches, months.first) if months.first else []
    if file := list_file(request, f"attendance-{student.admission_number}", MARKS, marks):
        return file
    tally = sum((enrollment.tally for enrollment in enrollments), Tally())
    return render(
        request,
        "attendance/student/detail.html",
        {
            "student": student,
            "today": today,
            "enrollments": [enrollment for enrollment in enrollments if enrollment.tally.total],
            "tally": tally,
            "is_low": any(enrollment.is_short for enrollment in enrollments),
            "months": months,
            "weeks": calendar_of(months.first, marks) if months.first else [],
            "marks": marks[::-1],
            "of_month": Tally.of(mark.status for mark in marks),
        },
    )
