from django.contrib import messages
from django.db.models import Count, Q
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone

from academics.exports import course_columns
from academics.forms.courses import CourseFilter, CourseForm
from academics.models import Batch, Course, Enrollment
from accounts.roles import sees_whole_institute
from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.views import form_page, list_page

COURSE_SORTS = {
    "name": ["name"],
    "code": ["code"],
    "fee": ["total_fee"],
}
COUNT_SORTS = {"batches": ["running_batches"], "students": ["active_students"]}


def course_list(request):
    filters = CourseFilter(request.GET)
    courses, sorts = Course.objects.all(), COURSE_SORTS
    if sees_whole_institute(request.user):
        courses, sorts = courses.with_counts(timezone.localdate()), {**sorts, **COUNT_SORTS}
    return list_page(
        request,
        filters.filter(courses),
        template="academics/courses/list.html",
        filters=filters,
        sorts=sorts,
        default_sort="name",
        export=course_columns(request.user),
        filename="courses",
    )


def course_detail(request, pk):
    course = get_object_or_404(Course, pk=pk)
    today = timezone.localdate()
    batches = Batch.objects.visible_to(request.user).filter(course=course)
    number = batches.aggregate(total=Count("pk"), over=Count("pk", filter=Q(ends_on__lt=today)))
    context = {
        "course": course,
        "plans": course.fee_plans.order_by("-is_active", "name").prefetch_related("parts"),
        "batches_over": number["over"],
        "today": today,
    }
    if sees_whole_institute(request.user):
        enrollments = Enrollment.objects.active().filter(batch__course=course)
        context["active_students"] = enrollments.count()
    return list_page(
        request,
        batches.not_over(today).for_list(),
        template="academics/courses/detail.html",
        sorts={"starts": ["starts_on", "name"]},
        default_sort="starts",
        total=number["total"] - number["over"],
        context=context,
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
        title="Add course",
        submit="Add course",
        back=reverse("academics:course-list"),
        back_label="Courses",
    )


@lock_on_post(Course)
def course_update(request, pk):
    course = get_object_or_404(Course, pk=pk)
    name = str(course)
    form = CourseForm(request.POST or None, instance=course)
    if form.is_valid():
        form.save()
        notes = _unchanged(form, request.user)
        messages.success(request, " ".join([f"Course {course} saved.", *notes]))
        return redirect(course)
    return form_page(
        request, form, title=f"Edit {name}", back=course.get_absolute_url(), back_label=name
    )


def _unchanged(form, user):
    course, sentences = form.instance, []
    if "total_fee" in form.changed_data:
        enrollments = Enrollment.objects.visible_to(user).active()
        enrolled = enrollments.filter(batch__course=course).count()
        if enrolled:
            keep = "1 student keeps" if enrolled == 1 else f"{enrolled} students keep"
            sentences.append(f"The new fee is for new enrollments; {keep} the agreed fee.")
    if "is_active" in form.changed_data and not course.is_active:
        visible = Batch.objects.visible_to(user).filter(course=course)
        batches = visible.not_over(timezone.localdate()).count()
        if batches:
            go_on = "1 batch continues" if batches == 1 else f"{batches} batches continue"
            sentences.append(f"No new batches can be added; {go_on}.")
    return sentences
