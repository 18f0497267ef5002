"""Sheets, registers and percentages: fetch, decide, render."""

from dataclasses import dataclass, field

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from academics.models import Enrollment, Institute
from accounts.unsaved_input import restored_input, restores_input
from attendance.forms.sheets import AttendanceSheetForm, SheetDayForm, SheetFillForm
from attendance.models import MarkChange, Sheet
from attendance.percentages import STATUS_BY_VALUE, AttendanceRequirement, MarkStatus, Tally
from attendance.queries.days import adjacent_class_day, nearby_class_days
from attendance.queries.sheets import marks_by_student, sheet_and_previous, sheet_saves
from attendance.services import sheets
from attendance.services.sheets import (
    attendance_batch_or_404,
    attendance_batches,
    day_schedule,
    first_editable_day,
    needs_reason,
    reason_not_allowed,
    save_sheet,
)
from coachmaster.core.dates import format_date
from coachmaster.core.pagination import paginate


@dataclass
class RowMessage:
    """What is to be said beside a student of what is saved."""

    words: str
    is_warning: bool = False


@dataclass
class SheetRow:
    """One student on the page of a sheet."""

    enrollment: Enrollment
    #: What is saved; what a page that is not saved yet starts from.
    saved: MarkStatus
    status: MarkStatus
    note: str
    #: The marks of the last sheets before this one, the oldest first.
    recent: list[MarkStatus | None]
    tally: Tally
    is_low: bool
    note_error: str = ""
    remarks: list[RowMessage] = field(default_factory=list)

    @property
    def last(self):
        """The mark of the last sheet before this one, or ""."""
        return (self.recent and self.recent[-1]) or ""

    @property
    def noted(self):
        """The note that is saved."""
        return self.enrollment.noted or ""


