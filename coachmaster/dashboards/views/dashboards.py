from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from academics.timetable import next_class_of
from accounts.roles import sees_whole_institute
from attendance.queries.days import classes_on
from attendance.queries.missing_registers import to_see_to
from attendance.queries.students import batch_tallies
from coachmaster.core import charts
from coachmaster.core.dates import month_start
from coachmaster.core.money import display, grouped
from coachmaster.dashboards import first_steps
from coachmaster.dashboards.charts import month_filter
from coachmaster.dashboards.queries.institute import (
    SHOWN,
    courses_on,
    institute_figures,
    recent_enrollments,
    recent_payments,
)
from coachmaster.dashboards.queries.instructors import batches_taught, teaches
from coachmaster.dashboards.queries.student_page import student_overview
from finance.models import Concession


def home(request):
    return redirect("dashboards:dashboard")


def dashboard(request):
    """To one's own dashboard."""
    user = request.user
    if user.has_perm("accounts.view_admin_dashboard"):
        return redirect("dashboards:admin-dashboard")
    if user.is_student:
        return redirect("dashboards:student-dashboard")
    if teaches(user):
        return redirect("dashboards:instructor-dashboard")
    if sees_whole_institute(user):
        return redirect("academics:batch-list")
    return redirect("accounts:me")


def admin_dashboard(request):
    today = timezone.localdate()
    courses = courses_on(today)
    steps = first_steps.remaining(courses)
    if steps:
        return render(request, "dashboards/admin/first_steps.html", {"steps": steps})
    figures, payments = (
        institute_figures(request.user, today, courses),
        reverse("finance:payment-list"),
    )
    return render(
        request,
        "dashboards/admin/dashboard.html",
        {
            "today": today,
            "month": month_start(today),
            "waiting_concessions": Concession.objects.waiting().count_each()
            if request.user.has_perm("finance.approve_concession")
            else 0,
            "received": figures.received,
            "owed": figures.owed,
            "active_students": figures.active_students,
            "running_batches": figures.running_batches,
            "classes": figures.classes.first,
            "classes_in_all": figures.classes.in_all,
            "classes_taken": figures.classes.taken,
            "missing_in_all": len(to_see_to(request.user)),
            "absences": figures.classes.absences,
            "recent_enrollments": recent_enrollments(request.user),
            "recent_payments": recent_payments(request.user),
            "by_month": charts.columns(
                "Collected by month",
                "Month",
                [
                    (f"{first:%b}", amount, display(amount), f"{payments}?{month_filter(first)}")
                    for first, amount in figures.received.months
                ],
            ),
            "by_course": charts.rows(
                "Active enrollments by course",
                "Course",
                [
                    (
                        course.name,
                        course.active_students,
                        grouped(course.active_students),
                        course.get_absolute_url(),
                    )
                    for course in courses[:SHOWN]
                    if course.active_students
                ],
            ),
        },
    )


def instructor_dashboard(request):
    if not teaches(request.user):
        raise PermissionDenied
    today = timezone.localdate()
    batches = batches_taught(request.user, today)
    tallies = batch_tallies(batches)
    not_taken = to_see_to(request.user)
    return render(
        request,
        "dashboards/instructor/dashboard.html",
        {
            "today": today,
            "classes": classes_on(today, request.user.pk),
            "missing": not_taken[:SHOWN],
            "missing_in_all": len(not_taken),
            "batches": [(batch, tallies[batch.pk]) for batch in batches],
        },
    )


def student_dashboard(request):
    if not request.user.is_student:
        raise PermissionDenied
    overview = student_overview(request, request.user.student_profile)
    batches = [enrollment.batch for enrollment in overview["enrollments"]]
    return render(
        request,
        "dashboards/student/dashboard.html",
        overview | {"at_home": True, "next_class": next_class_of(batches, timezone.now())},
    )
