"""The charts of the admin dashboard, drawn by `coachmaster.core.charts`."""

import datetime

from django.urls import reverse

from coachmaster.core import charts
from coachmaster.core.dates import month_start
from coachmaster.core.money import display, grouped


def collected_by_month(months):
    """Return a chart of ``months``: pairs of a month's first day and the rupees collected."""
    payments = reverse("finance:payment-list")
    return charts.column_chart(
        "Collected by month",
        "Month",
        [
            (f"{first:%b}", amount, display(amount), f"{payments}?{_month_filter(first)}")
            for first, amount in months
        ],
    )


def _month_filter(first):
    last = month_start(first + datetime.timedelta(days=32)) - datetime.timedelta(days=1)
    return f"from={first}&to={last}&status=valid"


def enrollments_by_course(courses):
    return charts.bar_chart(
        "Active enrollments by course",
        "Course",
        [
            (
                course.name,
                course.active_students,
                grouped(course.active_students),
                course.get_absolute_url(),
            )
            for course in courses
            if course.active_students
        ],
    )
