"""Sheets, registers and percentages: fetch, decide, render."""

import datetime
from dataclasses import dataclass, field

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from academics.models import Enrollment, Institute
from accounts.roles import sees_whole_institute
from accounts.scopes import scope_of
from accounts.views.session_expired import comes_back, typed_before
from coachmaster.core.dates import day_words, month_end, months_between
from coachmaster.core.exports import asked_form, list_file, table_answer
from coachmaster.core.pagination import ROWS_A_PAGE, Listing, listing, listing_of

from . import missing, reports, services
from .forms import DayFilter, FillForm, GoForm, MissingFilter, MonthForm, RegisterForm, SheetForm
from .models import STATUS_OF, Expected, MarkChange, Sheet, Status, Tally
from .tables import CLASSES, MARKS

# The sheet -------------------------------------------------------------------------------------------------------


@dataclass
class Remark:
    """What is to be said beside a student of what is saved."""

    words: str
    is_warning: bool = False


@dataclass
class Row:
    """One student on the page of a sheet."""

    enrollment: Enrollment
    #: What is saved; what a page that is not saved yet starts from.
    saved: Status
    status: Status
    note: str
    #: The marks of the last sheets before this one, the oldest first.
    recent: list[Status | None]
    tally: Tally
    is_low: bool
    note_error: str = ""
    remarks: list[Remark] = field(default_factory=list)

    @property
    def last(self):
        """The mark of the last sheet before this one, or ""."""
        return (self.recent and self.recent[-1]) or ""

    @property
    def noted(self):
        """The note that is saved."""
        return self.enrollment.noted or ""


