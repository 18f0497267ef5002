"""The JSON API of batches and their students."""

from datetime import date, datetime
from typing import Literal

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema

from academics import class_times
from academics.forms.batches import BatchForm
from academics.models import Batch, Enrollment
from academics.services.batches import save_batch
from accounts.api import UserOut, sees_all_details, user_json
from accounts.tokens import Token
from coachmaster.core.api import (
    ApiResponse,
    Id,
    IsoDate,
    Paging,
    ResultPage,
    cleaned,
    inverse,
    list_response,
    responses,
    sent_values,
    with_field_names,
)

from .courses import CourseOut, course_json

batches = Router(tags=["Batches"])


#: What the API calls the fields of `BatchForm`.
BATCH_FIELDS = {
    "course_id": "course",
    "instructor_id": "instructor",
    "batch_name": "name",
    "start_date": "starts_on",
    "end_date": "ends_on",
}


_TIMES = "The weekly class times: weekdays with from and to, several separated by `;`."


class BatchOut(Schema):
    """A group that takes a course together."""

    id: Id = Field(examples=[12])
    course_id: Id = Field(examples=[7])
    instructor_id: Id | None = Field(description="null: nobody yet.", examples=[3])
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
    sees = instructor is not None and sees_all_details(viewer, instructor)
    return {
        **batch_json(batch),
        "course": course_json(batch.course),
        "instructor": instructor and user_json(instructor, phone=sees, everything=sees),
    }


class BatchList(ResultPage):
    """A page of batches."""

    batches: list[BatchOut]


class BatchIn(Schema):
    """A new batch."""

    course_id: Id = Field(examples=[7])
    instructor_id: Id | None = Field(description="null: nobody yet.", examples=[3])
    batch_name: str = Field(examples=["JEE morning"])
    start_date: IsoDate
    end_date: IsoDate | None = None
    schedule_time: str | None = Field(None, description=_TIMES, examples=["Mon-Fri 17:00-18:30"])


class BatchUpdate(Schema):
    """What changes of a batch; what is left out stays."""

    course_id: Id | None = Field(None, examples=[7])
    instructor_id: Id | None = Field(None, description="null: nobody.", examples=[3])
    batch_name: str | None = Field(None, examples=["JEE morning"])
    start_date: IsoDate | None = None
    end_date: IsoDate | None = Field(None, description="null: open-ended.")
    schedule_time: str | None = Field(
        None, description=_TIMES, examples=["Mon, Wed 17:00-18:30; Sat 09:00-11:00"]
    )


@batches.get(
    "",
    auth=Token("academics.view_batch"),
    response=responses(200, BatchList, 400, 401, 403),
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
    return list_response(request, paging, "batches", found, batch_json)


@batches.post(
    "",
    auth=Token("academics.add_batch"),
    response=responses(201, SavedBatch, 400, 401, 403),
    operation_id="create_batch",
    summary="Create a batch",
)
def create_batch(request, payload: BatchIn):
    """A new batch of a course that is on offer. The instructor must be somebody who may teach."""
    return _save(Batch(), payload, 201)


@batches.get(
    "/{int:batch_id}",
    auth=Token("academics.view_batch"),
    response=responses(200, BatchDetails, 401, 403, 404),
    operation_id="get_batch",
    summary="One batch",
)
def get_batch(request, batch_id: Id):
    """One batch with its course and instructor."""
    batch = get_object_or_404(Batch.objects.visible_to(request.user).with_details(), pk=batch_id)
    return ApiResponse(batch_details_json(batch, request.user))


@batches.put(
    "/{int:batch_id}",
    auth=Token("academics.change_batch"),
    response=responses(200, SavedBatch, 400, 401, 403, 404),
    operation_id="update_batch",
    summary="Edit a batch",
)
def update_batch(request, batch_id: Id, payload: BatchUpdate):
    """Enrollments and sheets bound what can change: the course of a batch with students stays, and so do its days."""
    batch = get_object_or_404(
        Batch.objects.visible_to(request.user).prefetch_related("class_times"), pk=batch_id
    )
    return _save(batch, payload, 200)


def _save(batch, payload, status):
    """Save ``batch`` with what was sent. A clash is told and not asked about: the call is the answer."""
    changes = sent_values(payload, BATCH_FIELDS)
    times = changes.pop("schedule_time", None)
    slots = batch.slots if batch.pk else []
    errors = {}
    if times is not None or "schedule_time" in payload.dict(exclude_unset=True):
        try:
            slots = class_times.parse(times or "")
        except ValidationError as error:
            errors["schedule_time"] = error.messages
    with with_field_names(inverse(BATCH_FIELDS)):
        form = BatchForm({**BatchForm(instance=batch).initial, **changes}, instance=batch)
        if errors:
            raise ValidationError({**form.errors.as_data(), **errors})
        cleaned(form)
        clashes = save_batch(form.instance, slots, despite_clash=True)
    saved = batch_json(Batch.objects.prefetch_related("class_times").get(pk=form.instance.pk))
    return ApiResponse(
        {**saved, "warnings": [str(clash) for clash in clashes]} if clashes else saved, status
    )


class BatchStudent(UserOut):
    """A student of a batch."""

    admission_number: str = Field(examples=["26-00042"])
    enrollment_id: Id = Field(examples=[91])
    enrollment_date: date = Field(examples=["2026-06-03"])
    status: Literal["active", "completed", "dropped"]


class BatchStudentList(ResultPage):
    """A page of the students of a batch."""

    students: list[BatchStudent]


class BatchStudentQuery(Schema):
    """Which students of a batch."""

    status: Literal["active", "completed", "dropped", "all"] = Field(
        "active", description="Those who go on, unless said otherwise."
    )


@batches.get(
    "/{int:batch_id}/students",
    auth=Token("academics.view_enrollment"),
    response=responses(200, BatchStudentList, 400, 401, 403, 404),
    operation_id="list_batch_students",
    summary="Students of a batch",
)
def list_batch_students(
    request, batch_id: Id, paging: Query[Paging], asked: Query[BatchStudentQuery]
):
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

    return list_response(request, paging, "students", found, as_json)
