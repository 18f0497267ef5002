from dataclasses import dataclass

from django.db.models import Count

from academics.models import Course, Enrollment
from attendance.queries.days import DaySummary, day_summary
from coachmaster.core.compiled import compiled
from coachmaster.core.querysets import restricted_id
from finance.models import Payment
from finance.reports import summaries

RECENT_ROWS = 6
CLASSES_SHOWN = 8
COURSES_SHOWN = 8


@dataclass
class InstituteFigures:
    collections: summaries.CollectionsSummary
    dues: summaries.DuesSummary
    active_students: int
    running_batches: int
    classes: DaySummary


def institute_figures(user, today, courses):
    """Return the InstituteFigures of ``today``; ``courses`` come from `courses_on`."""
    return InstituteFigures(
        collections=summaries.collections_summary(today),
        dues=summaries.dues_summary(today),
        active_students=Enrollment.objects.active().aggregate(
            number=Count("student", distinct=True)
        )["number"],
        running_batches=sum(course.running_batches for course in courses),
        classes=day_summary(today, CLASSES_SHOWN, restricted_id(user)),
    )


@compiled  # 0.7 ms instead of 3.7
def _courses(*, on):
    return Course.objects.with_counts(on).order_by("-active_students", "name", "pk")


def courses_on(today):
    """Return all courses with ``running_batches`` and ``active_students``, the largest first."""
    return _courses(on=today)


def recent_enrollments(user):
    enrollments = Enrollment.objects.visible_to(user).select_related("student__user", "batch")
    return enrollments.only(
        "enrolled_on", "status", "created_at", "student__user__full_name", "batch__name"
    ).order_by("-created_at", "-pk")[:RECENT_ROWS]


def recent_payments(user):
    payments = Payment.objects.visible_to(user).active().select_related("student__user", "clearing")
    return payments.only(
        "receipt_number",
        "mode",
        "amount",
        "paid_on",
        "student__user__full_name",
        "clearing__cleared_on",
    ).order_by("-recorded_at", "-pk")[:RECENT_ROWS]
