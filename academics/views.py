"""Courses, batches, enrollments, the institute and its holidays: fetch, decide, render."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import student_or_404
from accounts.roles import sees_whole_institute
from coachmaster.core.concurrency import one_at_a_time
from coachmaster.core.dates import day_words
from coachmaster.core.exports import list_file
from coachmaster.core.forms import show_refusal
from coachmaster.core.history import changes
from coachmaster.core.pagination import every_row, listing

from .calendar import LOOK_AHEAD, Timetable
from .forms import (
    BatchFilter,
    BatchForm,
    CourseFilter,
    CourseForm,
    HolidayDeleteForm,
    HolidayFilter,
    HolidayForm,
    InstituteForm,
    StudentsFilter,
)
from .models import Batch, ClassChange, Course, Enrollment, Holiday, Institute
from .services import Clashes, add_holidays, change_holidays, holiday_run, kept_sheets_words, save_batch, save_institute
from .tables import HOLIDAYS, STUDENTS_OF_BATCH, batch_columns, course_columns

#: How many days of coming classes, and how many changes of classes, the page of a batch shows.
COMING_DAYS, CHANGES_SHOWN = 14, 10

# Courses --------------------------------------------------------------------------------------------------------


COURSE_SORTS = {
    "name": ["name"],
    "code": ["code"],
    "fee": ["total_fee"],
    "batches": ["running_batches"],
    "students": ["active_students"],
}


def course_list(request):
    filters = CourseFilter(request.GET)
    today = timezone.localdate()
    listed = (request, filters.filter(Course.objects.for_listing(today)), COURSE_SORTS)
    if file := list_file(request, "courses", course_columns(request.user), every_row(*listed, default="name")):
        return file
    courses = listing(*listed, default="name")
    return render(request, "academics/course_list.html", {"courses": courses, "filters": filters})


def course_detail(request, pk):
    course = get_object_or_404(Course, pk=pk)
    today = timezone.localdate()
    batches = Batch.objects.visible_to(request.user).filter(course=course)
    number = batches.aggregate(in_all=Count("pk"), over=Count("pk", filter=Q(ends_on__lt=today)))
    going_on = batches.not_over(today).for_listing()
    sorts, total = {"starts": ["starts_on", "name"]}, number["in_all"] - number["over"]
    page = listing(request, going_on, sorts, default="starts", total=total)
    return render(
        request,
        "academics/course_detail.html",
        {
            "course": course,
            "plans": course.fee_plans.order_by("-is_active", "name").prefetch_related("parts"),
            "batches": page,
            "batches_over": number["over"],
            "active_students": Enrollment.objects.active().filter(batch__course=course).count()
            if sees_whole_institute(request.user)
            else None,
            "today": today,
        },
    )


def course_create(request):
    form = CourseForm(request.POST or None)
    if form.is_valid():
        course = form.save()
        messages.success(request, f"Course {course} added.")
        return redirect(course)
    return render(
        request,
        "_form_page.html",
        {
            "form": form,
            "heading": "Add a course",
            "submit": "Add course",
            "back": reverse("academics:course-list"),
            "back_label": "Courses",
        },
    )


@one_at_a_time(Course)
def course_update(request, pk):
    course = get_object_or_404(Course, pk=pk)
    heading, back_label = f"Edit {course}", str(course)
    form = CourseForm(request.POST or None, instance=course)
    if form.is_valid():
        form.save()
        messages.success(request, f"Course {course} saved.{_what_stays(form)}")
        return redirect(course)
    return render(
        request,
        "_form_page.html",
        {"form": form, "heading": heading, "back": course.get_absolute_url(), "back_label": back_label},
    )


def _what_stays(form):
    """What a change of a course leaves as it is, as sentences."""
    course, words = form.instance, ""
    if "total_fee" in form.changed_data:
        enrolled = Enrollment.objects.active().filter(batch__course=course).count()
        if enrolled:
            keep = "1 active one keeps" if enrolled == 1 else f"{enrolled} active ones keep"
            words += f" The new fee is for new enrollments; {keep} the fee agreed."
    if "is_active" in form.changed_data and not course.is_active:
        going_on = course.batches.not_over(timezone.localdate()).count()
        if going_on:
            go_on = (
                "1 running or upcoming batch goes on"
                if going_on == 1
                else f"{going_on} running or upcoming batches go on"
            )
            words += f" {go_on}; no new ones are offered."
    return words


# Batches --------------------------------------------------------------------------------------------------------


BATCH_SORTS = {
    "name": ["name"],
    "course": ["course__name", "name"],
    "starts": ["starts_on", "name"],
    "strength": ["strength", "name"],
}


def batch_list(request):
    today = timezone.localdate()
    visible = Batch.objects.visible_to(request.user)
    filters = BatchFilter(request.GET, batches=visible, by_instructor=sees_whole_institute(request.user))
    listed = (request, filters.filter(visible, today).for_list(), BATCH_SORTS)
    if file := list_file(request, "batches", batch_columns(request.user), every_row(*listed, default="name")):
        return file
    batches = listing(*listed, default="name")
    return render(request, "academics/batch_list.html", {"batches": batches, "filters": filters, "today": today})


def batch_detail(request, pk):
    batch = get_object_or_404(Batch.objects.visible_to(request.user).for_listing(), pk=pk)
    now = timezone.localtime()
    today = now.date()
    first = max(today, batch.starts_on)
    timetable = Timetable([batch], first, first + LOOK_AHEAD)
    return render(
        request,
        "academics/batch_detail.html",
        {
            "batch": batch,
            "today": today,
            "is_over": batch.is_over(today),
            "next_class": timetable.next_class(batch, now),
            "coming": [one for day in timetable.days(COMING_DAYS) for one in timetable.all_on(batch, day)],
            "class_changes": _class_changes(batch) if request.user.has_perm("academics.view_classchange") else [],
        },
    )


def _class_changes(batch):
    """The last changes of single classes, newest first, those that were taken back too: rows of the history."""
    rows = ClassChange.history.filter(batch=batch).select_related("history_user").order_by("-history_id")
    return list(rows[:CHANGES_SHOWN])


STUDENTS_SORTS = {
    "name": ["student__user__full_name"],
    "admission": ["student__admission_number"],
    "enrolled": ["enrolled_on"],
    "status": ["status", "student__user__full_name"],
}


def batch_students(request, pk):
    batch = get_object_or_404(Batch.objects.visible_to(request.user).with_strength(), pk=pk)
    filters = StudentsFilter(request.GET)
    enrollments = Enrollment.objects.filter(batch=batch).select_related("student__user")
    listed = (request, filters.filter(enrollments), STUDENTS_SORTS)
    name = f"students-of-{slugify(batch.code or batch.name) or batch.pk}"
    if file := list_file(request, name, STUDENTS_OF_BATCH, every_row(*listed, default="name")):
        return file
    enrollments = listing(*listed, default="name")
    return render(
        request, "academics/batch_students.html", {"batch": batch, "enrollments": enrollments, "filters": filters}
    )


def batch_create(request):
    if not Course.objects.filter(is_active=True).exists():
        messages.info(request, "A batch is of a course, and no course is active. Add the course first.")
        return redirect("academics:course-create")
    return _batch_form(
        request,
        Batch(),
        initial={"course": request.GET.get("course")},
        heading="Add a batch",
        submit="Add batch",
        back=reverse("academics:batch-list"),
        back_label="Batches",
    )


@one_at_a_time(Batch)
def batch_update(request, pk):
    batch = get_object_or_404(Batch.objects.visible_to(request.user).prefetch_related("class_times"), pk=pk)
    return _batch_form(
        request,
        batch,
        heading=f"Edit {batch}",
        submit="Save",
        back=batch.get_absolute_url(),
        back_label=str(batch),
    )


def _batch_form(request, batch, *, initial=None, **page):
    """The form of a batch and its class times, saved when everything in it is right."""
    slots = batch.slots if batch.pk else []
    form = BatchForm(request.POST or None, instance=batch, initial=initial, slots=slots)
    clashes = []
    if request.method == "POST" and all([form.is_valid(), form.rows.is_valid()]):
        try:
            was_seen = form.cleaned_data["despite_clash"] or not form.can_clash_anew
            left = save_batch(form.instance, form.rows.slots, despite_clash=was_seen)
        except Clashes as error:
            clashes = error.messages
        except ValidationError as error:
            show_refusal(form, error)
        else:
            messages.success(request, f"Batch {batch} saved." if page["submit"] == "Save" else f"Batch {batch} added.")
            for clash in left:
                messages.warning(request, f"Saved all the same: {clash}")
            return redirect(batch)
    return render(request, "academics/batch_form.html", {"form": form, "rows": form.rows, "clashes": clashes, **page})


# Enrollments ----------------------------------------------------------------------------------------------------


def student_enrollment(request, pk):
    """A student's enrollments. The acts on them are pages of `finance`, since money follows them."""
    student = student_or_404(request.user, pk)
    enrollments = Enrollment.objects.visible_to(request.user).filter(student=student).latest_first()
    enrollments = enrollments.prefetch_related("batch__class_times")
    can_change = request.user.has_perm("academics.change_enrollment")
    return render(
        request,
        "academics/student_enrollment.html",
        {
            "student": student,
            "current": [enrollment for enrollment in enrollments if enrollment.is_active],
            "earlier": [enrollment for enrollment in enrollments if not enrollment.is_active],
            "changes": changes(Enrollment.history.filter(student=student), limit=10) if can_change else [],
            "today": timezone.localdate(),
        },
    )


