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
from coachmaster.core.forms import add_errors
from coachmaster.core.views import form_page, list_page

COMING_DAYS = 14
CHANGES_SHOWN = 10

BATCH_SORTS = {
    "name": ["name"],
    "course": ["course__name", "name"],
    "starts": ["starts_on", "name"],
    "strength": ["strength", "name"],
}
STUDENT_SORTS = {
    "name": ["student__user__full_name"],
    "admission": ["student__admission_number"],
    "enrolled": ["enrolled_on"],
    "status": ["status", "student__user__full_name"],
}


def batch_list(request):
    today = timezone.localdate()
    visible = Batch.objects.visible_to(request.user)
    by_instructor = sees_whole_institute(request.user)
    filters = BatchFilter(request.GET, batches=visible, by_instructor=by_instructor)
    return list_page(
        request,
        filters.filter(visible, today).for_list(),
        template="academics/batches/list.html",
        filters=filters,
        sorts=BATCH_SORTS,
        default_sort="name",
        export=batch_columns(request.user),
        filename="batches",
        context={"today": today},
    )


def batch_detail(request, pk):
    batches = Batch.objects.visible_to(request.user).with_class_times().with_strength()
    batch = get_object_or_404(batches, pk=pk)
    now = timezone.localtime()
    today = now.date()
    first = max(today, batch.starts_on)
    timetable = Timetable([batch], first, first + LOOK_AHEAD)
    coming = [
        scheduled
        for day in timetable.days(COMING_DAYS)
        for scheduled in timetable.all_on(batch, day)
    ]
    context = {
        "batch": batch,
        "today": today,
        "is_over": batch.is_over(today),
        "next_class": timetable.next_class(batch, now),
        "coming": coming,
    }
    if request.user.has_perm("academics.view_classchange"):
        context["class_changes"] = _class_changes(batch)
    return render(request, "academics/batches/detail.html", context)


def _class_changes(batch):
    records = ClassChange.history.filter(batch=batch).select_related("history_user")
    return list(records.order_by("-history_id")[:CHANGES_SHOWN])


def batch_students(request, pk):
    batch = get_object_or_404(Batch.objects.visible_to(request.user).with_strength(), pk=pk)
    filters = StudentsFilter(request.GET)
    enrollments = Enrollment.objects.visible_to(request.user).filter(batch=batch)
    return list_page(
        request,
        filters.filter(enrollments.select_related("student__user")),
        template="academics/batches/students.html",
        filters=filters,
        sorts=STUDENT_SORTS,
        default_sort="name",
        export=BATCH_STUDENT_COLUMNS,
        filename=f"students-of-{slugify(batch.code or batch.name) or batch.pk}",
        context={"batch": batch},
    )


def batch_create(request):
    if not Course.objects.filter(is_active=True).exists():
        messages.info(request, "A batch needs an active course. Add the course first.")
        return redirect("academics:course-create")
    return _batch_form(
        request,
        Batch(),
        initial={"course": request.GET.get("course")},
        message="Batch {} added.",
        title="Add batch",
        submit="Add batch",
        back=reverse("academics:batch-list"),
        back_label="Batches",
    )


@lock_on_post(Batch)
def batch_update(request, pk):
    batches = Batch.objects.visible_to(request.user).prefetch_related("class_times")
    batch = get_object_or_404(batches, pk=pk)
    return _batch_form(
        request,
        batch,
        message="Batch {} saved.",
        title=f"Edit {batch}",
        back=batch.get_absolute_url(),
        back_label=str(batch),
    )


def _batch_form(request, batch, *, message, initial=None, **page):
    slots = batch.slots if batch.pk else []
    form = BatchForm(
        request.POST or None, user=request.user, instance=batch, initial=initial, slots=slots
    )
    clashes = []
    if request.method == "POST" and all([form.is_valid(), form.rows.is_valid()]):
        is_confirmed = form.cleaned_data["despite_clash"] or not form.may_add_clashes
        try:
            remaining = save_batch(
                form.instance, form.rows.slots, despite_clash=is_confirmed, by=request.user
            )
        except TimetableConflict as error:
            clashes = error.messages
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, message.format(batch))
            for clash in remaining:
                messages.warning(request, f"Saved despite a clash: {clash}")
            return redirect(batch)
    return form_page(
        request,
        form,
        template="academics/batches/form.html",
        context={"rows": form.rows, "clashes": clashes},
        **page,
    )
