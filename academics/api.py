"""The JSON API about courses, batches and who is enrolled: operations 8 to 16, and 18."""

from datetime import date, datetime
from typing import Literal

from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema

from academics.forms.batches import BatchForm
from academics.forms.courses import CourseForm
from academics.services.batches import save_batch
from accounts.api import UserOut, sees_everything_of, user_json
from accounts.models import StudentProfile
from accounts.tokens import Token
from coachmaster.core.api import (
    Amount,
    Answer,
    Day,
    Key,
    Paging,
    Rows,
    Rupees,
    answers,
    checked,
    given,
    inverted,
    listed,
    named,
)

from . import class_times
from .models import Batch, Course, Enrollment

courses = Router(tags=["Courses"])
batches = Router(tags=["Batches"])
students = Router(tags=["Students"])

# Courses ---------------------------------------------------------------------------------------------------------


class CourseOut(Schema):
    """What is taught, and what it costs."""

    id: Key = Field(examples=[7])
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


class Courses(Rows):
    """A page of courses."""

    courses: list[CourseOut]


class CourseIn(Schema):
    """A new course."""

    name: str = Field(examples=["JEE Two Year"])
    total_fee: Amount = Field(description="In rupees; 0 for a free course.", examples=[125000.5])
    description: str | None = Field(
        None, examples=["Physics, chemistry and mathematics for the JEE."]
    )


class CourseChange(Schema):
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
    response=answers(200, Courses, 400, 401, 403),
    operation_id="list_courses",
    summary="List courses",
)
def list_courses(request, paging: Query[Paging]):
    """All courses, by name."""
    return listed(request, paging, "courses", Course.objects.order_by("name", "pk"), course_json)


@courses.post(
    "",
    auth=Token("academics.add_course"),
    response=answers(201, CourseOut, 400, 401, 403),
    operation_id="create_course",
    summary="Create a course",
)
def create_course(request, payload: CourseIn):
    """A new course, on offer at once."""
    form = CourseForm({"is_active": True, **given(payload)})
    checked(form)
    return Answer(course_json(form.save()), 201)


@courses.get(
    "/{int:course_id}",
    auth=Token("academics.view_course"),
    response=answers(200, CourseOut, 401, 403, 404),
    operation_id="get_course",
    summary="One course",
)
def get_course(request, course_id: Key):
    """One course."""
    return Answer(course_json(get_object_or_404(Course, pk=course_id)))


@courses.put(
    "/{int:course_id}",
    auth=Token("academics.change_course"),
    response=answers(200, CourseOut, 400, 401, 403, 404),
    operation_id="update_course",
    summary="Edit a course",
)
def update_course(request, course_id: Key, payload: CourseChange):
    """Another fee counts for new enrollments; those that go on keep what was agreed."""
    course = get_object_or_404(Course, pk=course_id)
    form = CourseForm({**CourseForm(instance=course).initial, **given(payload)}, instance=course)
    checked(form)
    return Answer(course_json(form.save()))


# Batches ---------------------------------------------------------------------------------------------------------

#: What the API calls the fields of `BatchForm`.
NAMES = {
    "course_id": "course",
    "instructor_id": "instructor",
    "batch_name": "name",
    "start_date": "starts_on",
    "end_date": "ends_on",
}

_TIMES = "The weekly class times: weekdays with from and to, several separated by `;`."


class BatchOut(Schema):
    """A group that takes a course together."""

    id: Key = Field(examples=[12])
    course_id: Key = Field(examples=[7])
    instructor_id: Key | None = Field(description="null: nobody yet.", examples=[3])
    batch_name: str = Field(examples=["JEE morning"])
    start_date: date = Field(examples=["2026-06-01"])
    end_date: date | None = Field(description="null: open-ended.", examples=["2027-03-31"])
    schedule_time: str = Field(description=_TIMES, examples=["Mon-Fri 17:00-18:30"])
    created_at: datetime = Field(examples=["2026-05-20T10:00:00+05:30"])


class BatchDetails(BatchOut):
    """A batch with its course and instructor."""

    course: CourseOut
    instructor: UserOut | None = Field(
        description="null: nobody yet. Students and other instructors see the name only."
    )


class SavedBatch(BatchOut):
    """The batch as it was saved."""

    warnings: list[str] | None = Field(
        None,
        description="Where the instructor or the room has another batch at the same time. Saved all the same.",
        examples=[["Imran Khan has JEE evening on Mon 17:00-18:30."]],
    )


def batch_json(batch):
    """A batch as the API says it; ``batch`` comes with its class times."""
    return {
        "id": batch.pk,
        "course_id": batch.course_id,
        "instructor_id": batch.instructor_id,
        "batch_name": batch.name,
        "start_date": batch.starts_on,
        "end_date": batch.ends_on,
        "schedule_time": batch.class_times_text,
        "created_at": batch.created_at,
    }


def batch_details_json(batch, viewer):
    """A batch, loaded `with_details`, with what ``viewer`` may see of its instructor."""
    instructor = batch.instructor
    sees = instructor is not None and sees_everything_of(viewer, instructor)
    return {
        **batch_json(batch),
        "course": course_json(batch.course),
        "instructor": instructor and user_json(instructor, phone=sees, everything=sees),
    }


class Batches(Rows):
    """A page of batches."""

    batches: list[BatchOut]


class BatchIn(Schema):
    """A new batch."""

    course_id: Key = Field(examples=[7])
    instructor_id: Key | None = Field(description="null: nobody yet.", examples=[3])
    batch_name: str = Field(examples=["JEE morning"])
    start_date: Day
    end_date: Day | None = None
    schedule_time: str | None = Field(None, description=_TIMES, examples=["Mon-Fri 17:00-18:30"])


