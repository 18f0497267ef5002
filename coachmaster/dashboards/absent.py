"""Who is absent on a day: each child once, with all that there is to talk about when the desk calls."""

import datetime
from dataclasses import dataclass, field
from decimal import Decimal

from django import forms
from django.db.models import OuterRef, Subquery, Sum
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from academics.models import Institute
from accounts.models import StudentProfile, User, student_or_404
from accounts.scopes import scope_of
from accounts.views.reminders import open_whatsapp
from attendance.forms.shortage import presences_of
from attendance.models import Mark, Reminder
from attendance.percentages import Status
from attendance.queries.shortage import slipping_among
from attendance.services.reminders import tell_of_absence
from coachmaster.core.dates import DayFormField
from coachmaster.core.exports import Column, Kind, table_answer
from coachmaster.core.forms import FilterForm
from coachmaster.core.importers import in_chunks
from coachmaster.core.money import ZERO
from coachmaster.core.pagination import listing
from coachmaster.core.reminders import whatsapp_phone
from finance.models import Account, Charge


class AbsentFilter(FilterForm):
    """Which day, and what there is to say besides. Fees are for who may see them."""

    on = DayFormField(label="Day")
    also = forms.ChoiceField(label="Also")

    def __init__(self, data, *, today, shows_fees):
        super().__init__({"on": today, **data.dict()})
        self.today = today
        self.fields["q"].label = "Student"
        choices = [("", "All"), ("watched", "To be watched"), ("overdue", "Fees overdue")]
        self.fields["also"].choices = choices if shows_fees else choices[:2]

    @property
    def day(self):
        """The day that was asked for: today at the latest."""
        return min(self.value("on") or self.today, self.today)

    @property
    def is_filtering(self):
        """Whether not everybody who was absent is shown."""
        return bool(self.value("q") or self.value("also"))


@dataclass
class Child:
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


COLUMNS = [
    Column("Student", Kind.TEXT, lambda child: child.student.user.full_name),
    Column("Admission number", Kind.TEXT, lambda child: child.student.admission_number),
    Column("Guardian", Kind.TEXT, lambda child: child.student.guardian_name),
    Column("Phone", Kind.TEXT, lambda child: child.student.phone_to_call),
    Column("Absent from", Kind.TEXT, lambda child: child.missed_words),
    Column("Attendance", Kind.TEXT, lambda child: child.watched_words),
]
FEES_COLUMN = Column("Fees overdue", Kind.AMOUNT, lambda child: child.overdue or None)


#: What is read of a student.
SHOWN = ["admission_number", "guardian_name", "guardian_phone", "user__full_name", "user__phone"]


def _absent(marks, day):
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
        self.marks = _absent(Mark.objects.kept_in(scope_of(user)), day)

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
        children = {student.pk: Child(student) for student in students}
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


def absent(request):
    """Who is absent; with ``?as=csv`` or ``?as=xlsx`` the same list as a file."""
    user, today = request.user, timezone.localdate()
    shows_fees = user.has_perm("finance.view_account")
    filters = AbsentFilter(request.GET, today=today, shows_fees=shows_fees)
    absences = Absences(user, filters.day, shows_fees=shows_fees)
    if request.GET.get("as") in ("csv", "xlsx"):
        rows = absences.all_children(absences.students(filters).order_by("user__full_name", "pk"))
        columns = [*COLUMNS, FEES_COLUMN] if shows_fees else COLUMNS
        return table_answer(f"absent-{filters.day}", columns, rows, form=request.GET["as"])
    page = listing(
        request, absences.students(filters), {"name": ["user__full_name"]}, default="name"
    )
    return render(
        request,
        "dashboards/absent/list.html",
        {
            "filters": filters,
            "on": filters.day,
            "today": today,
            "listing": page,
            "children": absences.children(list(page)),
            "shows_fees": shows_fees,
            "may_remind": user.has_perm("attendance.add_reminder"),
        },
    )


@require_POST
def tell(request, pk, day):
    """One tap: it is written down that the family is told, and WhatsApp opens with the text."""
    student = student_or_404(request.user, pk)
    marks = _absent(Mark.objects.visible_to(request.user), day).filter(student=student)
    marks = marks.select_related("sheet__batch").order_by("sheet__batch__name", "pk")
    return open_whatsapp(
        request,
        lambda **again: tell_of_absence(student, day, marks, by=request.user, **again),
        back=f"{reverse('dashboards:absent')}?on={day}",
        otherwise=f"{student} was not absent that day, or has no mobile number. Nobody was told.",
    )
