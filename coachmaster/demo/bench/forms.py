"""Forms that are sent again and again, each time for something that was not saved before. What they send is written."""

import datetime
import itertools

from django.core.management.base import CommandError
from django.urls import reverse
from django.utils import timezone

from academics.models import Batch, Enrollment, Holiday
from attendance.models import Sheet
from finance.forms.payments import PaymentForm
from finance.models import Account

#: A sheet that is saved has from so many to so many students.
FEWEST, MOST = 30, 50


def next_of(forms):
    """The next address and its fields; raises CommandError at the end."""
    if form := next(forms, None):
        return form
    raise CommandError("Everything that could be saved is saved: measure on a copy.")


def payments():
    """Yield the address of the payment form and its fields: ten rupees of one who owes something, without end."""
    students = list(Account.objects.owing().order_by("pk").values_list("pk", flat=True)[:500])
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
    """Yield the address and fields of sheets that were not taken yet, the newest days first, of a batch each in turn."""
    today = timezone.localdate()
    batches = list(
        Batch.objects.running(today).with_strength().filter(strength__range=(FEWEST, MOST))[:100]
    )
    holidays = set(Holiday.objects.values_list("day", flat=True))
    for day in (today - datetime.timedelta(number) for number in range(366)):
        taken = set(Sheet.objects.filter(held_on=day).values_list("batch", flat=True))
        for batch in batches:
            if day in holidays or day < batch.starts_on or batch.pk in taken:
                continue
            roll = list(
                Enrollment.objects.on_roll(day)
                .filter(batch=batch)
                .values_list("student", flat=True)
            )
            if len(roll) >= FEWEST:
                marks = {
                    f"mark-{student}": "present" if student % 8 else "absent" for student in roll
                }
                yield (
                    reverse("attendance:sheet", args=[batch.pk, day]),
                    {"version": "0", "topic": "", "confirmed": "on", **marks},
                )
