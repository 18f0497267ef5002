"""Taking attendance: the rules of a sheet and the one write."""

import datetime
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from academics.models import Enrollment, Institute
from coachmaster.ground.days import day_words

from .models import Mark, MarkChange, Sheet


class Stale(ValidationError):
    """The sheet was saved by somebody after this page was opened."""


class NotPlanned(ValidationError):
    """The batch has no class on this weekday: to be confirmed."""


@dataclass
class Saved:
    """What a save did."""

    sheet: Sheet
    created: list[Mark] = field(default_factory=list)
    changed: list[Mark] = field(default_factory=list)


def why_not(batch, held_on, *, today, user=None):
    """The sentence that says why ``batch`` can have no sheet of that day, or "".

    ``user`` None stands for an import, which may reach back as far as it likes; instructors may reach back as many days
    as the institute's settings say. ``batch`` comes from `Batch.objects.as_of(held_on)`.
    """
    if held_on > today:
        return f"{day_words(held_on)} lies in the future. Attendance is taken on the day."
    if held_on < batch.starts_on:
        return f"{batch} starts on {day_words(batch.starts_on)}."
    if batch.is_over(held_on):
        return f"{batch} ended on {day_words(batch.ends_on)}."
    if batch.holiday:
        return f"{day_words(held_on)} is a holiday: {batch.holiday}."
    if user is not None and not user.has_perm("attendance.correct_any_day"):
        days = Institute.objects.current().attendance_edit_days
        if held_on < today - datetime.timedelta(days=days):
            return f"Sheets can be taken and corrected for {days} days. Ask the office to correct this one."
    return ""


def roll(batch, held_on):
    """The enrollments that stand on a sheet, by name: who was in the batch that day, and who has a mark on it."""
    marked = Mark.objects.filter(sheet__batch=batch, sheet__held_on=held_on).values("enrollment")
    in_batch = Q(pk__in=Enrollment.objects.filter(batch=batch).on_roll(held_on).values("pk"))
    return Enrollment.objects.filter(in_batch | Q(pk__in=marked)).by_name()


@transaction.atomic
def take_attendance(*, batch, held_on, statuses, enrollments, by, version=None, topic=None, confirmed_unplanned=False):
    """Write the sheet of ``batch`` on one day; on a sheet that exists, correct what differs.

    ``enrollments`` is the roll of that day, ``statuses`` maps student ids to statuses; students left out stay as they
    are. ``version`` is the save that the page had seen (0: none), None when the caller does not keep count. Returns what
    was written; a save without a difference writes nothing. Raises `Stale`, `NotPlanned` and ValidationError; whether
    the day can have a sheet at all is `why_not`'s to say.
    """
    on_roll = {enrollment.student_id: enrollment for enrollment in enrollments}
    if strangers := statuses.keys() - on_roll.keys():
        raise ValidationError(f"Not in {batch} on {day_words(held_on)}: {', '.join(map(str, sorted(strangers)))}.")
    if not batch.is_planned and not confirmed_unplanned:
        raise NotPlanned(f"{batch} has no class planned on a {held_on:%A}. Tick the box if there was one.")
    sheet = (
        Sheet.objects.select_for_update(of=("self",))
        .select_related("taken_by")
        .filter(batch=batch, held_on=held_on)
        .first()
    )
    if version is not None and version != (sheet.version if sheet else 0):
        if sheet is None:
            raise Stale("This sheet has never been saved. Open the page anew.")
        who = sheet.taken_by or "Somebody"
        raise Stale(f"{who} saved this sheet at {timezone.localtime(sheet.taken_at):%H:%M}, after you opened it.")
    if sheet is None:
        sheet = Sheet.objects.create(batch=batch, held_on=held_on, taken_by=by, topic=topic or "")
        standing = {}
        is_new = True
    else:
        standing = {mark.student_id: mark for mark in sheet.marks.all()}
        is_new = False
    saved = Saved(sheet)
    changes = []
    for student_id, status in statuses.items():
        mark = standing.get(student_id)
        if mark is None:
            saved.created.append(
                Mark(sheet=sheet, student_id=student_id, enrollment=on_roll[student_id], status=status)
            )
        elif mark.status != status:
            changes.append(MarkChange(mark=mark, before=mark.status, after=status, changed_by=by))
            mark.status = status
            saved.changed.append(mark)
    Mark.objects.bulk_create(saved.created)
    if saved.changed:
        Mark.objects.bulk_update(saved.changed, ["status"])
        MarkChange.objects.bulk_create(changes)
    if saved.created:
        Enrollment.objects.filter(pk__in=[mark.enrollment_id for mark in saved.created]).update(
            last_marked_on=Greatest(Coalesce(F("last_marked_on"), held_on), held_on)
        )
    retitled = topic is not None and topic != sheet.topic
    if not is_new and (saved.created or saved.changed or retitled):
        sheet.version += 1
        sheet.taken_by, sheet.taken_at = by, timezone.now()
        sheet.topic = sheet.topic if topic is None else topic
        sheet.save(update_fields=["version", "taken_by", "taken_at", "topic"])
    return saved
