import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from .dates import format_date
from .form_fields import SelectedRowsField
from .pagination import PAGE_SIZE
from .phones import whatsapp_number, whatsapp_url


class Channel(models.TextChoices):
    WHATSAPP = "whatsapp", "WhatsApp"
    EMAIL = "email", "Email"


class SentReminder(models.Model):
    Channel = Channel

    channel = models.CharField(max_length=10, choices=Channel.choices)
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    sent_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True


@dataclass
class ReminderNotice:
    """Text of a reminder to the family of ``student``, and when they were last reminded."""

    student: Any
    subject: str
    text: str
    reminded_at: datetime.datetime | None

    #: The SentReminder that records it, and whether the family was reminded a few days ago.
    record = None
    is_recent = False

    @property
    def email(self):
        return self.student.contact_email

    @property
    def whatsapp_url(self):
        return whatsapp_url(whatsapp_phone(self.student), self.text)

    def was_reminded(self, days):
        return (
            self.reminded_at is not None
            and self.reminded_at > timezone.now() - datetime.timedelta(days=days)
        )


class RecentlyReminded(ValidationError):
    """Families were reminded a few days ago; the user must confirm."""

    def __init__(self, notices):
        self.notices = notices
        names = ", ".join(
            f"{notice.student} on {format_date(timezone.localdate(notice.reminded_at))}"
            for notice in notices
        )
        super().__init__(f"Reminded already: {names}.")


def whatsapp_phone(student):
    """Return the guardian's mobile number, else the student's, else ""."""
    return next(filter(whatsapp_number, [student.guardian_phone, student.user.phone]), "")


def fill_template(text, values):
    """Fill in each `{name}` of ``values``; other braces stay as they are."""
    pattern = "{(" + "|".join(values) + ")}"
    return re.sub(pattern, lambda match: str(values[match[1]]), text).strip()


def sendable_notices(notices, *, channel, days, again=False, leave_out=False):
    """Return the notices with an address for ``channel``. May raise RecentlyReminded."""
    sendable = [
        notice
        for notice in notices
        if (notice.email if channel == Channel.EMAIL else notice.whatsapp_url)
    ]
    if again:
        return sendable
    recent = [notice for notice in sendable if notice.was_reminded(days)]
    if recent and not leave_out:
        raise RecentlyReminded(recent)
    return [notice for notice in sendable if notice not in recent]


@dataclass(frozen=True)
class ReminderKind:
    """A kind of reminders, as the views that send them need it."""

    #: The URL name of the list, and the name of its checkboxes.
    list_page: str
    rows_name: str
    #: The rows that a user may see, one of them by its id (or Http404), and the student of a row.
    rows: Callable
    row_or_404: Callable
    student_of: Callable
    #: Records the reminders and returns the notices to send.
    remind: Callable
    #: Why one student, and why some of the selected students, cannot be reminded.
    reason: str
    reasons: str


class ReminderForm(forms.Form):
    recent = forms.ChoiceField(
        choices=[("again", "Remind them again"), ("leave_out", "Leave them out")], required=False
    )

    def __init__(self, *args, name, rows, **kwargs):
        super().__init__(*args, **kwargs)
        self.name = name
        self.fields[name] = SelectedRowsField(queryset=rows)

    def clean(self):
        if len(self.selected) > PAGE_SIZE:
            raise ValidationError(f"Select at most {PAGE_SIZE} students at a time.")

    @property
    def selected(self):
        return self.cleaned_data.get(self.name, [])

    @property
    def is_confirmed(self):
        return bool(self.cleaned_data["recent"])

    @property
    def options(self):
        recent = self.cleaned_data["recent"]
        return {"again": recent == "again", "leave_out": recent == "leave_out"}
