"""The JSON API about who came: operations 22 to 24."""

from datetime import date as day_type
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Query, Router, Schema
from pydantic import WithJsonSchema

from accounts.tokens import Token
from attendance.forms.sheets import AttendanceSheetForm
from attendance.services.sheets import (
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
    Paging,
    ResultPage,
    list_response,
    responses,
)
from coachmaster.core.dates import format_date
from coachmaster.core.form_fields import DateFormField

from .models import Mark, Presence, Sheet

attendance = Router(tags=["Attendance"])
batches = Router(tags=["Attendance"])
students = Router(tags=["Attendance"])

StatusName = Literal["present", "absent", "late", "excused"]


class MarkOut(Schema):
    """One student on one day."""

    id: Id = Field(examples=[5120])
    batch_id: Id = Field(examples=[12])
    student_id: Id = Field(examples=[42])
    date: day_type = Field(examples=["2026-11-24"])
    status: StatusName
    marked_by: Id | None = Field(
        description="Who saved that day's sheet last; null after an import.", examples=[3]
    )
    created_at: datetime = Field(
        description="When that was.", examples=["2026-11-24T17:02:11+05:30"]
    )


def mark_json(mark):
    """A mark as the API says it; ``mark`` comes with its sheet."""
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
    """One student and whether they came."""

    student_id: Id = Field(examples=[42])
    status: StatusName


class AttendanceIn(Schema):
    """Who came to a batch on a day."""

    batch_id: Id = Field(examples=[12])
    date: IsoDate
    records: list[RecordIn] = Field(min_length=1, max_length=1000)
    reason: str | None = Field(
        None,
        description="Why marks are corrected so late: needed beyond the days that an instructor may correct.",
        examples=["The register on paper says so"],
    )


class AttendanceSaved(Message):
    """What was saved."""

    message: str = Field(
        description="What happened.", examples=["Attendance of JEE morning on 24 Nov 2026 saved."]
    )
    count: int = Field(description="Students who were named.", examples=[40])


def _clean_field(form_field, value, name):
    """What ``value`` says to ``form_field``. Raises ValidationError for the field of that ``name``."""
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
)
def mark_attendance(request, payload: AttendanceIn):
    """Makes the sheet of that day, or corrects it: only what differs is written, and what a mark was before is kept.

    Students who are not named stay as they are, on a new sheet without a mark. When anybody named is not in the batch
    on that day, nothing is written. A day without a planned class is taken as said; the future, a holiday, and days
    outside of the batch's are refused, and so are days longer ago than an instructor may correct. An Admin may correct
    these too, and says why in `reason`.
    """
    held_on = _clean_day(payload.date, "date")
    batch = attendance_batch_or_404(request.user, payload.batch_id)
    if sentence := reason_not_allowed(
        batch, held_on, today=timezone.localdate(), user=request.user
    ):
        raise ValidationError({"date": sentence})
    reason = _clean_field(AttendanceSheetForm.base_fields["reason"], payload.reason or "", "reason")
    statuses = {record.student_id: record.status for record in payload.records}
    if len(statuses) < len(payload.records):
        raise ValidationError({"records": "A student is named twice. Name each once."})
    try:
        save_sheet(
            batch=batch,
            held_on=held_on,
            statuses=statuses,
            by=request.user,
            confirmed_unplanned=True,
            reason=reason,
        )
    except StudentsChanged as refusal:
        who = ", ".join(str(pk) for pk in sorted(refusal.strangers))
        sentence = (
            f"Not in {batch} on {format_date(held_on)}: student_id {who}. Nothing was written."
        )
        raise ValidationError({"records": sentence}) from refusal
    return ApiResponse(
        {
            "message": f"Attendance of {batch} on {format_date(held_on)} saved.",
            "count": len(statuses),
        },
        201,
    )


class MarkList(ResultPage):
    """A page of marks."""

    attendance: list[MarkOut]


class DateRange(Schema):
    """Which days, both included."""

    first: IsoDate | None = Field(None, alias="from", description="The first day.")
    last: IsoDate | None = Field(None, alias="to", description="The last day.")


@batches.get(
    "/{int:batch_id}/attendance",
    auth=Token("attendance.view_sheet"),
    response=responses(200, MarkList, 400, 401, 403, 404),
    operation_id="list_batch_attendance",
    summary="A batch's attendance",
)
def list_batch_attendance(request, batch_id: Id, paging: Query[Paging], asked: Query[DateRange]):
    """The marks of a batch, by day; those of all days where no bound is given."""
    batch = get_object_or_404(attendance_batches(request.user), pk=batch_id)
    first, last = _clean_day(asked.first, "from"), _clean_day(asked.last, "to")
    if first and last and first > last:
        raise ValidationError({"to": f"Choose {format_date(first)} or a later day."})
    sheets = Sheet.objects.filter(batch=batch).between(first, last)
    found = (
        Mark.objects.filter(sheet__in=sheets)
        .select_related("sheet")
        .order_by("sheet__held_on", "pk")
    )
    return list_response(request, paging, "attendance", found, mark_json)


Percentage = Annotated[
    Decimal, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100}, mode="serialization")
]


class AttendanceCounts(Schema):
    """How many marks of each kind, and the percentage that follows."""

    total: int = Field(description="All marks.", examples=[42])
    present: int = Field(examples=[33])
    absent: int = Field(examples=[6])
    late: int = Field(examples=[1])
    excused: int = Field(examples=[2])
    percentage: Percentage | None = Field(
        description="Present and late, of these and absent, to one decimal; null before the first class.",
        examples=[85],
    )


def attendance_counts_json(tally):
    """A Tally as the API says it."""
    return {
        "total": tally.total,
        "present": tally.present,
        "absent": tally.absent,
        "late": tally.late,
        "excused": tally.excused,
        "percentage": tally.percentage,
    }


class StudentAttendance(AttendanceCounts):
    """A student's marks with their sums over all of them."""

    attendance: list[MarkOut]
    next: str | None = Field(
        None, description="The address of the next page; left out on the last one."
    )


@students.get(
    "/{int:student_id}/attendance",
    auth=Token(),
    response=responses(200, StudentAttendance, 400, 401, 403, 404),
    operation_id="get_attendance",
    summary="A student's attendance",
)
def get_attendance(request, student_id: Id, paging: Query[Paging]):
    """The sums over all marks that the caller may see, and the marks, the newest day first."""
    student = attendance_student_or_404(request.user, student_id)
    marks = Mark.objects.visible_to(request.user).filter(student=student)
    found = marks.select_related("sheet").order_by("-sheet__held_on", "-pk")
    tally = Presence.objects.visible_to(request.user).filter(enrollment__student=student).tally()
    return list_response(
        request, paging, "attendance", found, mark_json, **attendance_counts_json(tally)
    )
