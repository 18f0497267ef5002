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
    instructor: User
    rows: list
    outcome: str


def send_register_reminders(now, *, dry_run=False):
    """Email instructors their missing registers, at most once a day.

    ``dry_run`` sends nothing and predicts the outcomes.
    """
    rows = [row for row in missing_registers(now, days=days_back()) if row.instructor_id]
    rows.sort(key=lambda row: (row.instructor_id, row.day, row.batch))
    people = User.objects.able_to_teach().in_bulk({row.instructor_id for row in rows})
    today = timezone.localdate(now)
    reminders = RegisterReminder.objects.filter(sent_on=today)
    reminded = set(reminders.values_list("instructor", flat=True))
    results = []
    for instructor_id, group in groupby(rows, key=lambda row: row.instructor_id):
        if instructor := people.get(instructor_id):
            missing = list(group)
            if instructor_id in reminded:
                outcome = "already_sent"
            elif not instructor.email:
                outcome = "no_email"
            else:
                outcome = "sent" if dry_run else _send(instructor, missing, today)
            results.append(RegisterReminderResult(instructor, missing, outcome))
    return sorted(results, key=lambda result: (result.instructor.full_name, result.instructor.pk))


def _send(instructor, rows, today):
    try:
        with transaction.atomic():
            reminder = RegisterReminder.objects.create(
                instructor=instructor, sent_on=today, registers=len(rows)
            )
    except IntegrityError:
        return "already_sent"
    links = [
        (row, settings.SITE_URL + reverse("attendance:sheet", args=[row.batch_id, row.day]))
        for row in rows
    ]
    message = emails.compose_email(
        "attendance/emails/registers",
        f"{len(rows)} missing register{'s' if len(rows) > 1 else ''}",
        instructor.email,
        user=instructor,
        links=links,
    )
    if emails.send_email(message):
        return "sent"
    reminder.delete()
    return "failed"
