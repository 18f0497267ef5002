"""The JSON API of attendance."""

from datetime import date as day_type
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Query, Router, Schema
from pydantic import WithJsonSchema

from academics.api.batches import BatchId, BatchPath
from accounts.api.people import StudentPath, UserId
from accounts.tokens import Token
from attendance.forms.sheets import AttendanceSheetForm
from attendance.services.sheets import (
    SheetContent,
    StudentsChanged,
    attendance_batch_or_404,
    attendance_batches,
    attendance_student_or_404,
    reason_not_allowed,
    save_sheet,
)
from coachmaster.core.api import (
    ApiResponse,
    Id,
    IsoDate,
    Message,
    NextPage,
    Paging,
    ResultPage,
    error_examples,
    list_response,
    responses,
)
from coachmaster.core.dates import format_date
from coachmaster.core.form_fields import DateFormField

from .models import Mark, Presence, Sheet

attendance = Router(tags=["Attendance"])
batches = Router(tags=["Attendance"])
students = Router(tags=["Attendance"])

MarkStatus = Annotated[
    Literal["present", "absent", "late", "excused"], Field(description="Status of the mark.")
]


class MarkOut(Schema):
    id: Id = Field(description="Id of the mark.", examples=[5120])
    batch_id: BatchId = Field(examples=[12])
    student_id: UserId = Field(description="Id of the student.", examples=[42])
    date: day_type = Field(description="Day of the class.", examples=["2026-11-24"])
    status: MarkStatus
    marked_by: Id | None = Field(
        description="Id of the person who last saved the sheet; null after an import.", examples=[3]
    )
    created_at: datetime = Field(
        description="When the sheet was last saved.", examples=["2026-11-24T17:02:11+05:30"]
    )


def mark_json(mark):
    """Return a mark, loaded with its sheet, as JSON."""
    return {
        "id": mark.pk,
        "batch_id": mark.sheet.batch_id,
        "student_id": mark.student_id,
        "date": mark.sheet.held_on,
        "status": mark.status,
        "marked_by": mark.sheet.taken_by_id,
        "created_at": mark.sheet.taken_at,
    }


class RecordIn(Schema):
    student_id: UserId = Field(description="Id of the student.", examples=[42])
    status: MarkStatus


class AttendanceIn(Schema):
    batch_id: BatchId = Field(examples=[12])
    date: IsoDate = Field(description="Day of the class.")
    records: list[RecordIn] = Field(
        min_length=1, max_length=1000, description="Marks; each student once."
    )
    reason: str | None = Field(
        None,
        description="Required for a correction after the days in which instructors may correct.",
        examples=["Corrected from the paper register"],
    )


class AttendanceSaved(Message):
    message: str = Field(
        description="What happened.", examples=["Attendance of JEE morning on 24 Nov 2026 saved."]
    )
    count: int = Field(description="Number of records sent.", examples=[40])


def _clean_field(form_field, value, name):
    try:
        return form_field.clean(value)
    except ValidationError as error:
        raise ValidationError({name: error.messages}) from error


def _clean_day(value, name):
    return _clean_field(DateFormField(required=False), value, name)


