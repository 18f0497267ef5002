"""What dashboards say, for the pages and the JSON API alike."""

from dataclasses import dataclass

from django.db.models import Count

from academics.models import Course, Enrollment
from accounts.scopes import scope_of
from attendance.queries.days import DayInBrief, day_in_brief
from coachmaster.core.compiled import compiled
from finance.models import Payment
from finance.reports import summaries as money

RECENT = 6


#: How many classes and courses a dashboard shows; the rest is a link away.
SHOWN = 8


@dataclass
class InstituteFigures:
    """The institute on a day."""

    received: money.CollectionsSummary
    owed: money.DuesSummary
    active_students: int
    running_batches: int
    classes: DayInBrief


def institute_figures(user, today, courses):
    """Return the InstituteFigures of ``today``; ``courses`` are those of `courses_on`."""
    return InstituteFigures(
        received=money.collections_summary(today),
        owed=money.dues_summary(today),
        active_students=Enrollment.objects.active().aggregate(
            number=Count("student", distinct=True)
        )["number"],
        running_batches=sum(course.running_batches for course in courses),
        classes=day_in_brief(today, SHOWN, scope_of(user)),
    )


@compiled  # 0.7 ms instead of 3.7
def _courses(*, on):
    return Course.objects.for_listing(on).order_by("-active_students", "name", "pk")


def courses_on(today):
    """Return a list of all courses with their batches that run ``today`` and active students, the largest first."""
    return _courses(on=today)


def recent_enrollments(user):
    """Return the newest enrollments, with the names of student and batch."""
    found = Enrollment.objects.visible_to(user).select_related("student__user", "batch")
    return found.only(
        "enrolled_on", "status", "created_at", "student__user__full_name", "batch__name"
    ).order_by("-created_at", "-pk")[:RECENT]


def recent_payments(user):
    """Return the newest active payments, with the name of the student."""
    found = Payment.objects.visible_to(user).live().select_related("student__user")
    return found.only(
        "receipt_number", "mode", "amount", "paid_on", "student__user__full_name"
    ).order_by("-recorded_at", "-pk")[:RECENT]