# The institute and its holidays ---------------------------------------------------------------------------------


@one_at_a_time(Institute, pk=Institute.ONLY)
def institute(request):
    form = InstituteForm(request.POST or None, instance=Institute.objects.current())
    if form.is_valid():
        try:
            save_institute(form.instance)
        except ValidationError as error:
            show_refusal(form, error)
        else:
            messages.success(request, "Settings of the institute saved.")
            return redirect("academics:institute")
    return render(
        request,
        "academics/institute.html",
        {
            "form": form,
            "heading": "Institute",
            "submit": "Save settings",
            "changes": changes(Institute.history.all(), limit=10),
        },
    )


def holiday_list(request):
    today = timezone.localdate()
    filters = HolidayFilter(request.GET, holidays=Holiday.objects, this_year=today.year)
    listed = (request, filters.filter(Holiday.objects.all()), {"date": ["day"], "name": ["name", "day"]})
    if file := list_file(request, "holidays", HOLIDAYS, every_row(*listed, default="date")):
        return file
    holidays = listing(*listed, default="date")
    return render(request, "academics/holiday_list.html", {"holidays": holidays, "filters": filters, "today": today})


def holiday_create(request):
    form = HolidayForm(request.POST or None)
    if form.is_valid():
        try:
            added = add_holidays(**form.cleaned_data)
        except ValidationError as error:
            show_refusal(form, error)
        else:
            _say_what_was_added(request, form.cleaned_data["name"], added)
            return redirect("academics:holiday-list")
    return render(
        request,
        "_form_page.html",
        {
            "form": form,
            "heading": "Add a holiday",
            "lead": "No batch has class on a holiday, and no attendance is taken.",
            "submit": "Add holiday",
            "back": reverse("academics:holiday-list"),
            "back_label": "Holidays",
        },
    )


