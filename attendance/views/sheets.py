from dataclasses import dataclass, field

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.functional import cached_property

from academics.models import Enrollment, Institute
from accounts.unsaved_input import restored_input, restores_input
from attendance.forms.sheets import AttendanceSheetForm, SheetDayForm, SheetFillForm
from attendance.models import MarkChange, Sheet
from attendance.percentages import STATUS_BY_VALUE, MarkStatus, Tally
from attendance.queries.days import adjacent_class_day, nearby_class_days
from attendance.queries.sheets import marks_by_student, sheet_and_previous, sheet_saves
from attendance.services.sheets import (
    SheetContent,
    attendance_batch_or_404,
    attendance_batches,
    day_schedule,
    first_editable_day,
    needs_reason,
    reason_not_allowed,
    save_sheet,
    sheet_enrollments,
)
from attendance.shortage import AttendanceRequirement
from coachmaster.core.dates import format_date
from coachmaster.core.pagination import paginate


@dataclass
class RowMessage:
    text: str
    is_warning: bool = False


@dataclass
class SheetRow:
    enrollment: Enrollment
    #: The saved status, or the one that an unsaved sheet starts with.
    saved: MarkStatus
    status: MarkStatus
    note: str
    #: Statuses on the last sheets before this one, oldest first.
    recent: list[MarkStatus | None]
    is_short: bool
    note_error: str = ""
    messages: list[RowMessage] = field(default_factory=list)

    @property
    def last(self):
        return (self.recent and self.recent[-1]) or ""

    @cached_property
    def recent_label(self):
        """Return `present, no mark, late` for screen readers, "" without any mark."""
        if not any(self.recent):
            return ""
        return ", ".join(mark.label.lower() if mark else "no mark" for mark in self.recent)

    @property
    def saved_note(self):
        return self.enrollment.mark_note or ""


