"""What was changed in a record, by whom and when: the rows of simple_history as sentences a page can show."""

import datetime
from dataclasses import dataclass
from decimal import Decimal

from django.utils.text import capfirst

from .dates import format_date
from .money import display


@dataclass
class Change:
    """One change: ``fields`` are (label, before, after); none when the record was made."""

    at: datetime.datetime
    by: object
    label: str
    fields: list


def _words(row, field):
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


def recent_changes(*histories, limit=20):
    """The last changes of one or several records, newest first; saves that changed nothing are left out.

    ``histories`` are `record.history.all()` or a queryset over several records of one table, with `select_related` for
    the foreign keys whose names are to be shown. One query each.
    """
    found = []
    for history in histories:
        rows = list(
            history.select_related("history_user").order_by("-history_date", "-history_id")[
                : limit + 1
            ]
        )
        for place, row in enumerate(rows):
            key = type(row).instance_type._meta.pk.attname
            before = next(
                (old for old in rows[place + 1 :] if getattr(old, key) == getattr(row, key)), None
            )
            if row.history_type == "+":
                fields = []
            elif before is None:
                continue
            else:
                fields = [
                    (capfirst(field.verbose_name), _words(before, field), _words(row, field))
                    for field in row.tracked_fields
                    # What the program keeps for itself is nobody's change.
                    if field.editable
                    and getattr(before, field.attname) != getattr(row, field.attname)
                ]
                if not fields:
                    continue
            label = capfirst(type(row).instance_type._meta.verbose_name)
            found.append(
                Change(at=row.history_date, by=row.history_user, label=label, fields=fields)
            )
    return sorted(found, key=lambda change: change.at, reverse=True)[:limit]