@attendance.post(
    "",
    auth=Token("attendance.add_sheet"),
    response=responses(201, AttendanceSaved, 400, 401, 403, 404),
    operation_id="mark_attendance",
    summary="Mark attendance",
    openapi_extra=error_examples(
        (400, "records", "Not in JEE morning on 24 Nov 2026: student_id 43. Nothing was written.")
    ),
)
def mark_attendance(request, payload: AttendanceIn):
    """Save the attendance sheet of a day, or correct it.

    Only changes are written; previous marks are recorded. Marks of students who are not sent do not
    change. If a student is not in the batch on that day, nothing is written. A day without a
    planned class is accepted. Future days, holidays, days outside of the batch's dates, and days
    after the limit for corrections are refused. An Admin can correct after the limit, with a
    `reason`.
    """
    held_on = _clean_day(payload.date, "date")
    batch = attendance_batch_or_404(request.user, payload.batch_id)
    if reason := reason_not_allowed(batch, held_on, today=timezone.localdate(), user=request.user):
        raise ValidationError({"date": reason})
    reason = _clean_field(AttendanceSheetForm.base_fields["reason"], payload.reason or "", "reason")
    statuses = {record.student_id: record.status for record in payload.records}
    if len(statuses) < len(payload.records):
        raise ValidationError({"records": "A student is sent twice. Send each student once."})
    try:
        save_sheet(
            batch=batch,
            held_on=held_on,
            content=SheetContent(statuses, reason=reason),
            by=request.user,
            allow_unplanned=True,
        )
    except StudentsChanged as error:
        ids = ", ".join(str(pk) for pk in sorted(error.strangers))
        message = (
            f"Not in {batch} on {format_date(held_on)}: student_id {ids}. Nothing was written."
        )
        raise ValidationError({"records": message}) from error
    message = f"Attendance of {batch} on {format_date(held_on)} saved."
    return ApiResponse({"message": message, "count": len(statuses)}, 201)


class MarkList(ResultPage):
    attendance: list[MarkOut] = Field(description="Marks on this page.")


class DateRange(Schema):
    first: IsoDate | None = Field(None, alias="from", description="First day.")
    last: IsoDate | None = Field(None, alias="to", description="Last day.")


@batches.get(
    "/{int:batch_id}/attendance",
    auth=Token("attendance.view_sheet"),
    response=responses(200, MarkList, 400, 401, 403, 404),
    operation_id="list_batch_attendance",
    summary="List a batch's attendance",
    openapi_extra=error_examples((400, "to", "Choose 24 Nov 2026 or a later day.")),
)
def list_batch_attendance(
    request, batch_id: BatchPath, paging: Query[Paging], days: Query[DateRange]
):
    """Return the marks of a batch, by day."""
    batch = get_object_or_404(attendance_batches(request.user), pk=batch_id)
    first, last = _clean_day(days.first, "from"), _clean_day(days.last, "to")
    if first and last and first > last:
        raise ValidationError({"to": f"Choose {format_date(first)} or a later day."})
    sheets = Sheet.objects.filter(batch=batch).between(first, last)
    marks = Mark.objects.filter(sheet__in=sheets).select_related("sheet")
    rows = marks.order_by("sheet__held_on", "pk")
    return list_response(request, paging, "attendance", rows, mark_json)


Percentage = Annotated[
    Decimal, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100}, mode="serialization")
]


class AttendanceCounts(Schema):
    total: int = Field(description="All marks.", examples=[42])
    present: int = Field(description="Days present.", examples=[33])
    absent: int = Field(description="Days absent.", examples=[6])
    late: int = Field(description="Days late.", examples=[1])
    excused: int = Field(description="Days excused; not counted in the percentage.", examples=[2])
    percentage: Percentage | None = Field(
        description="Present and late in percent of present, late and absent, to one decimal; "
        "null without marks.",
        examples=[85],
    )


def attendance_counts_json(tally):
    return {
        "total": tally.total,
        "present": tally.present,
        "absent": tally.absent,
        "late": tally.late,
        "excused": tally.excused,
        "percentage": tally.percentage,
    }


class StudentAttendance(AttendanceCounts):
    attendance: list[MarkOut] = Field(description="Marks on this page.")
    next: NextPage = None


@students.get(
    "/{int:student_id}/attendance",
    auth=Token(),
    response=responses(200, StudentAttendance, 400, 401, 403, 404),
    operation_id="get_attendance",
    summary="Get a student's attendance",
)
def get_attendance(request, student_id: StudentPath, paging: Query[Paging]):
    """Return a student's marks, newest first, and the numbers of all visible marks."""
    student = attendance_student_or_404(request.user, student_id)
    marks = Mark.objects.visible_to(request.user).filter(student=student)
    found = marks.select_related("sheet").order_by("-sheet__held_on", "-pk")
    tally = Presence.objects.visible_to(request.user).filter(enrollment__student=student).tally()
    return list_response(
        request, paging, "attendance", found, mark_json, **attendance_counts_json(tally)
    )
