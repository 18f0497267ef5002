"""What dashboards say, for the pages and the JSON API alike."""

from dataclasses import dataclass

from academics.models import Batch, Enrollment
from accounts.roles import sees_whole_institute
from attendance import reports as attendance
from finance import reports as money

RECENT = 6


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
    #: The day's classes, those first whose attendance is not taken yet.
    classes: list[attendance.ClassDay]

    @property
    def absences(self):
        """How many were absent, once for each class they missed."""
        return sum(row.tally.absent for row in self.classes if row.is_taken)

    @property
    def classes_taken(self):
        """Of how many attendance was taken."""
        return sum(row.is_taken for row in self.classes)


def of_institute(user, today, courses):
    """The InstituteFigures of ``today``; ``courses`` were loaded `for_listing`."""
    classes = attendance.classes_on(today, Batch.objects.visible_to(user))
    return InstituteFigures(
        received=money.collections(today),
        owed=money.owed(today),
        active_students=Enrollment.objects.active().values("student").distinct().count(),
        running_batches=sum(course.running_batches for course in courses),
        classes=sorted(classes, key=lambda row: row.is_taken),
    )


def recent_enrollments(user):
    """The last enrollments that were made, the newest first."""
    found = Enrollment.objects.visible_to(user).select_related("student__user", "batch")
    return found.order_by("-created_at", "-pk")[:RECENT]