@restores_input
def sheet(request, pk, held_on):
    batch = attendance_batch_or_404(request.user, pk)
    today, schedule = timezone.localdate(), day_schedule(batch, held_on)
    if reason := reason_not_allowed(
        batch, held_on, today=today, schedule=schedule, user=request.user
    ):
        return _closed_sheet(request, batch, held_on, reason, today)
    if request.method != "POST":
        form = AttendanceSheetForm(restored_input(request))
        return _sheet_form(request, batch, held_on, form, schedule)
    form = AttendanceSheetForm(request.POST)
    if form.is_valid():
        try:
            result = save_sheet(
                batch=batch,
                held_on=held_on,
                content=SheetContent(
                    form.statuses,
                    form.notes,
                    topic=form.cleaned_data["topic"],
                    reason=form.cleaned_data["reason"],
                    version=form.cleaned_data["version"],
                    is_complete=True,
                ),
                by=request.user,
                allow_unplanned=form.cleaned_data["confirmed"] or schedule.is_planned,
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            marks = Tally.of(form.statuses.values()).label
            messages.success(
                request, f"Attendance of {batch} on {format_date(held_on)} saved: {marks}."
            )
            if request.headers.get("X-Requested-With") == "fetch":
                return JsonResponse({"saved": result.sheet.get_absolute_url()})
            return redirect(result.sheet)
    return _sheet_form(request, batch, held_on, form, schedule)


def _sheet_form(request, batch, held_on, form, schedule):
    saved, earlier = sheet_and_previous(batch, held_on)
    version = saved.version if saved else 0
    enrollments = sheet_enrollments(batch, held_on, saved)
    is_open = saved is not None and saved.is_open
    fill = SheetFillForm(request.GET)
    rows = _rows(batch, enrollments, form, marks_by_student(earlier), fill, is_open=is_open)
    is_outdated = form.is_bound and form.data.get("version") != str(version)
    if is_outdated:
        _add_differences(rows, form)
    if saved:
        text = "Has not checked in." if is_open else "Not on the saved sheet yet."
        for row in rows:
            if not row.enrollment.mark_id:
                row.messages.append(RowMessage(text))
    topic = saved.topic if saved else ""
    return render(
        request,
        "attendance/sheets/form.html",
        {
            "batch": batch,
            "held_on": held_on,
            "today": timezone.localdate(),
            "sheet": saved,
            "version": version,
            "form": form,
            "is_restored": form.is_bound and request.method != "POST",
            "is_outdated": is_outdated,
            "topic": form.data.get("topic", "") if form.is_bound else topic,
            "rows": rows,
            "seen": " ".join(f"{row.enrollment.student_id}{row.saved[0]}" for row in rows),
            "fills": SheetFillForm.base_fields["fill"].choices[: 3 if earlier else 2],
            "asks_confirmation": not schedule.is_planned and not saved,
            "asks_reason": saved and needs_reason(request.user, held_on),
        },
    )


def _rows(batch, enrollments, form, recent, fill_form, *, is_open):
    """Without a mark, students are present; on a sheet with check-ins absent."""
    unmarked = MarkStatus.ABSENT if is_open else MarkStatus.PRESENT
    requirement = AttendanceRequirement.for_course(batch.course, Institute.objects.current())
    fill = fill_form.cleaned_data["fill"] if fill_form.is_valid() else ""
    rows = []
    for enrollment in enrollments:
        student_id = enrollment.student_id
        status = saved = STATUS_BY_VALUE.get(enrollment.mark_status, unmarked)
        before = recent.get(student_id, [])
        if fill == "last":
            status = (before and before[-1]) or MarkStatus.PRESENT
        elif fill:
            status = MarkStatus(fill)
        if student_id in form.statuses and form.is_changed(student_id):
            status = form.statuses[student_id]
        note = enrollment.mark_note or ""
        if student_id in form.notes and form.is_note_changed(student_id):
            note = form.notes[student_id]
        rows.append(
            SheetRow(
                enrollment,
                saved=saved,
                status=status,
                note=note,
                recent=before,
                is_short=requirement.is_short(enrollment.tally),
                note_error=form.note_errors.get(student_id, ""),
            )
        )
    return rows


def _add_differences(rows, form):
    for row in rows:
        if not row.enrollment.mark_status:
            continue
        if row.status != row.saved or row.note != row.saved_note:
            differs = row.saved_note and row.note != row.saved_note
            note = f" (“{row.saved_note}”)" if differs else ""
            text = f"Saved as {row.saved.label}{note}. Save again to make it {row.status.label}."
            row.messages.append(RowMessage(text, is_warning=True))
        elif form.seen_status(row.enrollment.student_id) not in (None, row.saved):
            row.messages.append(RowMessage(f"Changed to {row.saved.label} by that save."))


def sheet_history(request, pk, held_on):
    batch = get_object_or_404(attendance_batches(request.user).select_related("course"), pk=pk)
    saved = get_object_or_404(
        Sheet.objects.select_related("taken_by"), batch=batch, held_on=held_on
    )
    saves = sheet_saves(saved)
    changes = MarkChange.objects.filter(mark__sheet=saved).select_related(
        "changed_by", "mark__student__user"
    )
    return render(
        request,
        "attendance/sheets/history.html",
        {
            "batch": batch,
            "held_on": held_on,
            "sheet": saved,
            "saves": saves if len(saves) > 1 else [],
            "changes": paginate(request, changes, {"when": ["changed_at"]}, default="-when"),
        },
    )


def _closed_sheet(request, batch, held_on, reason, today):
    saved = Sheet.objects.select_related("taken_by").filter(batch=batch, held_on=held_on).first()
    first = max(first_editable_day(request.user, today) or batch.starts_on, batch.starts_on)
    return render(
        request,
        "attendance/sheets/closed.html",
        {
            "batch": batch,
            "held_on": held_on,
            "reason": reason,
            "sheet": saved,
            "rows": sheet_enrollments(batch, held_on, saved) if saved else [],
            "other_days": nearby_class_days(batch, held_on, first, today),
        },
    )


def sheet_go(request, pk):
    batch = get_object_or_404(attendance_batches(request.user), pk=pk)
    form = SheetDayForm(request.GET)
    if not form.is_valid():
        messages.error(request, "Enter a valid date, like 24/11/2026.")
        return redirect("attendance:batch-attendance", pk)
    day, step = form.cleaned_data["on"], form.cleaned_data["step"]
    if step:
        other_day = adjacent_class_day(
            batch, day, forward=step == "next", last=timezone.localdate()
        )
        if other_day is None:
            order = "after" if step == "next" else "before"
            messages.info(request, f"{batch} has no class to mark {order} {format_date(day)}.")
        day = other_day or day
    return redirect("attendance:sheet", pk, day)
