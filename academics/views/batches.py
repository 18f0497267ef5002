from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from academics.exports import BATCH_STUDENT_COLUMNS, batch_columns
from academics.forms.batches import BatchFilter, BatchForm, StudentsFilter
from academics.models import Batch, ClassChange, Course, Enrollment
from academics.services.batches import save_batch
from academics.services.clashes import TimetableConflict
from academics.timetable import LOOK_AHEAD, Timetable
from accounts.roles import sees_whole_institute
from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.exports import requested_export
from coachmaster.core.forms import add_errors
from coachmaster.core.pagination import all_rows, paginate

#: How many days of coming classes, and how many changes of classes, the page of a batch shows.
COMING_DAYS, CHANGES_SHOWN = 14, 10


BATCH_SORTS = {
    "name": ["name"],
    "course": ["course__name", "name"],
    "starts": ["starts_on", "name"],
    "strength": ["strength", "name"],
}


def batch_list(request):
    today = timezone.localdate()
    visible = Batch.objects.visible_to(request.user)
    filters = BatchFilter(
        request.GET, batches=visible, by_instructor=sees_whole_institute(request.user)
    )
    listed = (request, filters.filter(visible, today).for_list(), BATCH_SORTS)
    if file := requested_export(
        request, "batches", batch_columns(request.user), all_rows(*listed, default="name")
    ):
        return file
    batches = paginate(*listed, default="name")
    return render(
        request,
        "academics/batches/list.html",
        {"batches": batches, "filters": filters, "today": today},
    )


def batch_detail(request, pk):
    batch = get_object_or_404(Batch.objects.visible_to(request.user).for_listing(), pk=pk)
    now = timezone.localtime()
    today = now.date()
    first = max(today, batch.starts_on)
    timetable = Timetable([batch], first, first + LOOK_AHEAD)
    return render(
        request,
        "academics/batches/detail.html",
        {
            "batch": batch,
            "today": today,
            "is_over": batch.is_over(today),
            "next_class": timetable.next_class(batch, now),
            "coming": [
                one for day in timetable.days(COMING_DAYS) for one in timetable.all_on(batch, day)
            ],
            "class_changes": _class_changes(batch)
            if request.user.has_perm("academics.view_classchange")
            else [],
        },
    )


def _class_changes(batch):
    """The last changes of single classes, newest first, those that were taken back too: rows of the history."""
    rows = (
        ClassChange.history.filter(batch=batch)
        .select_related("history_user")
        .order_by("-history_id")
    )
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
    if file := requested_export(
        request, name, BATCH_STUDENT_COLUMNS, all_rows(*listed, default="name")
    ):
        return file
    enrollments = paginate(*listed, default="name")
    return render(
        request,
        "academics/batches/students.html",
        {"batch": batch, "enrollments": enrollments, "filters": filters},
    )


def batch_create(request):
    if not Course.objects.filter(is_active=True).exists():
        messages.info(
            request, "A batch is of a course, and no course is active. Add the course first."
        )
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


@lock_on_post(Batch)
def batch_update(request, pk):
    batch = get_object_or_404(
        Batch.objects.visible_to(request.user).prefetch_related("class_times"), pk=pk
    )
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
        except TimetableConflict as error:
            clashes = error.messages
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(
                request,
                f"Batch {batch} saved." if page["submit"] == "Save" else f"Batch {batch} added.",
            )
            for clash in left:
                messages.warning(request, f"Saved all the same: {clash}")
            return redirect(batch)
    return render(
        request,
        "academics/batches/form.html",
        {"form": form, "rows": form.rows, "clashes": clashes, **page},
    )
