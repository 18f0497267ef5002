"""Sheets, registers and percentages: fetch, decide, render."""

import datetime
from dataclasses import dataclass, field

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from academics.models import Enrollment, Institute
from coachmaster.ground.days import day_words, month_start
from coachmaster.ground.listing import ROWS_A_PAGE, Listing, listing

from . import reports, services
from .forms import DayFilter, GoForm, MonthFilter, RegisterForm, SheetForm
from .models import Mark, MarkChange, Sheet, Status, Tally

# The sheet -------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """One student on the page of a sheet."""

    enrollment: Enrollment
    status: str
    #: What is saved now, where that is not what this page says.
    now_saved: str = ""
    changes: list[MarkChange] = field(default_factory=list)

    @property
    def student(self):
        """Whom it is about."""
        return self.enrollment.student

    @property
    def key(self):
        """What ids in the page end with."""
        return str(self.enrollment.student_id)

    @property
    def label(self):
        """The mark in words."""
        return Status(self.status).label


def sheet(request, pk, held_on):
    batch = get_object_or_404(services.batches_kept_by(request.user).as_of(held_on), pk=pk)
    today = timezone.localdate()
    if sentence := services.why_not(batch, held_on, today=today, user=request.user):
        return _closed_day(request, batch, held_on, sentence, today)
    if request.method != "POST":
        return _sheet_page(request, batch, held_on, SheetForm(), today)
    form = SheetForm(request.POST)
    if form.is_valid():
        try:
            saved = services.take_attendance(
                batch=batch,
                held_on=held_on,
                statuses=form.statuses,
                by=request.user,
                version=form.cleaned_data["version"],
                topic=form.cleaned_data["topic"],
                confirmed_unplanned=form.cleaned_data["confirmed"],
                whole_roll=True,
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(
                request,
                f"Attendance of {batch} on {day_words(held_on)} saved: {Tally.of(form.statuses.values()).words}.",
            )
            return redirect(saved.sheet)
    return _sheet_page(request, batch, held_on, form, today)


def _sheet_page(request, batch, held_on, form, today):
    taken = Sheet.objects.select_related("taken_by").filter(batch=batch, held_on=held_on).first()
    version = taken.version if taken else 0
    changes = _changes(taken)
    rows = []
    for enrollment in services.roll(batch, held_on):
        marked = enrollment.marked or Status.PRESENT.value
        row = Row(enrollment, form.statuses.get(enrollment.student_id, marked), changes=changes.get(enrollment.mark_id))
        if form.is_bound and enrollment.marked and row.status != marked and form.data.get("version") != str(version):
            row.now_saved = Status(marked).label
        rows.append(row)
    return render(
        request,
        "attendance/sheet.html",
        {
            "batch": batch,
            "held_on": held_on,
            "today": today,
            "sheet": taken,
            "version": version,
            "form": form,
            "topic": form.data.get("topic", "") if form.is_bound else taken.topic if taken else "",
            "rows": rows,
            "asks": not batch.is_planned and not taken,
        },
    )


def _changes(taken):
    """The corrections of a sheet by mark, the newest first; a sheet saved once has none."""
    found = {}
    if taken and taken.version > 1:
        for change in MarkChange.objects.filter(mark__sheet=taken).select_related("changed_by"):
            found.setdefault(change.mark_id, []).append(change)
    return found


def _closed_day(request, batch, held_on, sentence, today):
    taken = Sheet.objects.select_related("taken_by").filter(batch=batch, held_on=held_on).with_tally().first()
    earliest = max(services.first_open_day(request.user, today) or batch.starts_on, batch.starts_on)
    return render(
        request,
        "attendance/sheet_closed.html",
        {
            "batch": batch,
            "held_on": held_on,
            "sentence": sentence,
            "sheet": taken,
            "rows": services.roll(batch, held_on) if taken else [],
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
    batch = get_object_or_404(services.batches_kept_by(request.user).with_class_times(), pk=pk)
    today = timezone.localdate()
    last = min(batch.ends_on or today, today)
    form = RegisterForm(request.GET, first=month_start(last), last=last)
    first, last = form.range
    low = Institute.objects.for_page_heads().low_attendance_percent
    return render(
        request,
        "attendance/register.html",
        {
            "batch": batch,
            "form": form,
            "first": first,
            "last": last,
            "today": today,
            "register": reports.register(batch, first, min(last, today), low=low),
            "first_open_day": services.first_open_day(request.user, today),
            "today_is_open": batch.is_running(today),
        },
    )


# A student's attendance -----------------------------------------------------------------------------------------


def student_attendance(request, pk):
    student = services.student_seen_by(request.user, pk)
    enrollments = reports.enrollments_with_tally(Enrollment.objects.visible_to(request.user).filter(student=student))
    filters = MonthFilter(request.GET, months=reports.months_of(enrollments, timezone.localdate()))
    marks = Mark.objects.visible_to(request.user).filter(student=student).select_related("sheet__batch__course")
    low = Institute.objects.for_page_heads().low_attendance_percent
    tally = sum((enrollment.tally for enrollment in enrollments), Tally())
    return render(
        request,
        "attendance/student_attendance.html",
        {
            "student": student,
            "enrollments": [enrollment for enrollment in enrollments if enrollment.tally.total],
            "tally": tally,
            "is_low": tally.is_below(low),
            "low": low,
            "filters": filters,
            "marks": listing(request, filters.filter(marks), {"date": ["sheet__held_on"]}, default="-date"),
        },
    )


# The classes of a day -------------------------------------------------------------------------------------------


def day(request):
    today = timezone.localdate()
    filters = DayFilter(request.GET, today=today)
    on, show = filters.day, filters.value("show")
    batches = services.batches_kept_by(request.user)
    context = {"filters": filters, "on": on, "today": today, "show": show}
    if show == "missing":
        days = Institute.objects.for_page_heads().attendance_edit_days
        missing = reports.missing_sheets(batches, today - datetime.timedelta(days=days), today - datetime.timedelta(1))
        page = Paginator(missing, ROWS_A_PAGE).get_page(request.GET.get("page"))
        return render(request, "attendance/missing.html", {**context, "days": days, "missing": Listing(page, sort="")})
    classes = reports.classes_on(on, batches)
    wanted = [one for one in classes if not show or one.is_taken == (show == "taken")]
    return render(
        request,
        "attendance/day.html",
        {
            **context,
            "classes": wanted,
            "taken": sum(one.is_taken for one in classes),
            "total": len(classes),
            "previous": on - datetime.timedelta(days=1),
            "next": on + datetime.timedelta(days=1),
        },
    )
