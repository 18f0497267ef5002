"""Endless forms for measuring saves; each is sent once. What they save stays in the database."""

import datetime
import itertools

from django.core.management.base import CommandError
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, Enrollment, Holiday
from attendance.models import Sheet
from finance.forms.payments import PaymentForm
from finance.models import Account

MIN_STUDENTS, MAX_STUDENTS = 30, 50


def next_form(forms):
    if form := next(forms, None):
        return form
    raise CommandError("There is nothing left to save. Measure on a copy of the database.")


def payments():
    """Yield pairs of address and fields: payments of ₹10 by students with dues."""
    students = list(Account.objects.with_dues().order_by("pk").values_list("pk", flat=True)[:500])
    for student in itertools.cycle(students):
        fields = {
            "token": PaymentForm.new_token(),
            "amount": "10.00",
            "mode": "cash",
            "paid_on": f"{timezone.localdate()}",
            "as_advance": "on",
            "confirm_duplicate": "on",
        }
        yield f"{reverse('finance:payment-create')}?student={student}", fields


def sheets():
    """Yield pairs of address and fields: sheets that are not saved yet, the newest first."""
    today = timezone.localdate()
    batches = list(
        Batch.objects.running(today)
        .with_strength()
        .filter(strength__range=(MIN_STUDENTS, MAX_STUDENTS))[:100]
    )
    holidays = set(Holiday.objects.values_list("day", flat=True))
    for day in (today - datetime.timedelta(number) for number in range(366)):
        saved = set(Sheet.objects.filter(held_on=day).values_list("batch", flat=True))
        for batch in batches:
            if day in holidays or day < batch.starts_on or batch.pk in saved:
                continue
            enrollments = Enrollment.objects.on_roll(day).filter(batch=batch)
            students = list(enrollments.values_list("student", flat=True))
            if len(students) >= MIN_STUDENTS:
                marks = {f"mark-{pk}": "present" if pk % 8 else "absent" for pk in students}
                yield (
                    reverse("attendance:sheet", args=[batch.pk, day]),
                    {"version": "0", "topic": "", "confirmed": "on", **marks},
                )
