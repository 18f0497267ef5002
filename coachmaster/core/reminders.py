"""Reminders to families, whatever they are about: how they go out, whom not to remind twice, and that they are kept."""

import datetime
import re
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
    """How a reminder goes out."""

    WHATSAPP = "whatsapp", "WhatsApp"
    EMAIL = "email", "E-mail"


class SentReminder(models.Model):
    """A reminder that somebody sent or opened to send."""

    Channel = Channel

    channel = models.CharField(max_length=10, choices=Channel.choices)
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    sent_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True


@dataclass
class ReminderDraft:
    """A reminder to the family of ``student``, and when the last one about the same was sent."""

    student: Any
    subject: str
    text: str
    reminded_at: datetime.datetime | None

    #: The row by which it is written down that it was sent.
    kept = None

    @property
    def email(self):
        """Where a mail goes: to the guardian, else to the student."""
        return self.student.contact_email

    @property
    def link(self):
        """The link that opens WhatsApp with the text, or ""."""
        return whatsapp_url(whatsapp_phone(self.student), self.text)

    def was_reminded(self, days):
        """Whether the last reminder was sent within so many days."""
        return (
            self.reminded_at is not None
            and self.reminded_at > timezone.now() - datetime.timedelta(days=days)
        )


class RecentlyReminded(ValidationError):
    """Some were reminded a few days ago: to be confirmed. ``notices`` are those to them."""

    def __init__(self, notices):
        self.notices = notices
        names = ", ".join(
            f"{one.student} on {format_date(timezone.localdate(one.reminded_at))}"
            for one in notices
        )
        super().__init__(f"Reminded already: {names}.")


def whatsapp_phone(student):
    """The mobile number to write to: the guardian's, else the student's own; "" when there is none."""
    return next(filter(whatsapp_number, [student.guardian_phone, student.user.phone]), "")


def fill_template(text, words):
    """``text`` with each `{word}` of ``words`` filled in; braces within what is filled in stay as they are."""
    return re.sub("{(" + "|".join(words) + ")}", lambda match: str(words[match[1]]), text).strip()


def sendable_drafts(notices, *, channel, days, again=False, leave_out=False):
    """Those of ``notices`` that can go out by ``channel``.

    Raises RemindedAlready when some were reminded within so many days, unless they are reminded ``again`` or to
    ``leave_out``.
    """
    sendable = [
        notice for notice in notices if (notice.email if channel == Channel.EMAIL else notice.link)
    ]
    if again:
        return sendable
    recent = [notice for notice in sendable if notice.was_reminded(days)]
    if recent and not leave_out:
        raise RecentlyReminded(recent)
    return [notice for notice in sendable if notice not in recent]


class ReminderForm(forms.Form):
    """The rows of a list that were ticked (``name`` says what they are), and what to do with those who were reminded a
    few days ago."""

    recent = forms.ChoiceField(
        choices=[("again", "Remind them again"), ("leave_out", "Leave them out")], required=False
    )

    def __init__(self, *args, name, rows, **kwargs):
        super().__init__(*args, **kwargs)
        self.name = name
        self.fields[name] = SelectedRowsField(queryset=rows)

    def clean(self):
        if len(self.ticked) > PAGE_SIZE:
            raise ValidationError(f"Tick at most {PAGE_SIZE} at a time.")

    @property
    def ticked(self):
        """The rows that were ticked."""
        return self.cleaned_data.get(self.name, [])

    @property
    def choice(self):
        """What `to_send` is told of those who were reminded already."""
        recent = self.cleaned_data["recent"]
        return {"again": recent == "again", "leave_out": recent == "leave_out"}
