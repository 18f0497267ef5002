"""Check-in by code.

The instructor shows a signed code that changes every few seconds. A scanned code gives a ticket
in the session, so that there is time to sign in. A ticket is validated again when it is used.
A device, known by a signed cookie, can check in one student to a class.
"""

import datetime
import time
from dataclasses import dataclass

from django.core import signing
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from academics.models import Batch, Enrollment, Institute
from academics.timetable import ScheduledClass
from accounts.models import User
from attendance.models import CheckIn, Mark, Sheet
from attendance.percentages import MarkStatus
from coachmaster.core.dates import format_date

from .sheets import SheetContent, day_schedule, reason_not_allowed, save_sheet

#: How long a code is shown. The previous code is still accepted.
CODE_SECONDS = 20
#: How long a scanned code can be used.
TICKET_SECONDS = 300
#: How long before a class students can check in.
EARLY = datetime.timedelta(minutes=15)

_signer = signing.Signer(salt="attendance.check-in", sep=".")


class CheckInRefused(ValidationError):
    pass


@dataclass(frozen=True)
class Ticket:
    batch: int
    day: datetime.date
    #: Id of the instructor who showed the code.
    by: int
    #: Time of the scan, in seconds.
    at: int

    @classmethod
    def from_session(cls, value):
        if not value:
            return None
        return cls(value[0], datetime.date.fromisoformat(value[1]), *value[2:])

    def for_session(self):
        return [self.batch, self.day.isoformat(), self.by, self.at]


def make_code(batch, day, by):
    return _signer.sign(f"{batch.pk}-{day:%Y%m%d}-{by.pk}-{int(time.time()) // CODE_SECONDS}")


def read_code(code):
    """Return the Ticket. Raise CheckInRefused if the code is forged or expired."""
    try:
        batch, day, by, period = _signer.unsign(code).split("-")
    except (signing.BadSignature, ValueError) as error:
        raise CheckInRefused(
            "This code is invalid. Scan the code that your instructor shows."
        ) from error
    now = int(time.time())
    if now // CODE_SECONDS - int(period) not in (0, 1):
        raise CheckInRefused(
            "This code has expired: it changes every few seconds. "
            "Scan the code that your instructor shows now."
        )
    return Ticket(int(batch), datetime.datetime.strptime(day, "%Y%m%d").date(), int(by), now)


def held_classes(schedule):
    return [scheduled for scheduled in schedule.classes if not scheduled.not_held_reason]


def at_time(day, at):
    return timezone.make_aware(datetime.datetime.combine(day, at))


def current_class(classes, when, *, early=EARLY, after=datetime.timedelta(0)):
    """Return the class from ``early`` before its start until ``after`` its end, or None."""
    for scheduled in classes:
        opens_at = at_time(scheduled.day, scheduled.slot.starts_at) - early
        if opens_at <= when < at_time(scheduled.day, scheduled.slot.ends_at) + after:
            return scheduled
    return None


def status_at(scheduled: ScheduledClass, when, institute):
    grace = datetime.timedelta(minutes=institute.late_after_minutes)
    is_late = when > at_time(scheduled.day, scheduled.slot.starts_at) + grace
    return MarkStatus.LATE if is_late else MarkStatus.PRESENT


def check_allowed(ticket, student, device):
    """Return ``(batch, status)`` of a check-in now. Raise CheckInRefused."""
    now, institute = timezone.now(), Institute.objects.current()
    if not institute.check_in_by_code:
        raise CheckInRefused("Check-in by code is switched off. Ask your instructor to mark you.")
    if time.time() - ticket.at > TICKET_SECONDS:
        raise CheckInRefused(
            "You scanned the code too long ago. Scan the code that your instructor shows now."
        )
    batch = Batch.objects.filter(pk=ticket.batch).first()
    today = timezone.localdate(now)
    if batch is None or ticket.day != today:
        raise CheckInRefused(
            "This code is for another day. Scan the code that your instructor shows now."
        )
    scheduled = _class_now(batch, today, now)
    _check_student(batch, student, today)
    _check_sheet(batch, today, device)
    return batch, status_at(scheduled, now, institute)


def _class_now(batch, today, now):
    schedule = day_schedule(batch, today)
    if reason := reason_not_allowed(batch, today, today=today, schedule=schedule):
        raise CheckInRefused(reason)
    scheduled = current_class(held_classes(schedule), now)
    if scheduled is None:
        raise CheckInRefused(f"{batch} has no class now. Check in during the class.")
    return scheduled


def _check_student(batch, student, today):
    if not Enrollment.objects.filter(batch=batch, student=student).on_roll(today).exists():
        raise CheckInRefused(
            f"You are not in {batch} on {format_date(today)}. "
            "If this is wrong, tell your instructor."
        )
    mark = Mark.objects.filter(sheet__batch=batch, sheet__held_on=today, student=student).first()
    if mark:
        raise CheckInRefused(
            f"You are already marked {mark.get_status_display().lower()}. Nothing was changed."
        )


def _check_sheet(batch, today, device):
    sheet = Sheet.objects.filter(batch=batch, held_on=today).first()
    if sheet and not sheet.is_open:
        raise CheckInRefused(
            f"Attendance of {batch} is already saved. Ask your instructor to mark you."
        )
    if not device:
        raise CheckInRefused(
            "Your browser does not accept cookies from this site. Allow them and scan the code "
            "again."
        )
    if sheet and CheckIn.objects.filter(sheet=sheet, device=device).exists():
        raise CheckInRefused(
            "This device has already checked in another student to this class. "
            "Ask your instructor to mark you."
        )


def check_in(ticket, student, device):
    """Mark the student on an open sheet. Raise CheckInRefused."""
    try:
        return _save(ticket, student, device)
    except IntegrityError:
        # Another request of this device or student came first. The second try says so.
        return _save(ticket, student, device)


@transaction.atomic
def _save(ticket, student, device):
    batch, status = check_allowed(ticket, student, device)
    result = save_sheet(
        batch=batch,
        held_on=ticket.day,
        content=SheetContent({student.pk: status}),
        by=User.objects.filter(pk=ticket.by).first(),
        allow_unplanned=True,
        keep_open=True,
    )
    return CheckIn.objects.create(sheet=result.sheet, student=student, device=device, status=status)
