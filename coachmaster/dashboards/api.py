"""The JSON API's dashboards: operations 25 to 27."""

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.utils import timezone
from ninja import Field, Router, Schema

from academics import class_times
from academics.api.batches import BatchOut, batch_json
from academics.api.enrollments import (
    CurrentEnrollment,
    EnrollmentOut,
    current_enrollment_json,
    enrollment_json,
)
from accounts.tokens import Token
from attendance.api import AttendanceCounts, attendance_counts_json
from attendance.queries.days import classes_on
from attendance.queries.missing_registers import to_see_to
from attendance.queries.students import student_tally
from coachmaster.core.api import ApiResponse, Id, Rupees, responses
from coachmaster.dashboards.queries.institute import courses_on, institute_figures
from coachmaster.dashboards.queries.instructors import batches_taught, teaches
from finance.api import FeeStatusOut, fee_status_json

from .queries import institute

dashboard = Router(tags=["Dashboards"])


class ClassOut(Schema):
    """One batch's classes today."""

    batch_id: Id = Field(examples=[12])
    batch_name: str = Field(examples=["JEE morning"])
    schedule_time: str = Field(
        description="Today's times; empty for an unplanned class.", examples=["Tue 17:00-18:30"]
    )
    taken: bool = Field(description="Whether attendance was taken.")


def _class_json(one):
    return {
        "batch_id": one.batch.pk,
        "batch_name": one.batch.name,
        "schedule_time": class_times.written(one.slots),
        "taken": one.is_taken,
    }


class RecentEnrollment(EnrollmentOut):
    """One of the last enrollments."""

    student_name: str = Field(examples=["Asha Verma"])
    batch_name: str = Field(examples=["JEE morning"])
    created_at: datetime = Field(examples=["2026-11-24T17:02:11+05:30"])


class AdminDashboard(Schema):
    """The institute today. Amounts in rupees."""

    collected_today: Rupees = Field(examples=[15000])
    collected_this_month: Rupees = Field(examples=[240000])
    owed: Rupees = Field(description="Now or later.", examples=[510000])
    students_who_owe: int = Field(examples=[61])
    overdue: Rupees = Field(description="Owed before today.", examples=[82000])
    students_overdue: int = Field(examples=[14])
    active_students: int = Field(examples=[212])
    running_batches: int = Field(examples=[11])
    classes_today: int = Field(examples=[6])
    classes_taken: int = Field(examples=[4])
    absences_today: int = Field(examples=[9])
    registers_not_taken: int = Field(examples=[2])
    recent_enrollments: list[RecentEnrollment]


@dashboard.get(
    "/admin",
    auth=Token("accounts.view_admin_dashboard"),
    response=responses(200, AdminDashboard, 401, 403),
    operation_id="admin_dashboard",
    summary="The office's dashboard",
)
def admin_dashboard(request):
    """What was collected, what is owed, today's classes, and the last enrollments."""
    figures = institute_figures(
        request.user, timezone.localdate(), courses_on(timezone.localdate())
    )
    recent = [
        {
            **enrollment_json(enrollment),
            "student_name": str(enrollment.student),
            "batch_name": str(enrollment.batch),
            "created_at": enrollment.created_at,
        }
        for enrollment in institute.recent_enrollments(request.user)
    ]
    return ApiResponse(
        {
            "collected_today": figures.received.today,
            "collected_this_month": figures.received.month,
            "owed": figures.owed.amount,
            "students_who_owe": figures.owed.students,
            "overdue": figures.owed.overdue,
            "students_overdue": figures.owed.overdue_students,
            "active_students": figures.active_students,
            "running_batches": figures.running_batches,
            "classes_today": figures.classes.in_all,
            "classes_taken": figures.classes.taken,
            "absences_today": figures.classes.absences,
            "registers_not_taken": len(to_see_to(request.user)),
            "recent_enrollments": recent,
        }
    )


class TaughtBatch(BatchOut):
    """A batch one teaches."""

    student_count: int = Field(description="Students who go on.", examples=[38])


class InstructorDashboard(Schema):
    """What one teaches."""

    batches: list[TaughtBatch] = Field(description="Those that are not over.")
    classes_today: list[ClassOut]


@dashboard.get(
    "/instructor",
    auth=Token(),
    response=responses(200, InstructorDashboard, 401, 403),
    operation_id="instructor_dashboard",
    summary="An instructor's dashboard",
)
def instructor_dashboard(request):
    """One's own batches with the number of their students, and today's classes."""
    if not teaches(request.user):
        raise PermissionDenied
    today = timezone.localdate()
    batches = batches_taught(request.user, today)
    return ApiResponse(
        {
            "batches": [
                {**batch_json(batch), "student_count": batch.strength} for batch in batches
            ],
            "classes_today": [_class_json(one) for one in classes_on(today, request.user.pk)],
        }
    )


class StudentDashboard(Schema):
    """How one stands."""

    enrollment: CurrentEnrollment | None
    attendance: AttendanceCounts
    fee_status: FeeStatusOut


@dashboard.get(
    "/student",
    auth=Token(),
    response=responses(200, StudentDashboard, 401, 403),
    operation_id="student_dashboard",
    summary="A student's dashboard",
)
def student_dashboard(request):
    """One's own enrollment, attendance and fees."""
    if not request.user.is_student:
        raise PermissionDenied
    student = request.user.student_profile
    return ApiResponse(
        {
            "enrollment": current_enrollment_json(student, request.user),
            "attendance": attendance_counts_json(student_tally(student)),
            "fee_status": fee_status_json(student.pk),
        }
    )
