import re

from django.core.exceptions import ValidationError
from django.db import models

from coachmaster.core.fields import MultiLineField

ATTENDANCE_PLACEHOLDERS = [
    "name",
    "admission_number",
    "batch",
    "attended",
    "counted",
    "percent",
    "expected",
    "absences",
    "institute",
    "phone",
]
ABSENCE_PLACEHOLDERS = ["name", "admission_number", "batch", "day", "institute", "phone"]
FEE_PLACEHOLDERS = [
    "name",
    "admission_number",
    "dues",
    "amount",
    "due_on",
    "institute",
    "phone",
    "upi_link",
]


def validate_fee_reminder(value):
    _validate_placeholders(value, FEE_PLACEHOLDERS)


def validate_attendance_reminder(value):
    _validate_placeholders(value, ATTENDANCE_PLACEHOLDERS)


def validate_absence_message(value):
    _validate_placeholders(value, ABSENCE_PLACEHOLDERS)


def _validate_placeholders(value, names):
    rest = re.sub("{(" + "|".join(names) + ")}", "", value)
    if "{" in rest or "}" in rest:
        allowed = ", ".join(f"{{{name}}}" for name in names)
        raise ValidationError(f"Use only these placeholders in braces: {allowed}.")


class ReminderTexts(models.Model):
    """Texts of the messages to families, as the institute edits them."""

    fee_reminder = MultiLineField(
        "text of a fee reminder",
        max_length=1000,
        validators=[validate_fee_reminder],
        default="Dear parent, fees of {name} ({admission_number}): {dues}. Please pay {amount} "
        "at {institute}. {upi_link}",
        help_text="Placeholders: {name}, {admission_number}, {dues} (like “₹4,000 overdue since "
        "5 Nov · ₹9,600 due today · ₹28,800 later”), {amount} (overdue and due today), {due_on}, "
        "{institute}, {phone} and {upi_link}.",
    )
    attendance_reminder = MultiLineField(
        "text of an attendance reminder",
        max_length=1000,
        validators=[validate_attendance_reminder],
        default="Dear parent, {name} ({admission_number}) has attended {attended} of {counted} "
        "classes of {batch}: {percent} %. At least {expected} % is required. Please call "
        "{institute}, {phone}.",
        help_text="Placeholders: {name}, {admission_number}, {batch}, {attended}, {counted}, "
        "{percent}, {expected}, {absences} (in a row), {institute} and {phone}.",
    )
    absence_message = MultiLineField(
        "text of an absence message",
        max_length=1000,
        validators=[validate_absence_message],
        default="Dear parent, {name} ({admission_number}) was absent from {batch} on {day}. "
        "Please call {institute}, {phone}.",
        help_text="Sent from the list of absent students. Placeholders: {name}, "
        "{admission_number}, {batch}, {day}, {institute} and {phone}.",
    )

    class Meta:
        abstract = True
