"""What dashboards say, for the pages and the JSON API alike."""

from dataclasses import dataclass

from django.db.models import Count

from academics.models import Batch, Course, Enrollment, load_class_times
from accounts.roles import sees_whole_institute
from accounts.scopes import scope_of
from attendance import reports as attendance
from coachmaster.ground.prepared import Prepared, beside, sums
from finance import reports as money
from finance.models import Payment

RECENT = 6
#: How many classes and courses a dashboard shows; the rest is a link away.
SHOWN = 8


def teaches(user):
    """Whether the instructor's dashboard is theirs: an instructor, or anybody who teaches a batch."""
    is_instructor = user.has_perm("academics.teach_batch") and not sees_whole_institute(user)
    return is_instructor or Batch.objects.taught_by(user).exists()


@dataclass
class InstituteFigures:
    """The institute on a day."""

    received: money.Collections
    owed: money.Owed
    active_students: int
    running_batches: int
    classes: attendance.DayInBrief


def of_institute(user, today, courses):
    """The InstituteFigures of ``today``; ``courses`` are those of `courses_on`."""
    return InstituteFigures(
        received=money.collections(today),
        owed=money.owed(today),
        active_students=_active_students.first().number,
        running_batches=sum(course.running_batches for course in courses),
        classes=attendance.day_in_brief(today, SHOWN, scope_of(user)),
    )


@Prepared
def _active_students():
    return sums(Enrollment.objects.active(), number=Count("student", distinct=True))


@Prepared
def _courses(*, on):
    return Course.objects.for_listing(on).order_by("-active_students", "name", "pk")


def courses_on(today):
    """All courses, with their batches that run ``today`` and their active students, the largest first: a list."""
    return _courses(on=today)


@Prepared
def _batches(*, instructor, on):
    found = Batch.objects.taught_by(instructor).not_over(on).select_related("course", "instructor")
    return found.with_strength().order_by("name", "pk")


def batches_taught(user, today):
    """The batches that ``user`` teaches and that are not over, with class times and ``strength``, by name: a list."""
    found = _batches(instructor=user.pk, on=today)
    load_class_times(found)
    return found


@Prepared
def _recent_enrollments(*, scope):
    found = beside(Enrollment.objects.in_scope(scope), "student__user__full_name", "batch__name")
    return found.order_by("-created_at", "-pk")[:RECENT]


def recent_enrollments(user):
    """The last enrollments that were made, the newest first."""
    return _recent_enrollments(scope=scope_of(user))


@Prepared
def _recent_payments(*, scope):
    found = beside(Payment.objects.in_scope(scope).live(), "student__user__full_name")
    return found.order_by("-recorded_at", "-pk")[:RECENT]


def recent_payments(user):
    """The last payments that stand, the newest first."""
    return _recent_payments(scope=scope_of(user))
