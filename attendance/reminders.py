"""Reminders about attendance: what they say, to whom they go, and that they were sent."""

from dataclasses import dataclass

from django.db import transaction

from academics.models import Institute
from coachmaster.ground.reminders import Notice, filled, to_send

from . import shortage
from .models import Presence, Reminder, Tally


@dataclass
class AttendanceNotice(Notice):
    """A reminder to one family about one enrollment."""

    enrollment_id: int
    tally: Tally

    @property
    def words(self):
        """What it is about."""
        return str(self.tally)


def text_for(row, institute):
    """The institute's text, filled for one `Watched` row."""
    words = {
        "name": row.student.user.full_name,
        "admission_number": row.student.admission_number,
        "batch": row.enrollment.batch.name,
        "attended": row.tally.attended,
        "counted": row.tally.counted,
        "percent": f"{row.tally.percentage}".removesuffix(".0"),
        "expected": row.expected.percent,
        "absences": row.presence.absences_in_a_row,
        "institute": institute.name,
        "phone": institute.phone,
    }
    return filled(institute.attendance_reminder, words)


@transaction.atomic
def remind(enrollments, *, channel, by, again=False, leave_out=False):
    """Write down that the families of ``enrollments`` (keys) are reminded of attendance; return the notices to send.

    Who is not on the list of those to be watched is left out, and who cannot be reached by ``channel``. Raises
    RemindedAlready when some were reminded within the institute's days, unless they are reminded ``again`` or to
    ``leave_out``. Then nobody is reminded.
    """
    institute = Institute.objects.current()
    list(Presence.objects.select_for_update().filter(pk__in=enrollments).order_by("pk").values_list("pk"))
    presences = Presence.objects.filter(pk__in=enrollments).slipping(institute)
    found = shortage.with_people(presences).order_by("enrollment__student__user__full_name", "pk")
    notices = [
        AttendanceNotice(row.student, text_for(row, institute), row.reminded_at, row.enrollment.pk, row.tally)
        for row in shortage.watched(found, institute)
    ]
    notices = to_send(notices, channel=channel, days=institute.reminder_days, again=again, leave_out=leave_out)
    Reminder.objects.bulk_create(
        Reminder(
            enrollment_id=notice.enrollment_id,
            channel=channel,
            attended=notice.tally.attended,
            counted=notice.tally.counted,
            sent_by=by,
        )
        for notice in notices
    )
    return notices
