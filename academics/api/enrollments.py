"""The JSON API of a student's enrollment."""

from datetime import date
from typing import Literal

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema

from academics.models import Enrollment
from accounts.models import StudentProfile
from accounts.tokens import Token
from coachmaster.core.api import (
    ApiResponse,
    Id,
    responses,
)

from .batches import BatchDetails, batch_details_json

students = Router(tags=["Students"])


class EnrollmentOut(Schema):
    """A student in a batch, from a day on."""

    id: Id = Field(examples=[91])
    student_id: Id = Field(examples=[42])
    batch_id: Id = Field(examples=[12])
    enrollment_date: date = Field(examples=["2026-06-03"])
    status: Literal["active", "completed", "dropped"]


class EnrollmentDetails(EnrollmentOut):
    """An enrollment with its batch."""

    batch: BatchDetails


class CurrentEnrollment(EnrollmentDetails):
    """The enrollment that goes on, else the latest, and those beside it."""

    history: list[EnrollmentOut] = Field(
        description="The student's other enrollments, the newest first."
    )


def enrollment_json(enrollment):
    """An enrollment as the API says it."""
    return {
        "id": enrollment.pk,
        "student_id": enrollment.student_id,
        "batch_id": enrollment.batch_id,
        "enrollment_date": enrollment.enrolled_on,
        "status": enrollment.status,
    }


def current_enrollment_json(student, viewer):
    """Operation 18 for ``student`` (a record) as ``viewer`` may see it; None without an enrollment."""
    found = (
        Enrollment.objects.visible_to(viewer)
        .filter(student=student)
        .latest_first()
        .select_related("batch__instructor__membership__group")
        .prefetch_related("batch__class_times")
    )
    enrollments = list(found)
    if not enrollments:
        return None
    current, *others = enrollments
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
    summary="A student's enrollment",
)
def get_enrollment(request, student_id: Id):
    """The current enrollment, else the latest, with batch, course and instructor; 404 when there is none."""
    student = get_object_or_404(
        StudentProfile.objects.visible_to(request.user).select_related("user"), pk=student_id
    )
    found = current_enrollment_json(student, request.user)
    if found is None:
        raise Http404(f"{student} has no enrollment.")
    return ApiResponse(found)