@restores_input
def sheet(request, pk, held_on):
    batch = attendance_batch_or_404(request.user, pk)
    today, schedule = timezone.localdate(), day_schedule(batch, held_on)
    if sentence := reason_not_allowed(
        batch, held_on, today=today, schedule=schedule, user=request.user
    ):
        return _closed_day(request, batch, held_on, sentence, today)
    if request.method != "POST":
        return _sheet_page(
            request, batch, held_on, AttendanceSheetForm(restored_input(request)), schedule
        )
    form = AttendanceSheetForm(request.POST)
    if form.is_valid():
        try:
            saved = save_sheet(
                batch=batch,
                held_on=held_on,
                statuses=form.statuses,
                notes=form.notes,
                by=request.user,
                version=form.cleaned_data["version"],
                topic=form.cleaned_data["topic"],
                confirmed_unplanned=form.cleaned_data["confirmed"] or schedule.is_planned,
                whole_roll=True,
                reason=form.cleaned_data["reason"],
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(
                request,
                f"Attendance of {batch} on {format_date(held_on)} saved: {Tally.of(form.statuses.values()).label}.",
            )
            if request.headers.get("X-Requested-With") == "fetch":
                return JsonResponse({"saved": saved.sheet.get_absolute_url()})
            return redirect(saved.sheet)
    return _sheet_page(request, batch, held_on, form, schedule)


def _sheet_page(request, batch, held_on, form, schedule):
    taken, earlier = sheet_and_previous(batch, held_on)
    version = taken.version if taken else 0
    roll = sheets.sheet_enrollments(batch, held_on, taken)
    is_open = taken is not None and taken.is_open
    rows = _rows(
        batch, roll, form, marks_by_student(earlier), SheetFillForm(request.GET), is_open=is_open
    )
    is_outdated = form.is_bound and form.data.get("version") != str(version)
    if is_outdated:
        _compare(rows, form)
    for row in rows:
        if taken and not row.enrollment.mark_id:
            row.remarks.append(
                RowMessage("Has not checked in." if is_open else "Not on the saved sheet yet.")
            )
    return render(
        request,
        "attendance/sheets/form.html",
        {
            "batch": batch,
            "held_on": held_on,
            "today": timezone.localdate(),
            "sheet": taken,
            "version": version,
            "form": form,
            "is_restored": form.is_bound and request.method != "POST",
            "is_outdated": is_outdated,
            "topic": form.data.get("topic", "") if form.is_bound else taken.topic if taken else "",
            "rows": rows,
            "seen": " ".join(f"{row.enrollment.student_id}{row.saved[0]}" for row in rows),
            "fills": SheetFillForm.base_fields["fill"].choices[: 3 if earlier else 2],
            "asks": not schedule.is_planned and not taken,
            "asks_reason": taken and needs_reason(request.user, held_on),
        },
    )


def _rows(batch, roll, form, recent, fills, *, is_open):
    """A `Row` for each student: as saved, or as the sheet is to be filled, or as who sent the form chose and typed.

    Who has no mark yet is present, and on an open sheet, where students check themselves in, absent.
    """
    unmarked = MarkStatus.ABSENT if is_open else MarkStatus.PRESENT
    expected = AttendanceRequirement.for_course(batch.course, Institute.objects.current())
    fill = fills.cleaned_data["fill"] if fills.is_valid() else ""
    rows = []
    for enrollment in roll:
        student_id = enrollment.student_id
        status = saved = STATUS_BY_VALUE.get(enrollment.marked, unmarked)
        before = recent.get(student_id, [])
        if fill:
            status = (
                ((before and before[-1]) or MarkStatus.PRESENT)
                if fill == "last"
                else MarkStatus(fill)
            )
        if student_id in form.statuses and form.is_own(student_id):
            status = form.statuses[student_id]
        own_note = student_id in form.notes and form.is_own_note(student_id)
        rows.append(
            SheetRow(
                enrollment,
                saved=saved,
                status=status,
                note=form.notes[student_id] if own_note else enrollment.noted or "",
                recent=before,
                tally=enrollment.tally,
                is_low=expected.is_short(enrollment.tally),
                note_error=form.note_errors.get(student_id, ""),
            )
        )
    return rows


def _compare(rows, form):
    """Say beside the rows what somebody else saved after the page of ``form`` was opened."""
    for row in rows:
        if not row.enrollment.marked:
            continue
        if row.status != row.saved or row.note != row.noted:
            note = f" (“{row.noted}”)" if row.noted and row.note != row.noted else ""
            words = f"Now saved: {row.saved.label}{note}. Save again to make it {row.status.label}."
            row.remarks.append(RowMessage(words, is_warning=True))
        elif form.seen(row.enrollment.student_id) not in (None, row.saved):
            row.remarks.append(RowMessage(f"{row.saved.label} since that save."))


def sheet_history(request, pk, held_on):
    batch = get_object_or_404(attendance_batches(request.user).select_related("course"), pk=pk)
    taken = get_object_or_404(
        Sheet.objects.select_related("taken_by"), batch=batch, held_on=held_on
    )
    saves = sheet_saves(taken)
    changes = MarkChange.objects.filter(mark__sheet=taken).select_related(
        "changed_by", "mark__student__user"
    )
    return render(
        request,
        "attendance/sheets/history.html",
        {
            "batch": batch,
            "held_on": held_on,
            "sheet": taken,
            "saves": saves if len(saves) > 1 else [],
            "changes": paginate(request, changes, {"when": ["changed_at"]}, default="-when"),
        },
    )


def _closed_day(request, batch, held_on, sentence, today):
    taken = Sheet.objects.select_related("taken_by").filter(batch=batch, held_on=held_on).first()
    earliest = max(first_editable_day(request.user, today) or batch.starts_on, batch.starts_on)
    return render(
        request,
        "attendance/sheets/closed.html",
        {
            "batch": batch,
            "held_on": held_on,
            "sentence": sentence,
            "sheet": taken,
            "rows": sheets.sheet_enrollments(batch, held_on, taken) if taken else [],
            "other_days": nearby_class_days(batch, held_on, earliest, today),
        },
    )


def sheet_go(request, pk):
    batch = get_object_or_404(attendance_batches(request.user), pk=pk)
    form = SheetDayForm(request.GET)
    if not form.is_valid():
        messages.error(request, "Choose a day that exists, like 24/11/2026.")
        return redirect("attendance:batch-attendance", pk)
    day, step = form.cleaned_data["on"], form.cleaned_data["step"]
    if step:
        found = adjacent_class_day(batch, day, forward=step == "next", last=timezone.localdate())
        if found is None:
            way = "after" if step == "next" else "before"
            messages.info(
                request, f"{batch} has no class {way} {format_date(day)} to take attendance of."
            )
        day = found or day
    return redirect("attendance:sheet", pk, day)
