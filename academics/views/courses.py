"""Courses, batches, enrollments, the institute and its holidays: fetch, decide, render."""

from django.contrib import messages
from django.db.models import Count, Q
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from academics.exports import course_columns
from academics.forms.courses import CourseFilter, CourseForm
from academics.models import Batch, Course, Enrollment
from accounts.roles import sees_whole_institute
from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.pagination import paginate
from coachmaster.core.views import form_page, list_page

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
    return list_page(
        request,
        filters.filter(Course.objects.for_listing(today)),
        template="academics/courses/list.html",
        filters=filters,
        sorts=COURSE_SORTS,
        default_sort="name",
        export=course_columns(request.user),
        filename="courses",
    )


def course_detail(request, pk):
    course = get_object_or_404(Course, pk=pk)
    today = timezone.localdate()
    batches = Batch.objects.visible_to(request.user).filter(course=course)
    number = batches.aggregate(in_all=Count("pk"), over=Count("pk", filter=Q(ends_on__lt=today)))
    going_on = batches.not_over(today).for_listing()
    sorts, total = {"starts": ["starts_on", "name"]}, number["in_all"] - number["over"]
    page = paginate(request, going_on, sorts, default="starts", total=total)
    return render(
        request,
        "academics/courses/detail.html",
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
    return form_page(
        request,
        form,
        title="Add a course",
        submit="Add course",
        back=reverse("academics:course-list"),
        back_label="Courses",
    )


@lock_on_post(Course)
def course_update(request, pk):
    course = get_object_or_404(Course, pk=pk)
    title, back_label = f"Edit {course}", str(course)
    form = CourseForm(request.POST or None, instance=course)
    if form.is_valid():
        form.save()
        messages.success(request, f"Course {course} saved.{_what_stays(form)}")
        return redirect(course)
    return form_page(
        request,
        form,
        title=title,
        back=course.get_absolute_url(),
        back_label=back_label,
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