@comes_back
def sheet(request, pk, held_on):
    batch = services.batch_to_mark(request.user, pk)
    today, plan = timezone.localdate(), services.plan_of(batch, held_on)
    if sentence := services.why_not(batch, held_on, today=today, plan=plan, user=request.user):
        return _closed_day(request, batch, held_on, sentence, today)
    if request.method != "POST":
        return _sheet_page(request, batch, held_on, SheetForm(typed_before(request)), plan)
    form = SheetForm(request.POST)
    if form.is_valid():
        try:
            saved = services.take_attendance(
                batch=batch,
                held_on=held_on,
                statuses=form.statuses,
                notes=form.notes,
                by=request.user,
                version=form.cleaned_data["version"],
                topic=form.cleaned_data["topic"],
                confirmed_unplanned=form.cleaned_data["confirmed"] or plan.is_planned,
                whole_roll=True,
                reason=form.cleaned_data["reason"],
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(
                request,
                f"Attendance of {batch} on {day_words(held_on)} saved: {Tally.of(form.statuses.values()).words}.",
            )
            if request.headers.get("X-Requested-With") == "fetch":
                return JsonResponse({"saved": saved.sheet.get_absolute_url()})
            return redirect(saved.sheet)
    return _sheet_page(request, batch, held_on, form, plan)


def _sheet_page(request, batch, held_on, form, plan):
    taken, earlier = reports.sheets_up_to(batch, held_on)
    version = taken.version if taken else 0
    roll = services.roll(batch, held_on, taken)
    is_open = taken is not None and taken.is_open
    rows = _rows(batch, roll, form, reports.marks_on(earlier), FillForm(request.GET), is_open=is_open)
    is_outdated = form.is_bound and form.data.get("version") != str(version)
    if is_outdated:
        _compare(rows, form)
    for row in rows:
        if taken and not row.enrollment.mark_id:
            row.remarks.append(Remark("Has not checked in." if is_open else "Not on the saved sheet yet."))
    return render(
        request,
        "attendance/sheet.html",
        {
            "batch": batch,
            "held_on": held_on,
            "today": timezone.localdate(),
            "sheet": taken,
            "version": version,
            "form": form,
            "is_put_back": form.is_bound and request.method != "POST",
            "is_outdated": is_outdated,
            "topic": form.data.get("topic", "") if form.is_bound else taken.topic if taken else "",
            "rows": rows,
            "seen": " ".join(f"{row.enrollment.student_id}{row.saved[0]}" for row in rows),
            "fills": FillForm.base_fields["fill"].choices[: 3 if earlier else 2],
            "asks": not plan.is_planned and not taken,
            "asks_reason": taken and services.asks_reason(request.user, held_on),
        },
    )


def _rows(batch, roll, form, recent, fills, *, is_open):
    """A `Row` for each student: as saved, or as the sheet is to be filled, or as who sent the form chose and typed.

    Who has no mark yet is present, and on an open sheet, where students check themselves in, absent.
    """
    unmarked = Status.ABSENT if is_open else Status.PRESENT
    expected = Expected.of(batch.course, Institute.objects.current())
    fill = fills.cleaned_data["fill"] if fills.is_valid() else ""
    rows = []
    for enrollment in roll:
        student_id = enrollment.student_id
        status = saved = STATUS_OF.get(enrollment.marked, unmarked)
        before = recent.get(student_id, [])
        if fill:
            status = ((before and before[-1]) or Status.PRESENT) if fill == "last" else Status(fill)
        if student_id in form.statuses and form.is_own(student_id):
            status = form.statuses[student_id]
        own_note = student_id in form.notes and form.is_own_note(student_id)
        rows.append(
            Row(
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
            row.remarks.append(Remark(words, is_warning=True))
        elif form.seen(row.enrollment.student_id) not in (None, row.saved):
            row.remarks.append(Remark(f"{row.saved.label} since that save."))


def sheet_history(request, pk, held_on):
    batch = get_object_or_404(services.batches_kept_by(request.user).select_related("course"), pk=pk)
    taken = get_object_or_404(Sheet.objects.select_related("taken_by"), batch=batch, held_on=held_on)
    saves = reports.saves_of(taken)
    changes = MarkChange.objects.filter(mark__sheet=taken).select_related("changed_by", "mark__student__user")
    return render(
        request,
        "attendance/sheet_history.html",
        {
            "batch": batch,
            "held_on": held_on,
            "sheet": taken,
            "saves": saves if len(saves) > 1 else [],
            "changes": listing(request, changes, {"when": ["changed_at"]}, default="-when"),
        },
    )


def _closed_day(request, batch, held_on, sentence, today):
    taken = Sheet.objects.select_related("taken_by").filter(batch=batch, held_on=held_on).first()
    earliest = max(services.first_open_day(request.user, today) or batch.starts_on, batch.starts_on)
    return render(
        request,
        "attendance/sheet_closed.html",
        {
            "batch": batch,
            "held_on": held_on,
            "sentence": sentence,
            "sheet": taken,
            "rows": services.roll(batch, held_on, taken) if taken else [],
            "other_days": reports.class_days_near(batch, held_on, earliest, today),
        },
    )


def sheet_go(request, pk):
    batch = get_object_or_404(services.batches_kept_by(request.user), pk=pk)
    form = GoForm(request.GET)
    if not form.is_valid():
        messages.error(request, "Choose a day that exists, like 24/11/2026.")
        return redirect("attendance:batch-attendance", pk)
    day, step = form.cleaned_data["on"], form.cleaned_data["step"]
    if step:
        found = reports.class_day_beside(batch, day, forward=step == "next", last=timezone.localdate())
        if found is None:
            way = "after" if step == "next" else "before"
            messages.info(request, f"{batch} has no class {way} {day_words(day)} to take attendance of.")
        day = found or day
    return redirect("attendance:sheet", pk, day)


# The register of a batch ----------------------------------------------------------------------------------------


def register(request, pk):
    """A month, or the days of `?from=&to=`; with `?as=csv` or `?as=xlsx` as a file."""
    batch = reports.batch_of_register(request.user, pk)
    today = timezone.localdate()
    last = min(batch.ends_on or today, today)
    months = MonthForm(request.GET, months=months_between(min(batch.starts_on, last), last))
    form = RegisterForm(request.GET, first=months.first, last=min(last, month_end(months.first)))
    first, last = form.range
    found = reports.register(batch, first, min(last, today))
    if file := asked_form(request):
        name = f"attendance-{batch.code or batch.pk}-{first}-{last}"
        return table_answer(name, reports.register_columns(found), found.rows, form=file)
    return render(
        request,
        "attendance/register.html",
        {
            "batch": batch,
            "months": months,
            "form": form,
            "asks_range": bool(request.GET.get("from") or request.GET.get("to")),
            "first": first,
            "last": last,
            "today": today,
            "register": found,
            "since_it_began": batch.since_it_began,
            "first_open_day": services.first_open_day(request.user, today),
            "today_is_open": batch.is_running(today),
        },
    )


# A student's attendance -----------------------------------------------------------------------------------------


def student_attendance(request, pk):
    student = services.student_seen_by(request.user, pk)
    today = timezone.localdate()
    enrollments = reports.enrollments_with_tally(student, request.user)
    months = MonthForm(request.GET, months=reports.months_of(enrollments, today))
    batches = sorted({enrollment.batch_id for enrollment in enrollments})
    marks = reports.marks_of_month(student, request.user, batches, months.first) if months.first else []
    if file := list_file(request, f"attendance-{student.admission_number}", MARKS, marks):
        return file
    tally = sum((enrollment.tally for enrollment in enrollments), Tally())
    return render(
        request,
        "attendance/student_attendance.html",
        {
            "student": student,
            "today": today,
            "enrollments": [enrollment for enrollment in enrollments if enrollment.tally.total],
            "tally": tally,
            "is_low": any(enrollment.is_short for enrollment in enrollments),
            "months": months,
            "weeks": reports.calendar_of(months.first, marks) if months.first else [],
            "marks": marks[::-1],
            "of_month": Tally.of(mark.status for mark in marks),
        },
    )


# The classes of a day -------------------------------------------------------------------------------------------


def day(request):
    today = timezone.localdate()
    filters = DayFilter(request.GET, today=today)
    on, show = filters.day, filters.value("show")
    classes = reports.classes_on(on, scope_of(request.user))
    shown = [one for one in classes if not show or one.is_taken == (show == "taken")]
    if form := asked_form(request):
        return table_answer(f"classes-of-{on}-{today}", CLASSES, shown, form=form)
    return render(
        request,
        "attendance/day.html",
        {
            "filters": filters,
            "on": on,
            "today": today,
            "show": show,
            "classes": listing_of(request, shown, {"time": reports.ClassDay.by_time}, default="time"),
            "taken": sum(one.is_taken for one in classes),
            "total": len(classes),
            "previous": on - datetime.timedelta(days=1),
            "next": on + datetime.timedelta(days=1),
        },
    )


def missing_list(request):
    sees_all, usual = sees_whole_institute(request.user), missing.days_back()
    days = missing.MOST_DAYS if sees_all and request.GET.get("back") == "most" else usual
    rows = missing.to_see_to(request.user, days=days)
    choices = {"by_instructor": missing.by_instructor(rows), "days": usual, "most_days": missing.MOST_DAYS}
    filters = MissingFilter(request.GET, **choices) if sees_all else None
    shown = filters.filter(rows) if filters else rows
    if file := list_file(request, "registers-not-taken", missing.COLUMNS, shown):
        return file
    page = Paginator(shown, ROWS_A_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "attendance/missing.html",
        {"filters": filters, "days": days, "missing": Listing(page, sort=""), "in_all": len(rows)},
    )