class BatchChange(Schema):
    """What changes of a batch; what is left out stays."""

    course_id: Key | None = Field(None, examples=[7])
    instructor_id: Key | None = Field(None, description="null: nobody.", examples=[3])
    batch_name: str | None = Field(None, examples=["JEE morning"])
    start_date: Day | None = None
    end_date: Day | None = Field(None, description="null: open-ended.")
    schedule_time: str | None = Field(
        None, description=_TIMES, examples=["Mon, Wed 17:00-18:30; Sat 09:00-11:00"]
    )


@batches.get(
    "",
    auth=Token("academics.view_batch"),
    response=answers(200, Batches, 400, 401, 403),
    operation_id="list_batches",
    summary="List batches",
)
def list_batches(request, paging: Query[Paging]):
    """An Admin's are all; an instructor's those they teach; a student's those they are, or were, enrolled in."""
    found = (
        Batch.objects.visible_to(request.user)
        .prefetch_related("class_times")
        .order_by("name", "pk")
    )
    return listed(request, paging, "batches", found, batch_json)


@batches.post(
    "",
    auth=Token("academics.add_batch"),
    response=answers(201, SavedBatch, 400, 401, 403),
    operation_id="create_batch",
    summary="Create a batch",
)
def create_batch(request, payload: BatchIn):
    """A new batch of a course that is on offer. The instructor must be somebody who may teach."""
    return _saved(Batch(), payload, 201)


@batches.get(
    "/{int:batch_id}",
    auth=Token("academics.view_batch"),
    response=answers(200, BatchDetails, 401, 403, 404),
    operation_id="get_batch",
    summary="One batch",
)
def get_batch(request, batch_id: Key):
    """One batch with its course and instructor."""
    batch = get_object_or_404(Batch.objects.visible_to(request.user).with_details(), pk=batch_id)
    return Answer(batch_details_json(batch, request.user))


@batches.put(
    "/{int:batch_id}",
    auth=Token("academics.change_batch"),
    response=answers(200, SavedBatch, 400, 401, 403, 404),
    operation_id="update_batch",
    summary="Edit a batch",
)
def update_batch(request, batch_id: Key, payload: BatchChange):
    """Enrollments and sheets bound what can change: the course of a batch with students stays, and so do its days."""
    batch = get_object_or_404(
        Batch.objects.visible_to(request.user).prefetch_related("class_times"), pk=batch_id
    )
    return _saved(batch, payload, 200)


def _saved(batch, payload, status):
    """Save ``batch`` with what was sent. A clash is told and not asked about: the call is the answer."""
    changes = given(payload, NAMES)
    times = changes.pop("schedule_time", None)
    slots = batch.slots if batch.pk else []
    errors = {}
    if times is not None or "schedule_time" in payload.dict(exclude_unset=True):
        try:
            slots = class_times.parse(times or "")
        except ValidationError as error:
            errors["schedule_time"] = error.messages
    with named(inverted(NAMES)):
        form = BatchForm({**BatchForm(instance=batch).initial, **changes}, instance=batch)
        if errors:
            raise ValidationError({**form.errors.as_data(), **errors})
        checked(form)
        clashes = save_batch(form.instance, slots, despite_clash=True)
    saved = batch_json(Batch.objects.prefetch_related("class_times").get(pk=form.instance.pk))
    return Answer(
        {**saved, "warnings": [str(clash) for clash in clashes]} if clashes else saved, status
    )


class BatchStudent(UserOut):
    """A student of a batch."""

    admission_number: str = Field(examples=["26-00042"])
    enrollment_id: Key = Field(examples=[91])
    enrollment_date: date = Field(examples=["2026-06-03"])
    status: Literal["active", "completed", "dropped"]


class BatchStudents(Rows):
    """A page of the students of a batch."""

    students: list[BatchStudent]


class StudentsAsked(Schema):
    """Which students of a batch."""

    status: Literal["active", "completed", "dropped", "all"] = Field(
        "active", description="Those who go on, unless said otherwise."
    )


@batches.get(
    "/{int:batch_id}/students",
    auth=Token("academics.view_enrollment"),
    response=answers(200, BatchStudents, 400, 401, 403, 404),
    operation_id="list_batch_students",
    summary="Students of a batch",
)
def list_batch_students(request, batch_id: Key, paging: Query[Paging], asked: Query[StudentsAsked]):
    """Who is enrolled, by name."""
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=batch_id)
    found = (
        Enrollment.objects.filter(batch=batch)
        .by_name()
        .select_related("student__user__membership__group")
    )
    if asked.status != "all":
        found = found.filter(status=asked.status)
    sees_everything = request.user.has_perm("accounts.view_user")

    def as_json(enrollment):
        return {
            **user_json(enrollment.student.user, everything=sees_everything),
            "admission_number": enrollment.student.admission_number,
            "enrollment_id": enrollment.pk,
            "enrollment_date": enrollment.enrolled_on,
            "status": enrollment.status,
        }

    return listed(request, paging, "students", found, as_json)


# Enrollments -----------------------------------------------------------------------------------------------------


class EnrollmentOut(Schema):
    """A student in a batch, from a day on."""

    id: Key = Field(examples=[91])
    student_id: Key = Field(examples=[42])
    batch_id: Key = Field(examples=[12])
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
    response=answers(200, CurrentEnrollment, 401, 404),
    operation_id="get_enrollment",
    summary="A student's enrollment",
)
def get_enrollment(request, student_id: Key):
    """The current enrollment, else the latest, with batch, course and instructor; 404 when there is none."""
    student = get_object_or_404(
        StudentProfile.objects.visible_to(request.user).select_related("user"), pk=student_id
    )
    found = current_enrollment_json(student, request.user)
    if found is None:
        raise Http404(f"{student} has no enrollment.")
    return Answer(found)
