from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max
from django.shortcuts import get_object_or_404

from academics.models import Enrollment, Institute
from attendance.models import AttendanceReminder, Presence, tally_of
from attendance.percentages import Tally
from attendance.queries.shortage import shortage_rows
from coachmaster.core.dates import format_date
from coachmaster.core.reminders import (
    Channel,
    ReminderKind,
    ReminderNotice,
    fill_template,
    sendable_notices,
)


@dataclass
class ShortageNotice(ReminderNotice):
    enrollment_id: int
    tally: Tally

    @property
    def description(self):
        return str(self.tally)


@dataclass
class AbsenceNotice(ReminderNotice):
    description: str


def reminder_text(row, institute):
    values = {
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
    return fill_template(institute.attendance_reminder, values)


@transaction.atomic
def record_reminders(enrollments, *, channel, by, again=False, leave_out=False):
    """Record reminders and return the notices to send.

    Families that need none or cannot be reached are left out. Raise RecentlyReminded unless
    ``again`` or ``leave_out``.
    """
    institute = Institute.objects.current()
    _lock_presences(enrollments)
    active = Presence.objects.filter(pk__in=enrollments).active()
    ids = active.order_by("enrollment__student__user__full_name", "pk").values_list("pk", flat=True)
    notices = [
        ShortageNotice(
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
    reminders = _record([(notice.enrollment_id, notice.tally) for notice in notices], channel, by)
    for notice, reminder in zip(notices, reminders, strict=True):
        notice.record = reminder
    return notices


@transaction.atomic
def record_absence_notice(student, day, marks, *, by, again=False):
    """Record a WhatsApp message about absences; return the notice in a list, or an empty list.

    Raise RecentlyReminded unless ``again``.
    """
    institute = Institute.objects.current()
    missed = {mark.enrollment_id: mark.sheet.batch.name for mark in marks}
    _lock_presences(missed)
    enrollments = list(Enrollment.objects.filter(pk__in=missed).select_related("presence"))
    values = {
        "name": student.user.full_name,
        "admission_number": student.admission_number,
        "batch": ", ".join(missed.values()),
        "day": format_date(day),
        "institute": institute.name,
        "phone": institute.phone,
    }
    earlier = AttendanceReminder.objects.filter(enrollment__in=missed).aggregate(
        last=Max("sent_at")
    )
    notice = AbsenceNotice(
        student,
        f"Attendance of {student} at {institute.name}",
        fill_template(institute.absence_message, values),
        earlier["last"],
        f"absent from {values['batch']} on {values['day']}",
    )
    notices = sendable_notices(
        [notice] if missed else [],
        channel=Channel.WHATSAPP,
        days=institute.reminder_days,
        again=again,
    )
    if notices:
        tallies = [(enrollment.pk, tally_of(enrollment)) for enrollment in enrollments]
        _record(tallies, Channel.WHATSAPP, by)
    return notices


def _lock_presences(enrollment_ids):
    rows = Presence.objects.select_for_update().filter(pk__in=enrollment_ids).order_by("pk")
    list(rows.values_list("pk"))


def _record(tallies, channel, by):
    return AttendanceReminder.objects.bulk_create(
        AttendanceReminder(
            enrollment_id=pk,
            channel=channel,
            attended=tally.attended,
            counted=tally.counted,
            sent_by=by,
        )
        for pk, tally in tallies
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
    reason="has no attendance shortage or no mobile number",
    reasons="no shortage, no email address, or already reminded",
)
