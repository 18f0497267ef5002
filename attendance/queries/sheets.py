import datetime
from dataclasses import dataclass

from accounts.models import User
from attendance.models import Mark, Sheet
from attendance.percentages import STATUS_BY_VALUE
from coachmaster.core.compiled import compiled


@dataclass
class SheetSave:
    """One save of a sheet: None for ``by`` is an import."""

    by: str | None
    at: datetime.datetime
    topic: str
    #: The topic of the save before, None of the first one.
    topic_before: str | None = None


def sheet_saves(sheet):
    """Every `Save` of ``sheet`` that is known, the newest first: what it is now, and how it stood before. One query."""
    kept = [*sheet.earlier_saves, sheet.last_save]
    names = dict(
        User.objects.filter(pk__in={one["by"] for one in kept}).values_list("pk", "full_name")
    )
    saves, topic = [], None
    for one in kept:
        saves.append(
            SheetSave(
                names.get(one["by"]),
                datetime.datetime.fromisoformat(one["at"]),
                one["topic"],
                topic,
            )
        )
        topic = one["topic"]
    return saves[::-1]


@compiled  # 1.2 to 0.4 ms, with each page of a sheet
def _newest_sheets(*, batch, last):
    return Sheet.objects.filter(batch=batch, held_on__lte=last).for_list().order_by("-held_on")[:6]


def sheet_and_previous(batch, held_on):
    """``(sheet, earlier)``: the sheet of ``batch`` on that day or None, and the last five before it, the oldest first."""
    found = _newest_sheets(batch=batch.pk, last=held_on)
    sheet = found.pop(0) if found and found[0].held_on == held_on else None
    return sheet, found[:5][::-1]


def marks_by_student(sheets):
    """``{student id: [Status or None, one a sheet]}`` of who has a mark on one of ``sheets`` (a list). One query."""
    columns = {sheet.pk: column for column, sheet in enumerate(sheets)}
    marks = {}
    if columns:
        found = (
            Mark.objects.filter(sheet__in=columns)
            .order_by()
            .values_list("student", "sheet", "status")
        )
        for student_id, sheet_id, status in found:
            marks.setdefault(student_id, [None] * len(columns))[columns[sheet_id]] = (
                STATUS_BY_VALUE[status]
            )
    return marks
