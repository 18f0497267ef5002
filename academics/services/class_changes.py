"""Changes of single classes: cancel one, move one, add one, and take such a change back. Each act is one transaction."""

import itertools

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef

from academics.class_times import Slot
from academics.models import Batch, ClassChange, ClassTime, Enrollment, room_label
from academics.timetable import Timetable
from coachmaster.core.dates import format_date
from coachmaster.core.text import folded

from .clashes import Clash, TimetableConflict, shared_students


@transaction.atomic
def cancel_class(*, batch, day, starts_at, reason, by):
    """Call off the class of ``batch`` that begins at ``starts_at`` on ``day``; an extra one is taken out altogether.

    Attendance that was taken stays. Returns the change, None for an extra class. Raises ValidationError when there is no
    such class, or ``reason`` is empty.
    """
    batch = _locked(batch)
    change = _change_of(batch, day, starts_at)
    if change.is_extra:
        change._history_user, change._change_reason = by, reason[:100]
        change.delete()
        return None
    change.to_day = change.to_starts_at = change.to_ends_at = None
    return _save(change, room="", reason=reason, by=by)


@transaction.atomic
def move_class(
    *,
    batch,
    day,
    starts_at,
    to_day,
    to_starts_at,
    to_ends_at,
    room,
    reason,
    by,
    despite_clash=False,
):
    """Hold the class of ``batch`` that begins at ``starts_at`` on ``day`` at another time, or in another room ("": its own).

    A class that was moved, or was extra, is moved once more. Returns the change and the clashes with other classes, which
    with ``despite_clash`` do not stop it. Raises `TimetableConflict`, and ValidationError: one sentence for what stands in the way.
    """
    batch = _locked(batch)
    change = _change_of(batch, day, starts_at)
    there = (to_day, to_starts_at, to_ends_at, room)
    weekly = (change.day, change.starts_at, change.ends_at, "")
    now = (
        (change.to_day, change.to_starts_at, change.to_ends_at, change.room)
        if change.to_day
        else weekly
    )
    if there == now:
        raise ValidationError(
            "That is when and where the class is already. Choose another day, time or room."
        )
    if there == weekly:
        raise ValidationError("That is the time of the timetable. Take the change back instead.")
    return _put_in(change, batch, *there, reason=reason, by=by, despite_clash=despite_clash)


@transaction.atomic
def add_class(*, batch, to_day, to_starts_at, to_ends_at, room, reason, by, despite_clash=False):
    """Hold one class of ``batch`` besides those of the timetable. Returns and raises as `move_class` does."""
    batch = _locked(batch)
    change = ClassChange(batch=batch)
    there = (to_day, to_starts_at, to_ends_at, room)
    return _put_in(change, batch, *there, reason=reason, by=by, despite_clash=despite_clash)


@transaction.atomic
def undo_class_change(change, *, by):
    """Undo ``change``: the timetable stands again. Returns the clashes of the class that stands again, as `Clash`es.

    Raises ValidationError when that class would overlap another of the batch.
    """
    batch = _locked(change.batch)
    change = ClassChange.objects.get(pk=change.pk)
    change._history_user = by
    back = None if change.is_extra else Slot(change.day.weekday(), change.starts_at, change.ends_at)
    day = change.day
    change.delete()
    if back is None or Timetable([batch], day, day).at(batch, day, back.starts_at) is None:
        return []
    _refuse_overlap(batch, day)
    return find_class_clashes(batch, day, back, batch.room)


def count_sheets(batch, days):
    """How many attendance sheets ``batch`` has on ``days``."""
    return Batch.objects.filter(
        pk=batch.pk, sheets__held_on__in=[day for day in days if day]
    ).count()


