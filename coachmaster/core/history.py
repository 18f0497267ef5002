import datetime
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Exists, OuterRef
from django.utils.text import capfirst

from .dates import format_date
from .money import display


@dataclass
class Change:
    """A saved change: ``fields`` with (label, before, after), or what happened in a sentence."""

    at: datetime.datetime
    by: object
    label: str
    fields: list
    sentence: str = ""
    #: The record that was changed, if the list is about several.
    subject: str = ""


def records_since(model, moment):
    """Return the history records that were in force at some time since ``moment``."""
    key = model._meta.pk.attname
    later = model.history.filter(
        **{key: OuterRef(key)}, history_id__gt=OuterRef("history_id"), history_date__lte=moment
    )
    return model.history.filter(~Exists(later))


def recent_changes(*histories, limit=20, subject=None, without=()):
    """Return the last changes in histories of django-simple-history, newest first.

    With ``subject``, a function that names the record of a row, the fields of an added record are
    shown too. ``without`` names fields that the user may not see.
    """
    found = []
    for history in histories:
        newest = history.select_related("history_user").order_by("-history_date", "-history_id")
        rows = list(newest[: limit + 1])
        for place, row in enumerate(rows):
            if change := _change(row, rows[place + 1 :], subject, without):
                found.append(change)
    return sorted(found, key=lambda change: change.at, reverse=True)[:limit]


def _change(row, older_rows, subject, without):
    meta = type(row).instance_type._meta
    if row.history_type == "+":
        fields = _changed_fields(type(row)(), row, without) if subject else []
    else:
        pk = meta.pk.attname
        same = (old for old in older_rows if getattr(old, pk) == getattr(row, pk))
        before = next(same, None)
        fields = _changed_fields(before, row, without) if before else []
    sentence = row.history_change_reason or ""
    if not (fields or sentence or row.history_type == "+"):
        return None
    label = capfirst(meta.verbose_name)
    name = subject(row) if subject else ""
    return Change(row.history_date, row.history_user, label, fields, sentence, name)


def _changed_fields(before, row, without):
    return [
        (capfirst(field.verbose_name), _display(before, field), _display(row, field))
        for field in row.tracked_fields
        if field.editable
        and field.name not in without
        and field.attname != row.instance_type._meta.pk.attname
        and getattr(before, field.attname) != getattr(row, field.attname)
    ]


def _display(row, field):
    value = getattr(row, field.name)
    if value is None or value == "":
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return format_date(value)
    if isinstance(value, Decimal):
        return display(value)
    return str(getattr(row, f"get_{field.name}_display")() if field.choices else value)
