"""The JSON API of a student's enrollment."""

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema

from academics.models import Enrollment
from accounts.api.people import StudentPath, UserId
from accounts.models import StudentProfile
from accounts.tokens import Token
from coachmaster.core.api import ApiResponse, responses

from .batches import (
    BatchDetails,
    BatchId,
    EnrollmentDate,
    EnrollmentId,
    EnrollmentStatus,
    batch_details_json,
)

students = Router(tags=["Students"])


class EnrollmentOut(Schema):
    id: EnrollmentId = Field(examples=[91])
    student_id: UserId = Field(description="Id of the student.", examples=[42])
    batch_id: BatchId = Field(examples=[12])
    enrollment_date: EnrollmentDate
    status: EnrollmentStatus


class EnrollmentDetails(EnrollmentOut):
    batch: BatchDetails


class CurrentEnrollment(EnrollmentDetails):
    """The active enrollment, otherwise the latest, and the student's other enrollments."""

    history: list[EnrollmentOut] = Field(description="Other enrollments, newest first.")


def enrollment_json(enrollment):
    return {
        "id": enrollment.pk,
        "student_id": enrollment.student_id,
        "batch_id": enrollment.batch_id,
        "enrollment_date": enrollment.enrolled_on,
        "status": enrollment.status,
    }


def current_enrollment_json(student, viewer):
    """Return the enrollments of a student that ``viewer`` may see, or None without any."""
    visible = Enrollment.objects.visible_to(viewer).filter(student=student).latest_first()
    visible = visible.select_related("batch__instructor__membership__group")
    current, *others = list(visible.prefetch_related("batch__class_times")) or [None]
    if current is None:
        return None
    return {
        **enrollment_json(current),
        "batch": batch_details_json(current.batch, viewer),
        "history": [enrollment_json(enrollment) for enrollment in others],
    }


@students.get(
    "/{int:student_id}/enrollment",
    auth=Token(),
    response=responses(200, CurrentEnrollment, 401, 404),
    operation_id="get_enrollment",
    summary="Get a student's enrollment",
)
def get_enrollment(request, student_id: StudentPath):
    """Return the active enrollment, otherwise the latest; 404 without any."""
    visible = StudentProfile.objects.visible_to(request.user).select_related("user")
    student = get_object_or_404(visible, pk=student_id)
    enrollment = current_enrollment_json(student, request.user)
    if enrollment is None:
        raise Http404(f"{student} has no enrollment.")
    return ApiResponse(enrollment)
