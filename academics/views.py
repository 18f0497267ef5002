"""Courses and batches: fetch, decide, render."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from coachmaster.ground.listing import listing

from .forms import CourseFilter, CourseForm
from .models import Batch, Course

# Courses --------------------------------------------------------------------------------------------------------


def course_list(request):
    filters = CourseFilter(request.GET)
    courses = listing(
        request,
        filters.filter(Course.objects.for_listing()),
        {
            "name": ["name"],
            "code": ["code"],
            "fee": ["total_fee"],
            "batches": ["running_batches"],
            "students": ["active_students"],
        },
        default="name",
    )
    return render(request, "academics/course_list.html", {"courses": courses, "filters": filters})


def course_detail(request, pk):
    course = get_object_or_404(Course, pk=pk)
    batches = Batch.objects.visible_to(request.user).filter(course=course).for_listing().order_by("-starts_on", "name")
    today = timezone.localdate()
    return render(
        request,
        "academics/course_detail.html",
        {
            "course": course,
            "batches": [batch for batch in batches if not batch.is_over(today)],
            "batches_over": sum(batch.is_over(today) for batch in batches),
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


def course_update(request, pk):
    course = get_object_or_404(Course, pk=pk)
    form = CourseForm(request.POST or None, instance=course)
    if form.is_valid():
        form.save()
        messages.success(request, f"Course {course} saved.")
        return redirect(course)
    return render(
        request,
        "_form_page.html",
        {"form": form, "heading": f"Edit {course}", "back": course.get_absolute_url(), "back_label": str(course)},
    )
