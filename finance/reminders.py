"""Reminders about fees: what they say, to whom they go, and that they were sent."""

import datetime
import re
from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from academics.models import Institute
from accounts.models import StudentProfile
from coachmaster.ground.days import day_words
from coachmaster.ground.money import ZERO, display
from coachmaster.ground.whatsapp import whatsapp_link, whatsapp_number

from . import upi
from .dues import Dues
from .models import Account, Reminder


@dataclass
class Notice:
    """A reminder to one family: ``amount`` rupees are due now, the oldest since ``due_on``."""

    student: StudentProfile
    amount: Decimal
    due_on: datetime.date
    text: str
    reminded_at: datetime.datetime | None

    @property
    def email(self):
        """Where a mail goes: to the guardian, else to the student."""
        return self.student.guardian_email or self.student.user.email

    @property
    def link(self):
        """The link that opens WhatsApp with the text, or ""."""
        return whatsapp_link(whatsapp_phone(self.student), self.text)

    def was_reminded(self, institute):
        """Whether the last reminder was sent within the days that the institute has set."""
        days = datetime.timedelta(days=institute.reminder_days)
        return self.reminded_at is not None and self.reminded_at > timezone.now() - days


class RemindedAlready(ValidationError):
    """Some were reminded a few days ago: to be confirmed. ``notices`` are those to them."""

    def __init__(self, notices):
        self.notices = notices
        names = ", ".join(f"{one.student} on {day_words(timezone.localdate(one.reminded_at))}" for one in notices)
        super().__init__(f"Reminded already: {names}.")


def whatsapp_phone(student):
    """The mobile number to write to: the guardian's, else the student's own; "" when there is none."""
    return next(filter(whatsapp_number, [student.guardian_phone, student.user.phone]), "")


def text_for(student, institute, amount, due_on):
    """The institute's text, filled for ``student`` who owes ``amount`` rupees since ``due_on``."""
    words = {
        "name": student.user.full_name,
        "admission_number": student.admission_number,
        "amount": display(amount),
        "due_on": day_words(due_on),
        "institute": institute.name,
        "phone": institute.phone,
        "upi_link": upi.link_for(student, institute, amount, timezone.localdate()),
    }
    return re.sub("{(" + "|".join(words) + ")}", lambda match: words[match[1]], institute.fee_reminder).strip()


@transaction.atomic
def remind(students, *, channel, by, again=False, leave_out=False):
    """Write down that ``students`` (keys) are reminded of what is due now, and return the notices to send.

    Who owes nothing by today is left out, and by mail who has no address. Raises RemindedAlready when some were reminded
    within the institute's days, unless they are reminded ``again`` or to ``leave_out``. Then nobody is reminded.
    """
    institute = Institute.objects.current()
    list(Account.objects.select_for_update().filter(pk__in=students).order_by("pk").values_list("pk"))
    dues = Dues(timezone.localdate())
    accounts = dues.with_contacts(dues.accounts()).filter(pk__in=students).order_by("student__user__full_name", "pk")
    notices = []
    for debtor in dues.debtors(list(accounts)):
        if debtor.due_now > ZERO:
            student, due_on = debtor.account.student, debtor.first_open.charge.due_on
            text = text_for(student, institute, debtor.due_now, due_on)
            notices.append(Notice(student, debtor.due_now, due_on, text, debtor.account.reminded_at))
    if channel == Reminder.Channel.EMAIL:
        notices = [notice for notice in notices if notice.email]
    else:
        notices = [notice for notice in notices if notice.link]
    if not again:
        recent = [notice for notice in notices if notice.was_reminded(institute)]
        if recent and not leave_out:
            raise RemindedAlready(recent)
        notices = [notice for notice in notices if notice not in recent]
    Reminder.objects.bulk_create(
        [Reminder(student=notice.student, channel=channel, amount=notice.amount, sent_by=by) for notice in notices]
    )
    return notices
