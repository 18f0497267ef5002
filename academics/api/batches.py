"""The JSON API of batches and their students."""

from datetime import date, datetime
from typing import Annotated, Literal

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from ninja import Field, Path, Query, Router, Schema

from academics import class_times
from academics.forms.batches import BatchForm
from academics.models import Batch, Enrollment
from academics.services.batches import save_batch
from accounts.api.people import UserId, UserOut, sees_all_details, user_json
from accounts.tokens import Token
from coachmaster.core.api import (
    ApiResponse,
    Id,
    IsoDate,
    Paging,
    ResultPage,
    cleaned,
    error_examples,
    inverse,
    list_response,
    responses,
    sent_values,
    with_field_names,
)

from .courses import CourseId, CourseOut, course_json

batches = Router(tags=["Batches"])

#: The API's names of the fields of `BatchForm`.
BATCH_FIELDS = {
    "course_id": "course",
    "instructor_id": "instructor",
    "batch_name": "name",
    "start_date": "starts_on",
    "end_date": "ends_on",
    "schedule_time": "class_times_note",
}

TIMES_HELP = (
    "Weekly class times: weekdays with start and end, separated by `;`. Other text of up to 100 "
    "characters is stored as it is, and plans no classes."
)

BatchId = Annotated[Id, Field(description="Id of the batch.")]
BatchPath = Annotated[Id, Path(description="Id of the batch.")]
InstructorId = Annotated[
    Id | None, Field(description="Id of the instructor; null for none.", examples=[3])
]


class BatchOut(Schema):
    id: BatchId = Field(examples=[12])
    course_id: CourseId = Field(examples=[7])
    instructor_id: InstructorId
    batch_name: str = Field(description="Name.", examples=["JEE morning"])
    start_date: date = Field(description="First day.", examples=["2026-06-01"])
    end_date: date | None = Field(
        description="Last day; null for an open-ended batch.", examples=["2027-03-31"]
    )
    schedule_time: str = Field(description=TIMES_HELP, examples=["Mon-Fri 17:00-18:30"])
    created_at: datetime = Field(
        description="When the batch was added.", examples=["2026-05-20T10:00:00+05:30"]
    )


class BatchDetails(BatchOut):
    course: CourseOut
    instructor: UserOut | None = Field(
        description="null for none. Students and other instructors see the name only."
    )


class SavedBatch(BatchOut):
    warnings: list[str] | None = Field(
        None,
        description="Classes of the instructor or in the room at the same time, or that "
        "`schedule_time` plans no classes. Saved anyway.",
        examples=[["Imran Khan has JEE evening on Mon 17:00-18:30."]],
    )


def batch_json(batch):
    """Return a batch, loaded with its class times, as JSON."""
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
    """Return a batch, loaded `with_details`, and what ``viewer`` may see of its instructor."""
    instructor = batch.instructor
    sees = instructor is not None and sees_all_details(viewer, instructor)
    return {
        **batch_json(batch),
        "course": course_json(batch.course),
        "instructor": instructor and user_json(instructor, phone=sees, everything=sees),
    }


class BatchList(ResultPage):
    batches: list[BatchOut] = Field(description="Batches on this page.")


class BatchIn(Schema):
    course_id: CourseId = Field(examples=[7])
    instructor_id: InstructorId
    batch_name: str = Field(description="Name.", examples=["JEE morning"])
    start_date: IsoDate = Field(description="First day.")
    end_date: IsoDate | None = Field(
        None, description="Last day; null for an open-ended batch.", examples=["2027-03-31"]
    )
    schedule_time: str | None = Field(
        None, description=TIMES_HELP, examples=["Mon-Fri 17:00-18:30"]
    )


class BatchUpdate(Schema):
    """Changes to a batch. Fields that are left out do not change."""

    course_id: CourseId | None = Field(None, description="Id of the course.", examples=[7])
    instructor_id: InstructorId = None
    batch_name: str | None = Field(None, description="Name.", examples=["JEE morning"])
    start_date: IsoDate | None = Field(None, description="First day.", examples=["2026-06-01"])
    end_date: IsoDate | None = Field(
        None, description="Last day; null for an open-ended batch.", examples=["2027-03-31"]
    )
    schedule_time: str | None = Field(
        None, description=TIMES_HELP, examples=["Mon, Wed 17:00-18:30; Sat 09:00-11:00"]
    )


@batches.get(
    "",
    auth=Token("academics.view_batch"),
    response=responses(200, BatchList, 400, 401, 403),
    operation_id="list_batches",
    summary="List batches",
)
def list_batches(request, paging: Query[Paging]):
    """Return batches, by name.

    Admins see all, instructors those they teach, students those of their enrollments.
    """
    visible = Batch.objects.visible_to(request.user)
    rows = visible.prefetch_related("class_times").order_by("name", "pk")
    return list_response(request, paging, "batches", rows, batch_json)


