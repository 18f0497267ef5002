"""Pages that draw on every app: dashboards, the student's hub, search."""

import datetime

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from academics.timetable import next_class_of
from accounts.exports import STUDENTS
from accounts.models import User, student_or_404
from accounts.roles import sees_whole_institute
from attendance.percentages import Tally
from attendance.queries.days import classes_on
from attendance.queries.missing_registers import to_see_to
from attendance.queries.students import batch_tallies, enrollments_with_tally
from coachmaster.core import charts
from coachmaster.core.compiled import compiled
from coachmaster.core.dates import month_start
from coachmaster.core.exports import list_file
from coachmaster.core.money import ZERO, display, grouped
from coachmaster.core.pagination import every_row, listing
from finance.ledger import fee_status
from finance.models import Concession, Payment

from . import first_steps, queries
from .forms import SearchForm
from .queries import SHOWN


@login_not_required
def health(request):
    """Whether the site is up and reaches its database; says no more than that."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")


def home(request):
    return redirect("dashboards:dashboard")


# Dashboards -----------------------------------------------------------------------------------------------------


def dashboard(request):
    """To one's own dashboard."""
    user = request.user
    if user.has_perm("accounts.view_admin_dashboard"):
        return redirect("dashboards:admin-dashboard")
    if user.is_student:
        return redirect("dashboards:student-dashboard")
    if queries.teaches(user):
        return redirect("dashboards:instructor-dashboard")
    if sees_whole_institute(user):
        return redirect("academics:batch-list")
    return redirect("accounts:me")


def admin_dashboard(request):
    today = timezone.localdate()
    courses = queries.courses_on(today)
    steps = first_steps.remaining(courses)
    if steps:
        return render(request, "dashboards/admin/first_steps.html", {"steps": steps})
    figures, payments = (
        queries.of_institute(request.user, today, courses),
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
            "recent_enrollments": queries.recent_enrollments(request.user),
            "recent_payments": queries.recent_payments(request.user),
            "by_month": charts.columns(
                "Collected by month",
                "Month",
                [
                    (f"{first:%b}", amount, display(amount), f"{payments}?{_of_month(first)}")
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


def _of_month(first):
    last = month_start(first + datetime.timedelta(days=32)) - datetime.timedelta(days=1)
    return f"from={first}&to={last}&state=standing"


def instructor_dashboard(request):
    if not queries.teaches(request.user):
        raise PermissionDenied
    today = timezone.localdate()
    batches = queries.batches_taught(request.user, today)
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
    overview = _overview(request, request.user.student_profile)
    batches = [enrollment.batch for enrollment in overview["enrollments"]]
    return render(
        request,
        "dashboards/student/dashboard.html",
        overview | {"at_home": True, "next_class": next_class_of(batches, timezone.now())},
    )


# One student ----------------------------------------------------------------------------------------------------


def student_page(request, pk):
    student = student_or_404(request.user, pk)
    return render(request, "dashboards/student_page/detail.html", _overview(request, student))


@compiled  # 0.4 ms instead of 2.8, on the first page of each student
def _payments(*, student):
    payments = Payment.objects.filter(student=student).select_related("reversal").with_refunded()
    return payments.order_by("-paid_on", "-pk")


def _overview(request, student):
    """What the hub shows: the enrollment, attendance, and for who may see money the fees and last payments."""
    today = timezone.localdate()
    user = request.user
    enrollments = enrollments_with_tally(student, user)
    tally = sum((enrollment.tally for enrollment in enrollments), Tally())
    overview = {
        "student": student,
        "today": today,
        "enrollments": [enrollment for enrollment in enrollments if enrollment.is_active],
        "earlier": [enrollment for enrollment in enrollments if not enrollment.is_active],
        "tally": tally,
        "is_low": any(enrollment.is_short for enrollment in enrollments),
    }
    if user.has_perm("finance.view_payment"):
        payments = _payments(student=student.pk)
        paid = sum(
            (payment.amount - payment.refunded for payment in payments if not payment.is_void), ZERO
        )
        overview |= {
            "fees": fee_status(student, today, paid=paid),
            "payments": payments[:5],
            "payments_in_all": len(payments),
        }
    return overview


# Search ---------------------------------------------------------------------------------------------------------


def _found(user, words):
    """Students by part of name, phone, e-mail, admission number or, for who may see money, receipt number."""
    people = User.objects.visible_to(user).filter(student_profile__isnull=False)
    if not words:
        return people.none()
    found = people.search(words) if sees_whole_institute(user) else people.matching(words)
    if "/" in words and user.has_perm("finance.view_payment"):
        receipts = Payment.objects.visible_to(user).numbered(words).values("student")
        found = found | people.filter(pk__in=receipts)
    return found.select_related("student_profile")


def search(request):
    """The students that match; a single one is opened at once."""
    words = SearchForm(request.GET).words
    sorts = {"name": ["full_name"], "admission": ["student_profile__admission_number"]}
    listed = (request, _found(request.user, words), sorts)
    if file := list_file(request, "students", STUDENTS, every_row(*listed, default="name")):
        return file
    students = listing(*listed, default="name")
    if students.total == 1:
        return redirect("dashboards:student-page", next(iter(students)).pk)
    return render(
        request, "dashboards/search/list.html", {"students": students, "search_words": words}
    )


def search_suggestions(request):
    """The first matches as links, for the list under the search box."""
    words = SearchForm(request.GET).words
    students = _found(request.user, words).order_by("full_name", "pk")[:8]
    return render(
        request,
        "dashboards/search/_suggestions.html",
        {"students": students, "search_words": words},
    )