@one_at_a_time(Institute, pk=Institute.ONLY)
def holiday_update(request, pk):
    run = holiday_run(get_object_or_404(Holiday, pk=pk))
    holiday, last = run[0], run[-1].day if len(run) > 1 else None
    form = HolidayForm(request.POST or None, initial={"name": holiday.name, "first": holiday.day, "last": last})
    if form.is_valid():
        try:
            changed = change_holidays(run, **form.cleaned_data)
        except ValidationError as error:
            show_refusal(form, error)
        else:
            words = _days_words(form.cleaned_data["first"], form.cleaned_data["last"])
            messages.success(request, f"Holiday {form.cleaned_data['name']} saved: {words}.")
            if changed.sheets:
                messages.warning(request, kept_sheets_words(changed.sheets))
            return redirect("academics:holiday-list")
    return render(
        request,
        "_form_page.html",
        {
            "form": form,
            "heading": f"Edit the holiday {holiday.name}",
            "lead": f"{_days_words(holiday.day, last)}." if last else "",
            "back": reverse("academics:holiday-list"),
            "back_label": "Holidays",
        },
    )


def _days_words(first, last=None):
    """`8 Nov 2026`, or `8 Nov 2026 to 11 Nov 2026, 4 days`."""
    number = (last - first).days + 1 if last else 1
    return f"{day_words(first)} to {day_words(last)}, {number} days" if number > 1 else day_words(first)


def _say_what_was_added(request, name, added):
    days = day_words(added.new[0])
    if len(added.new) > 1:
        days += f" to {day_words(added.new[-1])}, {len(added.new)} days"
    messages.success(request, f"Holiday {name} added: {days}.")
    if added.known:
        days = ", ".join(map(day_words, added.known))
        messages.info(request, f"Already a holiday, under the name it has: {days}.")
    if added.sheets:
        messages.warning(request, kept_sheets_words(added.sheets))


def holiday_delete(request, pk):
    holiday = get_object_or_404(Holiday, pk=pk)
    run = holiday_run(holiday)
    form = HolidayDeleteForm(request.POST if request.method == "POST" else None, number=len(run))
    if form.is_valid():
        gone = run if form.cleaned_data.get("all_days") else [holiday]
        Holiday.objects.filter(pk__in=[one.pk for one in gone]).delete()
        days = _days_words(gone[0].day, gone[-1].day)
        messages.success(request, f"Holiday {holiday.name} deleted: {days}. Batches have class again.")
        return redirect("academics:holiday-list")
    return render(
        request,
        "_form_page.html",
        {
            "form": form,
            "heading": f"Delete the holiday {holiday.name}?",
            "lead": f"Batches will have class on {day_words(holiday.day)} as on any other {holiday.day:%A}.",
            "submit": "Delete holiday",
            "back": reverse("academics:holiday-list"),
            "back_label": "Holidays",
        },
    )
