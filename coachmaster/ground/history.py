"""What was changed in a record, by whom and when: the rows of simple_history as sentences a page can show."""

import datetime
from dataclasses import dataclass

from django.utils.text import capfirst

from .days import day_words


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
        return day_words(value)
    return str(value)


def changes(*histories, limit=20):
    """The last changes of one or several records, newest first; saves that changed nothing are left out.

    ``histories`` are `record.history.all()`, with `select_related` for the foreign keys whose names are to be shown.
    One query each.
    """
    found = []
    for history in histories:
        rows = list(history.select_related("history_user").order_by("-history_date", "-history_id")[: limit + 1])
        for row, before in zip(rows, [*rows[1:], None], strict=True):
            if row.history_type == "+":
                fields = []
            elif before is None:
                continue
            else:
                fields = [
                    (capfirst(field.verbose_name), _words(before, field), _words(row, field))
                    for field in row.tracked_fields
                    if getattr(before, field.attname) != getattr(row, field.attname)
                ]
                if not fields:
                    continue
            label = capfirst(type(row).instance_type._meta.verbose_name)
            found.append(Change(at=row.history_date, by=row.history_user, label=label, fields=fields))
    return sorted(found, key=lambda change: change.at, reverse=True)[:limit]
