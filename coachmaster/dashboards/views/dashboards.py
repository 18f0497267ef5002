from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect, render
from django.utils import timezone

from academics.timetable import earliest_class
from accounts.roles import sees_whole_institute
from attendance.queries.days import classes_on
from attendance.queries.missing_registers import missing_registers_for
from attendance.queries.student_attendance import batch_tallies
from coachmaster.core.dates import month_start
from coachmaster.dashboards import charts, first_steps
from coachmaster.dashboards.permissions import ADMIN_DASHBOARD
from coachmaster.dashboards.queries.institute import (
    COURSES_SHOWN,
    courses_on,
    institute_figures,
    recent_enrollments,
    recent_payments,
)
from coachmaster.dashboards.queries.instructors import batches_taught, teaches
from coachmaster.dashboards.queries.student_page import student_overview
from finance.models import Concession
from finance.services.late_fees import prepared_late_fees

MISSING_SHOWN = 8


def home(request):
    return redirect("dashboards:dashboard")


def dashboard(request):
    user = request.user
    if user.has_perms(ADMIN_DASHBOARD):
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
    if steps := first_steps.remaining(courses):
        return render(request, "dashboards/admin/first_steps.html", {"steps": steps})
    figures = institute_figures(request.user, today, courses)
    return render(
        request,
        "dashboards/admin/dashboard.html",
        {
            "today": today,
            "month": month_start(today),
            "figures": figures,
            "waiting_concessions": _waiting_concessions(request.user),
            "prepared_late_fees": prepared_late_fees(request.user),
            "missing_count": len(missing_registers_for(request.user)),
            "recent_enrollments": recent_enrollments(request.user),
            "recent_payments": recent_payments(request.user),
            "by_month": charts.collected_by_month(figures.collections.months),
            "by_course": charts.enrollments_by_course(courses[:COURSES_SHOWN]),
        },
    )


def _waiting_concessions(user):
    if not user.has_perm("finance.approve_concession"):
        return 0
    return Concession.objects.waiting().count_concessions()


def instructor_dashboard(request):
    if not teaches(request.user):
        raise PermissionDenied
    today = timezone.localdate()
    batches = batches_taught(request.user, today)
    tallies = batch_tallies(batches)
    missing = missing_registers_for(request.user)
    return render(
        request,
        "dashboards/instructor/dashboard.html",
        {
            "today": today,
            "classes": classes_on(today, request.user.pk),
            "missing": missing[:MISSING_SHOWN],
            "missing_count": len(missing),
            "batches": [(batch, tallies[batch.pk]) for batch in batches],
        },
    )


def student_dashboard(request):
    if not request.user.is_student:
        raise PermissionDenied
    overview = student_overview(request.user.student_profile, request.user)
    batches = [enrollment.batch for enrollment in overview["enrollments"]]
    return render(
        request,
        "dashboards/student/dashboard.html",
        overview | {"is_own": True, "next_class": earliest_class(batches, timezone.now())},
    )
