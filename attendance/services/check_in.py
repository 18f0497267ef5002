"""Check-in by code: students mark themselves, on their own phones, while the class is on.

The instructor's screen shows a code that changes every few seconds. It names batch, day and who shows it, and is signed, so
that only this server can have made it; the time in it is the server's. Scanned, it gives a ticket of a few minutes, kept in
the session, so that there is time to sign in. What a ticket is worth is asked again when it is used.

A device is known by a signed cookie, and marks one student on a sheet. Who clears the cookies of their phone has another
device: the instructor sees who arrives, and has the last word.
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

from .sheets import day_schedule, reason_not_allowed, save_sheet

#: How long a code is shown. The one before it still counts, for who has just scanned it.
CODE_SECONDS = 20
#: How long a scanned code can be used: time to sign in.
TICKET_SECONDS = 300
#: How long before a class students may check in.
EARLY = datetime.timedelta(minutes=15)

_signer = signing.Signer(salt="attendance.check-in", sep=".")


class CheckInRefused(ValidationError):
    """A check-in that does not count, with the sentence that says why."""


@dataclass(frozen=True)
class Ticket:
    """What a scanned code stands for."""

    batch: int
    day: datetime.date
    #: Who showed the code.
    by: int
    #: When it was scanned, in seconds.
    at: int

    @classmethod
    def of(cls, kept):
        """The Ticket that a session keeps (a list), or None."""
        return cls(kept[0], datetime.date.fromisoformat(kept[1]), *kept[2:]) if kept else None

    @property
    def kept(self):
        """What a session keeps of it."""
        return [self.batch, self.day.isoformat(), self.by, self.at]


def make_code(batch, day, by):
    """The code of ``batch`` on that day that ``by`` shows now; the same for as long as it is shown."""
    return _signer.sign(f"{batch.pk}-{day:%Y%m%d}-{by.pk}-{int(time.time()) // CODE_SECONDS}")


def read_code(code):
    """The Ticket for a scanned ``code``. Raises Refused when it was not made here, or is no longer shown."""
    try:
        batch, day, by, period = _signer.unsign(code).split("-")
    except (signing.BadSignature, ValueError) as error:
        raise CheckInRefused(
            "This is not a code of ours. Scan the one that your instructor shows."
        ) from error
    now = int(time.time())
    if now // CODE_SECONDS - int(period) not in (0, 1):
        raise CheckInRefused(
            "This code is over: it changes every few seconds. Scan the one that your instructor shows now."
        )
    return Ticket(int(batch), datetime.datetime.strptime(day, "%Y%m%d").date(), int(by), now)


def held_classes(schedule):
    """The classes of a `DaySchedule` that are held, by time."""
    return [one for one in schedule.classes if not one.not_held_reason]


def at_time(day, at):
    """A time of day as a moment."""
    return timezone.make_aware(datetime.datetime.combine(day, at))


def current_class(classes, when, *, early=EARLY, after=datetime.timedelta(0)):
    """The first of ``classes`` that is on at that moment, or begins within ``early``, or ended within ``after``; or None."""
    for one in classes:
        if (
            at_time(one.day, one.slot.starts_at) - early
            <= when
            < at_time(one.day, one.slot.ends_at) + after
        ):
            return one
    return None


def status_at(one: ScheduledClass, when, institute):
    """Present, or late by the institute's minutes, for who comes to the class at that moment."""
    grace = datetime.timedelta(minutes=institute.late_after_minutes)
    return (
        MarkStatus.LATE
        if when > at_time(one.day, one.slot.starts_at) + grace
        else MarkStatus.PRESENT
    )


def check_allowed(ticket, student, device):
    """``(batch, status)`` of what the check-in of ``student`` would write now. Raises Refused."""
    now, institute = timezone.now(), Institute.objects.current()
    if not institute.check_in_by_code:
        raise CheckInRefused("Check-in by code is switched off. Your instructor marks you.")
    if time.time() - ticket.at > TICKET_SECONDS:
        raise CheckInRefused(
            "Too much time has passed since you scanned the code. Scan the one that is shown now."
        )
    batch = Batch.objects.filter(pk=ticket.batch).first()
    today = timezone.localdate(now)
    if batch is None or ticket.day != today:
        raise CheckInRefused(
            "This code is of another day. Scan the one that your instructor shows now."
        )
    schedule = day_schedule(batch, today)
    if sentence := reason_not_allowed(batch, today, today=today, schedule=schedule):
        raise CheckInRefused(sentence)
    one = current_class(held_classes(schedule), now)
    if one is None:
        raise CheckInRefused(f"{batch} has no class now. Check in while the class is on.")
    if not Enrollment.objects.filter(batch=batch, student=student).on_roll(today).exists():
        raise CheckInRefused(
            f"You are not in {batch} on {format_date(today)}. If that is wrong, tell your instructor."
        )
    mark = Mark.objects.filter(sheet__batch=batch, sheet__held_on=today, student=student).first()
    if mark:
        raise CheckInRefused(
            f"You are marked already: {mark.get_status_display().lower()}. Nothing was changed."
        )
    sheet = Sheet.objects.filter(batch=batch, held_on=today).first()
    if sheet and not sheet.is_open:
        raise CheckInRefused(
            f"The sheet of {batch} is closed already. Ask your instructor to mark you."
        )
    if not device:
        raise CheckInRefused(
            "Your browser keeps no cookies for this site. Allow them, and scan the code again."
        )
    if sheet and CheckIn.objects.filter(sheet=sheet, device=device).exists():
        raise CheckInRefused(
            "This device has checked in another student to this class. Ask your instructor to mark you."
        )
    return batch, status_at(one, now, institute)


def check_in(ticket, student, device):
    """Mark ``student`` (a record) by the clock, on the sheet of the class that the code stood for; the CheckIn.

    A sheet that is not there yet is made, and is open: who has not checked in has no mark until the instructor saves it.
    Raises Refused.
    """
    try:
        return _write(ticket, student, device)
    except IntegrityError:
        # The same device, or the same student, was quicker with another request: look again, and say so.
        return _write(ticket, student, device)


@transaction.atomic
def _write(ticket, student, device):
    batch, status = check_allowed(ticket, student, device)
    saved = save_sheet(
        batch=batch,
        held_on=ticket.day,
        statuses={student.pk: status},
        by=User.objects.filter(pk=ticket.by).first(),
        confirmed_unplanned=True,
        leaves_open=True,
    )
    return CheckIn.objects.create(sheet=saved.sheet, student=student, device=device, status=status)