@batches.post(
    "",
    auth=Token("academics.add_batch"),
    response=responses(201, SavedBatch, 400, 401, 403),
    operation_id="create_batch",
    summary="Add a batch",
    openapi_extra=error_examples((400, "end_date", "A batch cannot end before it starts.")),
)
def create_batch(request, payload: BatchIn):
    """Add a batch of an active course. The instructor's role must permit teaching."""
    return _save(Batch(), payload, 201, by=request.user)


@batches.get(
    "/{int:batch_id}",
    auth=Token("academics.view_batch"),
    response=responses(200, BatchDetails, 401, 403, 404),
    operation_id="get_batch",
    summary="Get a batch",
)
def get_batch(request, batch_id: BatchPath):
    """Return one batch with its course and instructor."""
    batch = get_object_or_404(Batch.objects.visible_to(request.user).with_details(), pk=batch_id)
    return ApiResponse(batch_details_json(batch, request.user))


@batches.put(
    "/{int:batch_id}",
    auth=Token("academics.change_batch"),
    response=responses(200, SavedBatch, 400, 401, 403, 404),
    operation_id="update_batch",
    summary="Edit a batch",
    openapi_extra=error_examples(
        (
            400,
            "start_date",
            "Attendance was marked on 3 Jun 2026. Choose that day or an earlier one.",
        )
    ),
)
def update_batch(request, batch_id: BatchPath, payload: BatchUpdate):
    """Change a batch, as far as its enrollments and attendance sheets allow."""
    visible = Batch.objects.visible_to(request.user).prefetch_related("class_times")
    return _save(get_object_or_404(visible, pk=batch_id), payload, 200, by=request.user)


def _save(batch, payload, status, *, by):
    """Save ``batch`` and return it; clashing classes are saved too, and reported as warnings."""
    changes = sent_values(payload, BATCH_FIELDS)
    slots, warnings = (batch.slots if batch.pk else []), []
    with with_field_names(inverse(BATCH_FIELDS)):
        if "class_times_note" in changes:
            slots, changes["class_times_note"] = _class_times(changes["class_times_note"] or "")
            if changes["class_times_note"]:
                warnings = ["`schedule_time` is kept as text and plans no classes."]
        stored = BatchForm(instance=batch, user=by).initial
        form = BatchForm({**stored, **changes}, instance=batch, user=by)
        cleaned(form)
        clashes = save_batch(form.instance, slots, despite_clash=True, by=by)
    saved = batch_json(Batch.objects.prefetch_related("class_times").get(pk=form.instance.pk))
    if warnings := [*warnings, *map(str, clashes)]:
        saved["warnings"] = warnings
    return ApiResponse(saved, status)


def _class_times(text):
    """Return the slots of ``text`` and an empty note, or none and ``text`` as the note."""
    try:
        return class_times.parse(text), ""
    except ValidationError as error:
        if error.code == class_times.NOT_A_TIME:
            return [], text
        raise ValidationError({"class_times_note": error.messages}) from error


# Students of a batch ---------------------------------------------------------------------------

EnrollmentId = Annotated[Id, Field(description="Id of the enrollment.")]
EnrollmentDate = Annotated[
    date, Field(description="First day of the enrollment.", examples=["2026-06-03"])
]
EnrollmentStatus = Annotated[
    Literal["active", "completed", "dropped"], Field(description="Status of the enrollment.")
]


class BatchStudent(UserOut):
    id: UserId = Field(examples=[42])
    admission_number: str = Field(description="Admission number.", examples=["26-00042"])
    enrollment_id: EnrollmentId = Field(examples=[91])
    enrollment_date: EnrollmentDate
    status: EnrollmentStatus


class BatchStudentList(ResultPage):
    students: list[BatchStudent] = Field(description="Students on this page.")


class BatchStudentQuery(Schema):
    status: Literal["active", "completed", "dropped", "all"] = Field(
        "active", description="Only students with this status of enrollment."
    )


@batches.get(
    "/{int:batch_id}/students",
    auth=Token("academics.view_enrollment"),
    response=responses(200, BatchStudentList, 400, 401, 403, 404),
    operation_id="list_batch_students",
    summary="List the students of a batch",
)
def list_batch_students(
    request, batch_id: BatchPath, paging: Query[Paging], query: Query[BatchStudentQuery]
):
    """Return the students of a batch, by name."""
    batch = get_object_or_404(Batch.objects.visible_to(request.user), pk=batch_id)
    enrollments = Enrollment.objects.visible_to(request.user).filter(batch=batch).by_name()
    enrollments = enrollments.select_related("student__user__membership__group")
    if query.status != "all":
        enrollments = enrollments.filter(status=query.status)
    sees_everything = request.user.has_perm("accounts.view_user")

    def as_json(enrollment):
        return {
            **user_json(enrollment.student.user, everything=sees_everything),
            "admission_number": enrollment.student.admission_number,
            "enrollment_id": enrollment.pk,
            "enrollment_date": enrollment.enrolled_on,
            "status": enrollment.status,
        }

    return list_response(request, paging, "students", enrollments, as_json)
