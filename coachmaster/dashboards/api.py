from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.utils import timezone
from ninja import Field, Router, Schema

from academics import class_times
from academics.api.batches import BatchId, BatchOut, batch_json
from academics.api.enrollments import (
    CurrentEnrollment,
    EnrollmentOut,
    current_enrollment_json,
    enrollment_json,
)
from accounts.tokens import Token
from attendance.api import AttendanceCounts, attendance_counts_json
from attendance.queries.days import classes_on
from attendance.queries.missing_registers import missing_registers_for
from attendance.queries.student_attendance import student_tally
from coachmaster.core.api import ApiResponse, Rupees, responses
from coachmaster.dashboards.permissions import ADMIN_DASHBOARD
from coachmaster.dashboards.queries.institute import (
    courses_on,
    institute_figures,
    recent_enrollments,
)
from coachmaster.dashboards.queries.instructors import batches_taught, teaches
from finance.api import FeeStatusOut, fee_status_json

dashboard = Router(tags=["Dashboards"])


class ClassOut(Schema):
    batch_id: BatchId = Field(examples=[12])
    batch_name: str = Field(description="Name of the batch.", examples=["JEE morning"])
    schedule_time: str = Field(
        description="Today's times; empty for an unplanned class.", examples=["Tue 17:00-18:30"]
    )
    taken: bool = Field(description="Whether attendance is marked.")


def _class_json(class_day):
    return {
        "batch_id": class_day.batch.pk,
        "batch_name": class_day.batch.name,
        "schedule_time": class_times.format_slots(class_day.slots),
        "taken": class_day.is_marked,
    }


class RecentEnrollment(EnrollmentOut):
    student_name: str = Field(description="Name of the student.", examples=["Asha Verma"])
    batch_name: str = Field(description="Name of the batch.", examples=["JEE morning"])
    created_at: datetime = Field(
        description="When the student was enrolled.", examples=["2026-11-24T17:02:11+05:30"]
    )


class AdminDashboard(Schema):
    """The figures of the institute today. Amounts in rupees."""

    collected_today: Rupees = Field(
        description="Payments of today, cheques from the day they clear.", examples=[15000]
    )
    collected_this_month: Rupees = Field(
        description="Payments of this month, cheques from the day they clear.", examples=[240000]
    )
    owed: Rupees = Field(
        description="Dues of all students, including future installments.", examples=[510000]
    )
    students_who_owe: int = Field(description="Students with dues.", examples=[61])
    overdue: Rupees = Field(description="Dues with a due date before today.", examples=[82000])
    due_today: Rupees = Field(description="Dues with today's due date.", examples=[12000])
    uncleared: Rupees = Field(
        description="Cheques of students with dues that have not cleared; they are still due.",
        examples=[5000],
    )
    students_overdue: int = Field(description="Students with overdue dues.", examples=[14])
    active_students: int = Field(description="Students with an active enrollment.", examples=[212])
    running_batches: int = Field(
        description="Batches that have started and not ended.", examples=[11]
    )
    classes_today: int = Field(description="Classes of today.", examples=[6])
    classes_taken: int = Field(description="Classes of today with attendance marked.", examples=[4])
    absences_today: int = Field(description="Absences in classes of today.", examples=[9])
    registers_not_taken: int = Field(description="Classes without attendance marked.", examples=[2])
    recent_enrollments: list[RecentEnrollment] = Field(
        description="Latest enrollments, newest first."
    )


@dashboard.get(
    "/admin",
    auth=Token(*ADMIN_DASHBOARD),
    response=responses(200, AdminDashboard, 401, 403),
    operation_id="admin_dashboard",
    summary="Admin dashboard",
)
def admin_dashboard(request):
    """Collections, dues, classes of today and recent enrollments."""
    today = timezone.localdate()
    figures = institute_figures(request.user, today, courses_on(today))
    recent = [
        {
            **enrollment_json(enrollment),
            "student_name": str(enrollment.student),
            "batch_name": str(enrollment.batch),
            "created_at": enrollment.created_at,
        }
        for enrollment in recent_enrollments(request.user)
    ]
    return ApiResponse(
        {
            "collected_today": figures.collections.today,
            "collected_this_month": figures.collections.month,
            "owed": figures.dues.amount,
            "students_who_owe": figures.dues.students,
            "overdue": figures.dues.overdue,
            "due_today": figures.dues.due_today,
            "uncleared": figures.dues.uncleared,
            "students_overdue": figures.dues.overdue_students,
            "active_students": figures.active_students,
            "running_batches": figures.running_batches,
            "classes_today": figures.classes.total,
            "classes_taken": figures.classes.marked,
            "absences_today": figures.classes.absences,
            "registers_not_taken": len(missing_registers_for(request.user)),
            "recent_enrollments": recent,
        }
    )


class TaughtBatch(BatchOut):
    student_count: int = Field(description="Active enrollments.", examples=[38])


class InstructorDashboard(Schema):
    batches: list[TaughtBatch] = Field(description="Batches that have not ended.")
    classes_today: list[ClassOut] = Field(description="Own classes of today.")


@dashboard.get(
    "/instructor",
    auth=Token(),
    response=responses(200, InstructorDashboard, 401, 403),
    operation_id="instructor_dashboard",
    summary="Instructor dashboard",
)
def instructor_dashboard(request):
    """The user's own batches with student counts, and the classes of today."""
    if not teaches(request.user):
        raise PermissionDenied
    today = timezone.localdate()
    batches = batches_taught(request.user, today)
    return ApiResponse(
        {
            "batches": [
                {**batch_json(batch), "student_count": batch.strength} for batch in batches
            ],
            "classes_today": [_class_json(row) for row in classes_on(today, request.user.pk)],
        }
    )


class StudentDashboard(Schema):
    enrollment: CurrentEnrollment | None = Field(description="null without any.")
    attendance: AttendanceCounts
    fee_status: FeeStatusOut


@dashboard.get(
    "/student",
    auth=Token(),
    response=responses(200, StudentDashboard, 401, 403),
    operation_id="student_dashboard",
    summary="Student dashboard",
)
def student_dashboard(request):
    """The user's own enrollment, attendance and fees."""
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
