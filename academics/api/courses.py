"""The JSON API of courses."""

from datetime import datetime
from typing import Annotated

from django.shortcuts import get_object_or_404
from ninja import Field, Path, Query, Router, Schema

from academics.forms.courses import CourseForm
from academics.models import Course
from accounts.tokens import Token
from coachmaster.core.api import (
    Amount,
    ApiResponse,
    Id,
    Paging,
    ResultPage,
    Rupees,
    cleaned,
    error_examples,
    list_response,
    responses,
    sent_values,
)

courses = Router(tags=["Courses"])

CourseId = Annotated[Id, Field(description="Id of the course.")]
CoursePath = Annotated[Id, Path(description="Id of the course.")]
SYLLABUS = "Physics, chemistry and mathematics for the JEE."


class CourseOut(Schema):
    id: CourseId = Field(examples=[7])
    name: str = Field(description="Name.", examples=["JEE Two Year"])
    description: str = Field(description="What is taught.", examples=[SYLLABUS])
    total_fee: Rupees = Field(description="In rupees, for new enrollments.", examples=[125000.5])
    created_at: datetime = Field(
        description="When the course was added.", examples=["2026-06-01T10:00:00+05:30"]
    )


def course_json(course):
    return {
        "id": course.pk,
        "name": course.name,
        "description": course.description,
        "total_fee": course.total_fee,
        "created_at": course.created_at,
    }


class CourseList(ResultPage):
    courses: list[CourseOut] = Field(description="Courses on this page.")


class CourseIn(Schema):
    name: str = Field(description="Name.", examples=["JEE Two Year"])
    total_fee: Amount = Field(description="In rupees; 0 for a free course.", examples=[125000.5])
    description: str | None = Field(None, description="What is taught.", examples=[SYLLABUS])


class CourseUpdate(Schema):
    """Changes to a course. Fields that are left out do not change."""

    name: str | None = Field(None, description="Name.", examples=["JEE Two Year"])
    total_fee: Amount | None = Field(
        None, description="In rupees, for new enrollments only.", examples=["125000.50"]
    )
    description: str | None = Field(None, description="What is taught.", examples=[SYLLABUS])


_FEE_ERROR = error_examples((400, "total_fee", "An amount cannot be negative."))


@courses.get(
    "",
    auth=Token("academics.view_course"),
    response=responses(200, CourseList, 400, 401, 403),
    operation_id="list_courses",
    summary="List courses",
)
def list_courses(request, paging: Query[Paging]):
    """Return all courses, by name."""
    rows = Course.objects.order_by("name", "pk")
    return list_response(request, paging, "courses", rows, course_json)


@courses.post(
    "",
    auth=Token("academics.add_course"),
    response=responses(201, CourseOut, 400, 401, 403),
    operation_id="create_course",
    summary="Add a course",
    openapi_extra=_FEE_ERROR,
)
def create_course(request, payload: CourseIn):
    """Add an active course."""
    form = CourseForm({"is_active": True, **sent_values(payload)})
    cleaned(form)
    return ApiResponse(course_json(form.save()), 201)


@courses.get(
    "/{int:course_id}",
    auth=Token("academics.view_course"),
    response=responses(200, CourseOut, 401, 403, 404),
    operation_id="get_course",
    summary="Get a course",
)
def get_course(request, course_id: CoursePath):
    """Return one course."""
    return ApiResponse(course_json(get_object_or_404(Course, pk=course_id)))


@courses.put(
    "/{int:course_id}",
    auth=Token("academics.change_course"),
    response=responses(200, CourseOut, 400, 401, 403, 404),
    operation_id="update_course",
    summary="Edit a course",
    openapi_extra=_FEE_ERROR,
)
def update_course(request, course_id: CoursePath, payload: CourseUpdate):
    """Change a course. A new fee applies to new enrollments only."""
    course = get_object_or_404(Course, pk=course_id)
    data = {**CourseForm(instance=course).initial, **sent_values(payload)}
    form = CourseForm(data, instance=course)
    cleaned(form)
    return ApiResponse(course_json(form.save()))
