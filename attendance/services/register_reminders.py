from itertools import groupby
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.services import emails
from attendance.models import RegisterReminder
from attendance.queries.missing_registers import days_back, missing_registers


class RegisterReminderResult(NamedTuple):
    """What became of the reminder of one instructor: ``outcome`` is mailed, told, failed or unreachable."""

    instructor: User
    rows: list
    outcome: str


def send_register_reminders(now, *, dry_run=False):
    """Mail each active instructor the list of their registers that are missing, once a day. Returns a `Told` for each.

    With ``dry_run`` nothing is mailed nor kept, and the outcome is what it would be.
    """
    rows = [row for row in missing_registers(now, days=days_back()) if row.instructor_id]
    rows.sort(key=lambda row: (row.instructor_id, row.day, row.batch))
    people = User.objects.filter(is_active=True).in_bulk({row.instructor_id for row in rows})
    today = timezone.localdate(now)
    told_today = set(
        RegisterReminder.objects.filter(sent_on=today).values_list("instructor", flat=True)
    )
    found = []
    for key, own in groupby(rows, key=lambda row: row.instructor_id):
        if person := people.get(key):
            own = list(own)
            if key in told_today:
                outcome = "told"
            elif not person.email:
                outcome = "unreachable"
            else:
                outcome = "mailed" if dry_run else _mail(person, own, today)
            found.append(RegisterReminderResult(person, own, outcome))
    return sorted(found, key=lambda told: (told.instructor.full_name, told.instructor.pk))


def _mail(person, rows, today):
    """Mail one instructor unless somebody does so at this moment; the outcome."""
    try:
        with transaction.atomic():
            kept = RegisterReminder.objects.create(
                instructor=person, sent_on=today, registers=len(rows)
            )
    except IntegrityError:
        return "told"
    links = [
        (row, settings.SITE_URL + reverse("attendance:sheet", args=[row.batch_id, row.day]))
        for row in rows
    ]
    number = f"{len(rows)} register{'s' if len(rows) > 1 else ''}"
    message = emails.compose_email(
        "attendance/mail/registers", f"{number} to take", person.email, user=person, links=links
    )
    if emails.send_email(message):
        return "mailed"
    kept.delete()
    return "failed"