def find_class_clashes(batch, day, slot, room):
    """Where a class of ``batch`` at ``slot`` on ``day`` meets another's instructor, room or students, as `Clash`es."""
    others = (
        _with_class_at(day, slot)
        .exclude(pk=batch.pk)
        .select_related("instructor")
        .order_by("name", "pk")
    )
    timetable = Timetable(others, day, day)
    meeting = [
        one
        for other in timetable.batches
        for one in timetable.on(other, day)
        if _overlap(one.slot, slot)
    ]
    if not meeting:
        return []
    on_roll = Enrollment.objects.on_roll(day)
    shared = shared_students(
        on_roll.filter(batch=batch), on_roll.filter(batch__in={one.batch for one in meeting})
    )
    found = {}
    for one in meeting:
        in_common = {
            str(batch.instructor): batch.instructor_id
            and one.batch.instructor_id == batch.instructor_id,
            room_label(room): room and folded(one.room) == folded(room),
            shared.get(one.batch.pk): one.batch.pk in shared,
        }
        if whose := [name for name, is_same in in_common.items() if is_same]:
            found.setdefault((one.batch, *whose), Clash(one.batch, whose, [], [])).slots.append(
                one.slot
            )
    return list(found.values())


def _with_class_at(day, slot):
    """Batches that run on ``day`` and may have a class that overlaps ``slot``."""
    weekly = ClassTime.objects.filter(
        batch=OuterRef("pk"),
        weekday=day.weekday(),
        starts_at__lt=slot.ends_at,
        ends_at__gt=slot.starts_at,
    )
    put_in = ClassChange.objects.filter(
        batch=OuterRef("pk"),
        to_day=day,
        to_starts_at__lt=slot.ends_at,
        to_ends_at__gt=slot.starts_at,
    )
    return Batch.objects.running(day).filter(Exists(weekly) | Exists(put_in))


def _overlap(one, other):
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at


def _locked(batch):
    """The batch, locked, so that two changes of its classes wait for each other."""
    return (
        Batch.objects.select_for_update(of=("self",)).select_related("instructor").get(pk=batch.pk)
    )


def _change_of(batch, day, starts_at):
    """The change that holds the class there, or a new one for a class of the timetable. Raises ValidationError."""
    one = Timetable([batch], day, day).at(batch, day, starts_at)
    if one is None:
        raise ValidationError(
            "This class stands in the timetable no more. Look at the calendar again."
        )
    if one.change:
        return ClassChange.objects.get(pk=one.change.pk)
    return ClassChange(batch=batch, day=day, starts_at=starts_at, ends_at=one.slot.ends_at)


def _put_in(change, batch, to_day, to_starts_at, to_ends_at, room, *, reason, by, despite_clash):
    if to_ends_at <= to_starts_at:
        raise ValidationError({"to_ends_at": "A class must end after it starts."})
    _refuse_day(batch, to_day)
    change.to_day, change.to_starts_at, change.to_ends_at = to_day, to_starts_at, to_ends_at
    _save(change, room=room, reason=reason, by=by)
    _refuse_overlap(batch, to_day)
    clashes = find_class_clashes(
        batch, to_day, Slot(to_day.weekday(), to_starts_at, to_ends_at), room or batch.room
    )
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


def _refuse_day(batch, day):
    """Raises ValidationError when ``batch`` can have no class on ``day``."""
    timetable = Timetable([batch], day, day)
    if day < batch.starts_on:
        raise ValidationError(
            {
                "to_day": f"{batch} starts on {format_date(batch.starts_on)}. Choose that day or a later one."
            }
        )
    if batch.is_over(day):
        raise ValidationError(
            {
                "to_day": f"{batch} ends on {format_date(batch.ends_on)}. Choose that day or an earlier one."
            }
        )
    if day in timetable.holidays:
        raise ValidationError(
            {
                "to_day": f"{format_date(day)} is a holiday: {timetable.holidays[day]}. Choose another day."
            }
        )


def _refuse_overlap(batch, day):
    """Raises ValidationError when two classes of ``batch`` on ``day`` overlap."""
    classes = Timetable([batch], day, day).on(batch, day)
    for earlier, later in itertools.pairwise(classes):
        if _overlap(earlier.slot, later.slot):
            raise ValidationError(
                f"{batch} would have two classes at once on {format_date(day)}: {_times(earlier)} and {_times(later)}."
            )


def _times(one):
    return f"{one.slot.starts_at:%H:%M}-{one.slot.ends_at:%H:%M}"
