import datetime
import itertools
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef

from academics.class_times import Slot
from academics.models import Batch, ClassChange, ClassTime, Enrollment, room_label
from academics.timetable import Timetable
from coachmaster.core.dates import format_date
from coachmaster.core.text import folded

from .clashes import Clash, TimetableConflict, shared_students, without_hidden_batches


@dataclass(frozen=True)
class NewTime:
    """When and where a class is held; room "" is that of the batch."""

    day: datetime.date
    starts_at: datetime.time
    ends_at: datetime.time
    room: str = ""


@transaction.atomic
def cancel_class(*, batch, day, starts_at, reason, by):
    """Cancel a class; an extra class is deleted, and None returned."""
    batch = _lock(batch)
    change = _change_of(batch, day, starts_at)
    if change.is_extra:
        change._history_user, change._change_reason = by, reason[:100]
        change.delete()
        return None
    change.to_day = change.to_starts_at = change.to_ends_at = None
    return _save(change, room="", reason=reason, by=by)


@transaction.atomic
def move_class(*, batch, day, starts_at, to, reason, by, despite_clash=False):
    """Move a class, again if it was moved before; return the change and its clashes.

    Raise TimetableConflict for clashes, unless ``despite_clash``.
    """
    batch = _lock(batch)
    change = _change_of(batch, day, starts_at)
    weekly = NewTime(change.day, change.starts_at, change.ends_at)
    current = weekly
    if change.to_day:
        current = NewTime(change.to_day, change.to_starts_at, change.to_ends_at, change.room)
    if to == current:
        raise ValidationError(
            "The class is already at this time and place. Choose another day, time or room."
        )
    if to == weekly:
        raise ValidationError("This is the usual time of the class. Undo the change instead.")
    return _save_new_time(change, to, reason=reason, by=by, despite_clash=despite_clash)


@transaction.atomic
def add_class(*, batch, to, reason, by, despite_clash=False):
    change = ClassChange(batch=_lock(batch))
    return _save_new_time(change, to, reason=reason, by=by, despite_clash=despite_clash)


@transaction.atomic
def undo_class_change(change, *, by):
    """Delete the change; return the clashes of the class that is held again."""
    batch = _lock(change.batch)
    change = ClassChange.objects.get(pk=change.pk)
    change._history_user = by
    day = change.day
    change.delete()
    if day is None:
        return []
    slot = Slot(day.weekday(), change.starts_at, change.ends_at)
    if Timetable([batch], day, day).at(batch, day, slot.starts_at) is None:
        return []
    _check_overlap(batch, day)
    return without_hidden_batches(find_class_clashes(batch, day, slot, batch.room), by)


def count_sheets(batch, days):
    days = [day for day in days if day]
    return Batch.objects.filter(pk=batch.pk, sheets__held_on__in=days).count()


def find_class_clashes(batch, day, slot, room):
    others = (
        _with_class_at(day, slot)
        .exclude(pk=batch.pk)
        .select_related("instructor")
        .order_by("name", "pk")
    )
    timetable = Timetable(others, day, day)
    overlapping = [
        scheduled
        for other in timetable.batches
        for scheduled in timetable.on(other, day)
        if _overlap(scheduled.slot, slot)
    ]
    if not overlapping:
        return []
    on_roll = Enrollment.objects.on_roll(day)
    batches = {scheduled.batch for scheduled in overlapping}
    students = shared_students(on_roll.filter(batch=batch), on_roll.filter(batch__in=batches))
    found = {}
    for scheduled in overlapping:
        if shared := _in_common(batch, room, scheduled, students):
            key = (scheduled.batch, *shared)
            clash = found.setdefault(key, Clash(scheduled.batch, shared, [], []))
            clash.slots.append(scheduled.slot)
    return list(found.values())


def _in_common(batch, room, scheduled, students):
    other = scheduled.batch
    in_common = {
        str(batch.instructor): batch.instructor_id and other.instructor_id == batch.instructor_id,
        room_label(room): room and folded(scheduled.room) == folded(room),
        students.get(other.pk): other.pk in students,
    }
    return [name for name, is_same in in_common.items() if is_same]


def _with_class_at(day, slot):
    weekly = ClassTime.objects.filter(
        batch=OuterRef("pk"),
        weekday=day.weekday(),
        starts_at__lt=slot.ends_at,
        ends_at__gt=slot.starts_at,
    )
    moved_or_extra = ClassChange.objects.filter(
        batch=OuterRef("pk"),
        to_day=day,
        to_starts_at__lt=slot.ends_at,
        to_ends_at__gt=slot.starts_at,
    )
    return Batch.objects.running(day).filter(Exists(weekly) | Exists(moved_or_extra))


def _overlap(one, other):
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at


def _lock(batch):
    return (
        Batch.objects.select_for_update(of=("self",)).select_related("instructor").get(pk=batch.pk)
    )


def _change_of(batch, day, starts_at):
    scheduled = Timetable([batch], day, day).at(batch, day, starts_at)
    if scheduled is None:
        raise ValidationError("This class is no longer in the timetable. Open the timetable again.")
    if scheduled.change:
        change = ClassChange.objects.get(pk=scheduled.change.pk)
        change.batch = batch
        return change
    return ClassChange(batch=batch, day=day, starts_at=starts_at, ends_at=scheduled.slot.ends_at)


def _save_new_time(change, to, *, reason, by, despite_clash):
    batch = change.batch
    if to.ends_at <= to.starts_at:
        raise ValidationError({"to_ends_at": "A class must end after it starts."})
    _check_day(batch, to.day)
    change.to_day, change.to_starts_at, change.to_ends_at = to.day, to.starts_at, to.ends_at
    _save(change, room=to.room, reason=reason, by=by)
    _check_overlap(batch, to.day)
    slot = Slot(to.day.weekday(), to.starts_at, to.ends_at)
    clashes = find_class_clashes(batch, to.day, slot, to.room or batch.room)
    clashes = without_hidden_batches(clashes, by)
    if clashes and not despite_clash:
        raise TimetableConflict([str(clash) for clash in clashes])
    return change, clashes


def _save(change, *, room, reason, by):
    change.room, change.reason, change.changed_by = room, reason, by
    change._history_user = by
    change.clean_fields(exclude=["batch", "changed_by"])
    change.validate_constraints()
    change.save()
    return change


def _check_day(batch, day):
    message = ""
    holidays = Timetable([batch], day, day).holidays
    if day < batch.starts_on:
        first = format_date(batch.starts_on)
        message = f"{batch} starts on {first}. Choose that day or a later one."
    elif batch.is_over(day):
        last = format_date(batch.ends_on)
        message = f"{batch} ends on {last}. Choose that day or an earlier one."
    elif day in holidays:
        message = f"{format_date(day)} is a holiday: {holidays[day]}. Choose another day."
    if message:
        raise ValidationError({"to_day": message})


def _check_overlap(batch, day):
    classes = Timetable([batch], day, day).on(batch, day)
    for earlier, later in itertools.pairwise(classes):
        if _overlap(earlier.slot, later.slot):
            raise ValidationError(
                f"{batch} would have two classes at once on {format_date(day)}: "
                f"{_times(earlier)} and {_times(later)}."
            )


def _times(scheduled):
    return f"{scheduled.slot.starts_at:%H:%M}-{scheduled.slot.ends_at:%H:%M}"
