"""Reminders about attendance: what they say, to whom they go, and that they were sent."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max
from django.shortcuts import get_object_or_404

from academics.models import Enrollment, Institute
from accounts.views.reminders import ReminderKind
from attendance.models import Presence, Reminder, tally_of
from attendance.percentages import Tally
from attendance.queries.shortage import shortage_rows
from coachmaster.core.dates import format_date
from coachmaster.core.reminders import Channel, ReminderNotice, fill_template, sendable_notices


@dataclass
class AttendanceNotice(ReminderNotice):
    """A reminder to one family about one enrollment."""

    enrollment_id: int
    tally: Tally

    @property
    def description(self):
        return str(self.tally)


@dataclass
class AbsenceNotice(ReminderNotice):
    """A word to one family about the classes that were missed on a day."""

    description: str


def reminder_text(row, institute):
    """The institute's text, filled for one `Watched` row."""
    words = {
        "name": row.student.user.full_name,
        "admission_number": row.student.admission_number,
        "batch": row.enrollment.batch.name,
        "attended": row.tally.attended,
        "counted": row.tally.counted,
        "percent": f"{row.tally.percentage}".removesuffix(".0"),
        "expected": row.requirement.percent,
        "absences": row.absences_in_a_row,
        "institute": institute.name,
        "phone": institute.phone,
    }
    return fill_template(institute.attendance_reminder, words)


@transaction.atomic
def record_reminders(enrollments, *, channel, by, again=False, leave_out=False):
    """Write down that the families of ``enrollments`` (keys) are reminded of attendance; return the notices to send.

    Who is not on the list of those to be watched is left out, and who cannot be reached by ``channel``. Raises
    RemindedAlready when some were reminded within the institute's days, unless they are reminded ``again`` or to
    ``leave_out``. Then nobody is reminded.
    """
    institute = Institute.objects.current()
    list(
        Presence.objects.select_for_update()
        .filter(pk__in=enrollments)
        .order_by("pk")
        .values_list("pk")
    )
    active = Presence.objects.filter(pk__in=enrollments).active()
    ids = active.order_by("enrollment__student__user__full_name", "pk").values_list("pk", flat=True)
    notices = [
        AttendanceNotice(
            row.student,
            f"Attendance of {row.student} at {institute.name}",
            reminder_text(row, institute),
            row.reminded_at,
            row.enrollment.pk,
            row.tally,
        )
        for row in shortage_rows(ids, institute)
        if row.needs_attention
    ]
    notices = sendable_notices(
        notices, channel=channel, days=institute.reminder_days, again=again, leave_out=leave_out
    )
    rows = _keep([(notice.enrollment_id, notice.tally) for notice in notices], channel, by)
    for notice, row in zip(notices, rows, strict=True):
        notice.record = row
    return notices


@transaction.atomic
def record_absence_notice(student, day, marks, *, by, again=False):
    """Write down that the family of ``student`` is told by WhatsApp of ``marks``, the absences of that day.

    Return a list of the notice to send; an empty list if the student was not absent or cannot be reached.

    Raises RemindedAlready as `remind` does: a word about an absence is a reminder about attendance.
    """
    institute = Institute.objects.current()
    missed = {mark.enrollment_id: mark.sheet.batch.name for mark in marks}
    list(
        Presence.objects.select_for_update().filter(pk__in=missed).order_by("pk").values_list("pk")
    )
    enrollments = list(Enrollment.objects.filter(pk__in=missed).select_related("presence"))
    words = {
        "name": student.user.full_name,
        "admission_number": student.admission_number,
        "batch": ", ".join(missed.values()),
        "day": format_date(day),
        "institute": institute.name,
        "phone": institute.phone,
    }
    reminded_at = Reminder.objects.filter(enrollment__in=missed).aggregate(last=Max("sent_at"))[
        "last"
    ]
    about = f"absent from {words['batch']} on {words['day']}"
    subject, text = (
        f"Attendance of {student} at {institute.name}",
        fill_template(institute.absence_message, words),
    )
    notices = [AbsenceNotice(student, subject, text, reminded_at, about)] if missed else []
    notices = sendable_notices(
        notices, channel=Channel.WHATSAPP, days=institute.reminder_days, again=again
    )
    if notices:
        _keep(
            [(enrollment.pk, tally_of(enrollment)) for enrollment in enrollments],
            Channel.WHATSAPP,
            by,
        )
    return notices


def _keep(told, channel, by):
    """Write down who was reminded: ``(enrollment's key, Tally)`` each. Returns the rows."""
    return Reminder.objects.bulk_create(
        Reminder(
            enrollment_id=key,
            channel=channel,
            attended=tally.attended,
            counted=tally.counted,
            sent_by=by,
        )
        for key, tally in told
    )


def _enrollments(user):
    return Enrollment.objects.visible_to(user).select_related("student__user")


SHORTAGE = ReminderKind(
    list_page="attendance:shortage",
    rows_name="enrollments",
    rows=_enrollments,
    row_or_404=lambda user, pk: get_object_or_404(_enrollments(user), pk=pk),
    student_of=lambda enrollment: enrollment.student,
    remind=record_reminders,
    reason="is not short of attendance, or has no mobile number",
    reasons="not short, no address, or reminded already",
)
