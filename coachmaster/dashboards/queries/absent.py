import datetime
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import OuterRef, Subquery, Sum
from django.utils import timezone

from academics.models import Institute
from accounts.models import StudentProfile, User
from accounts.scopes import scope_of
from attendance.forms.shortage import presences_of
from attendance.models import Mark, Reminder
from attendance.percentages import Status
from attendance.queries.shortage import slipping_among
from coachmaster.core.importers import in_chunks
from coachmaster.core.money import ZERO
from coachmaster.core.reminders import whatsapp_phone
from finance.models import Account, Charge


@dataclass
class AbsentStudent:
    """A student who was absent, and all reasons to call."""

    student: StudentProfile
    #: The batches whose class they missed that day.
    missed: list = field(default_factory=list)
    #: Their enrollments that are short, on the edge, or have stayed away.
    watched: list = field(default_factory=list)
    #: Rupees that were due before today.
    overdue: Decimal = ZERO
    #: When the family was last reminded of attendance in one of these batches, or None.
    reminded_at: datetime.datetime | None = None

    @property
    def may_be_messaged(self):
        """Whether there is a mobile number to write to."""
        return bool(whatsapp_phone(self.student))

    @property
    def missed_words(self):
        """The batches in words."""
        return ", ".join(batch.name for batch in self.missed)

    @property
    def watched_words(self):
        """What is wrong with their attendance, in words."""
        return "; ".join(
            f"{row.enrollment.batch.name}: {row.reasons_words}" for row in self.watched
        )


#: What is read of a student.
SHOWN = ["admission_number", "guardian_name", "guardian_phone", "user__full_name", "user__phone"]


def absent_on(marks, day):
    return marks.filter(sheet__held_on=day, status=Status.ABSENT)


class Absences:
    """The absences of a day in the batches whose registers a person keeps."""

    def __init__(self, user, day, *, shows_fees):
        self.user, self.day, self.today, self.shows_fees = (
            user,
            day,
            timezone.localdate(),
            shows_fees,
        )
        self.institute = Institute.objects.current()
        self.marks = absent_on(Mark.objects.kept_in(scope_of(user)), day)

    def students(self, filters):
        """The students who were absent, as ``filters`` ask for."""
        absent = self.marks.order_by().values("student")
        if filters.value("also") == "watched":
            watched = presences_of(self.user).slipping(self.institute)
            absent = watched.filter(enrollment__student__in=absent).values("enrollment__student")
        found = StudentProfile.objects.filter(pk__in=absent).select_related("user").only(*SHOWN)
        if words := filters.value("q"):
            found = found.filter(user__in=User.objects.search(words).order_by())
        if filters.value("also") == "overdue":
            found = found.filter(pk__in=Account.objects.overdue(self.today).values("pk"))
        return found

    def children(self, students):
        """Return a Child for each of ``students`` (a list), by three queries."""
        children = {student.pk: AbsentStudent(student) for student in students}
        for mark in self._missed(children):
            child = children[mark.student_id]
            child.missed.append(mark.sheet.batch)
            child.reminded_at = max(
                filter(None, [child.reminded_at, mark.reminded_at]), default=None
            )
        for row in slipping_among(list(children), self.user, self.institute):
            children[row.enrollment.student_id].watched.append(row)
        if self.shows_fees:
            for student, amount in self._overdue(children):
                children[student].overdue = amount
        return list(children.values())

    def _missed(self, students):
        """Return the marks of the day of these students (ids), with their batch and ``reminded_at``."""
        # As a range, which SQLite takes for many sheets: it is to begin with the few students.
        marks = Mark.objects.kept_in(scope_of(self.user)).filter(
            status=Status.ABSENT, sheet__held_on__range=(self.day, self.day), student__in=students
        )
        reminders = (
            Reminder.objects.filter(enrollment=OuterRef("enrollment"))
            .order_by("-sent_at")
            .values("sent_at")
        )
        return (
            marks.annotate(reminded_at=Subquery(reminders[:1]))
            .select_related("sheet__batch")
            .only("student", "sheet__batch__name")
            .order_by("sheet__batch__name", "pk")
        )

    def _overdue(self, students):
        """Return ``(student's id, rupees due before today)`` of these students (ids)."""
        late = Charge.objects.open().filter(due_on__lt=self.today, student__in=students).order_by()
        return late.values_list("student").annotate(Sum("open_now"))

    def all_children(self, students):
        """The same of a long queryset, loaded by the hundred."""
        for chunk in in_chunks(students.iterator(500), 500):
            yield from self.children(chunk)
