"""The JSON API of courses."""

from datetime import datetime

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema

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
    list_response,
    responses,
    sent_values,
)

courses = Router(tags=["Courses"])


class CourseOut(Schema):
    """What is taught, and what it costs."""

    id: Id = Field(examples=[7])
    name: str = Field(examples=["JEE Two Year"])
    description: str = Field(examples=["Physics, chemistry and mathematics for the JEE."])
    total_fee: Rupees = Field(description="In rupees, for new enrollments.", examples=[125000.5])
    created_at: datetime = Field(examples=["2026-06-01T10:00:00+05:30"])


def course_json(course):
    """A course as the API says it."""
    return {
        "id": course.pk,
        "name": course.name,
        "description": course.description,
        "total_fee": course.total_fee,
        "created_at": course.created_at,
    }


class CourseList(ResultPage):
    """A page of courses."""

    courses: list[CourseOut]


class CourseIn(Schema):
    """A new course."""

    name: str = Field(examples=["JEE Two Year"])
    total_fee: Amount = Field(description="In rupees; 0 for a free course.", examples=[125000.5])
    description: str | None = Field(
        None, examples=["Physics, chemistry and mathematics for the JEE."]
    )


class CourseUpdate(Schema):
    """What changes of a course; what is left out stays."""

    name: str | None = Field(None, examples=["JEE Two Year"])
    total_fee: Amount | None = Field(
        None, description="In rupees. Counts for new enrollments only.", examples=["125000.50"]
    )
    description: str | None = Field(
        None, examples=["Physics, chemistry and mathematics for the JEE."]
    )


@courses.get(
    "",
    auth=Token("academics.view_course"),
    response=responses(200, CourseList, 400, 401, 403),
    operation_id="list_courses",
    summary="List courses",
)
def list_courses(request, paging: Query[Paging]):
    """All courses, by name."""
    return list_response(
        request, paging, "courses", Course.objects.order_by("name", "pk"), course_json
    )


@courses.post(
    "",
    auth=Token("academics.add_course"),
    response=responses(201, CourseOut, 400, 401, 403),
    operation_id="create_course",
    summary="Create a course",
)
def create_course(request, payload: CourseIn):
    """A new course, on offer at once."""
    form = CourseForm({"is_active": True, **sent_values(payload)})
    cleaned(form)
    return ApiResponse(course_json(form.save()), 201)


@courses.get(
    "/{int:course_id}",
    auth=Token("academics.view_course"),
    response=responses(200, CourseOut, 401, 403, 404),
    operation_id="get_course",
    summary="One course",
)
def get_course(request, course_id: Id):
    """One course."""
    return ApiResponse(course_json(get_object_or_404(Course, pk=course_id)))


@courses.put(
    "/{int:course_id}",
    auth=Token("academics.change_course"),
    response=responses(200, CourseOut, 400, 401, 403, 404),
    operation_id="update_course",
    summary="Edit a course",
)
def update_course(request, course_id: Id, payload: CourseUpdate):
    """Another fee counts for new enrollments; those that go on keep what was agreed."""
    course = get_object_or_404(Course, pk=course_id)
    form = CourseForm(
        {**CourseForm(instance=course).initial, **sent_values(payload)}, instance=course
    )
    cleaned(form)
    return ApiResponse(course_json(form.save()))
