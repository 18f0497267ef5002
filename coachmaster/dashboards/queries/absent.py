import datetime
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import OuterRef, Subquery, Sum
from django.utils import timezone

from academics.models import Batch, Institute
from accounts.models import StudentProfile, User
from attendance.models import AttendanceReminder, Mark
from attendance.percentages import MarkStatus
from attendance.queries.shortage import ShortageRow, presences_for, shortage_rows_of_students
from coachmaster.core.money import ZERO
from coachmaster.core.querysets import restricted_id
from coachmaster.core.reminders import whatsapp_phone
from finance.models import Account, Charge

LOADED_FIELDS = [
    "admission_number",
    "guardian_name",
    "guardian_phone",
    "user__full_name",
    "user__phone",
]


@dataclass
class AbsentStudent:
    """A student absent on a day, with the reasons to call the family."""

    student: StudentProfile
    missed: list[Batch] = field(default_factory=list)
    #: Enrollments with an attendance shortage.
    shortages: list[ShortageRow] = field(default_factory=list)
    overdue: Decimal = ZERO
    reminded_at: datetime.datetime | None = None

    @property
    def can_be_messaged(self):
        return bool(whatsapp_phone(self.student))

    @property
    def missed_label(self):
        return ", ".join(batch.name for batch in self.missed)

    @property
    def shortage_label(self):
        return "; ".join(f"{row.enrollment.batch.name}: {row.reason}" for row in self.shortages)


def absent_on(marks, day):
    return marks.filter(sheet__held_on=day, status=MarkStatus.ABSENT)


class Absences:
    """The absences of a day in the batches that ``user`` may see."""

    def __init__(self, user, day, *, shows_fees):
        self.user, self.day, self.shows_fees = user, day, shows_fees
        self.today = timezone.localdate()
        self.institute = Institute.objects.current()
        self.marks = Mark.objects.recorded_by(restricted_id(user))

    def profiles(self, filters):
        absent = absent_on(self.marks, self.day).order_by().values("student")
        if filters.value("also") == "shortage":
            shortages = presences_for(self.user).needing_attention(self.institute)
            absent = shortages.filter(enrollment__student__in=absent).values("enrollment__student")
        found = StudentProfile.objects.filter(pk__in=absent).select_related("user")
        if text := filters.value("q"):
            found = found.filter(user__in=User.objects.search(text).order_by())
        if filters.value("also") == "overdue":
            found = found.filter(pk__in=Account.objects.overdue(self.today).values("pk"))
        return found.only(*LOADED_FIELDS)

    def load(self, profiles):
        students = {profile.pk: AbsentStudent(profile) for profile in profiles}
        for mark in self._marks_of(students):
            student = students[mark.student_id]
            student.missed.append(mark.sheet.batch)
            student.reminded_at = max(
                filter(None, [student.reminded_at, mark.reminded_at]), default=None
            )
        for row in shortage_rows_of_students(list(students), self.user, self.institute):
            students[row.enrollment.student_id].shortages.append(row)
        if self.shows_fees:
            for student_id, amount in self._overdue(students):
                students[student_id].overdue = amount
        return list(students.values())

    def _marks_of(self, student_ids):
        # A range makes SQLite start from the few students instead of the day's sheets.
        marks = self.marks.filter(
            status=MarkStatus.ABSENT,
            sheet__held_on__range=(self.day, self.day),
            student__in=student_ids,
        )
        reminders = AttendanceReminder.objects.filter(enrollment=OuterRef("enrollment")).order_by(
            "-sent_at"
        )
        return (
            marks.annotate(reminded_at=Subquery(reminders.values("sent_at")[:1]))
            .select_related("sheet__batch")
            .only("student", "sheet__batch__name")
            .order_by("sheet__batch__name", "pk")
        )

    def _overdue(self, student_ids):
        charges = Charge.objects.unpaid().filter(due_on__lt=self.today, student__in=student_ids)
        return charges.order_by().values_list("student").annotate(Sum("open_now"))
