"""Writes that span rows: the institute, batches with their class times, holidays, and an enrollment's state.

Money follows an enrollment's state in `finance.services`: pages, imports and admin call those.
"""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone

from academics import class_times
from academics.models import Batch, ClassChange, ClassTime, Enrollment
from coachmaster.core.dates import format_date

from .clashes import check_clashes


@transaction.atomic
def save_batch(batch, slots, *, despite_clash=False):
    """Write ``batch`` and its weekly class times ``slots`` (`class_times.Slot`s); times that stay are not touched.

    Returns the clashes with other batches, which with ``despite_clash`` do not stop it. Raises `TimetableConflict`, and
    ValidationError when a field is bad, class times overlap, or what happened in the batch forbids the change.
    """
    slots = class_times.check(sorted(set(slots)))
    if batch.pk:
        check_batch_change(batch)
    batch.full_clean(exclude=["course", "instructor"])
    clashes = check_clashes(batch, slots, despite_clash=despite_clash)
    batch.save()
    standing = {
        class_times.Slot(row.weekday, row.starts_at, row.ends_at): row.pk
        for row in ClassTime.objects.filter(batch=batch)
    }
    gone = {slot: pk for slot, pk in standing.items() if slot not in slots}
    if gone:
        kept = {(slot.weekday, slot.starts_at) for slot in slots}
        check_removed_times(
            batch, [slot for slot in gone if (slot.weekday, slot.starts_at) not in kept]
        )
        ClassTime.objects.filter(pk__in=gone.values()).delete()
    ClassTime.objects.bulk_create(
        ClassTime(batch=batch, **slot._asdict()) for slot in slots if slot not in standing
    )
    return clashes


def check_batch_change(batch):
    """Raises ValidationError when the change of ``batch`` contradicts its enrollments or sheets; locks its row."""
    before = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    enrollments = Enrollment.objects.filter(batch=batch)
    active = enrollments.active().count()
    errors = {}
    if batch.capacity is not None and batch.capacity < active:
        errors["capacity"] = (
            f"{active} students are enrolled. Enter at least {active}, or drop or transfer some first."
        )
    if batch.course_id != before.course_id and enrollments.exists():
        errors["course"] = (
            f"Students are enrolled at the fee of {before.course}, so the course stays. Make a new batch."
        )
    # `sheets` are the attendance app's rows; their dates bound the batch's.
    sheets = Batch.objects.filter(pk=batch.pk).aggregate(
        first=Min("sheets__held_on"), last=Max("sheets__held_on")
    )
    if sheets["first"] and batch.starts_on > sheets["first"]:
        errors["starts_on"] = (
            f"Attendance was taken on {format_date(sheets['first'])}. Choose that day or an earlier one."
        )
    if batch.ends_on:
        last_enrolled_on = enrollments.active().aggregate(day=Max("enrolled_on"))["day"]
        if sheets["last"] and batch.ends_on < sheets["last"]:
            errors["ends_on"] = (
                f"Attendance was taken on {format_date(sheets['last'])}. Choose that day or a later one."
            )
        elif last_enrolled_on and batch.ends_on < last_enrolled_on:
            errors["ends_on"] = (
                f"A student is enrolled from {format_date(last_enrolled_on)}. Choose that day or a later one."
            )
    if errors:
        raise ValidationError(errors)


def check_removed_times(batch, gone):
    """Raises ValidationError when one of the class times ``gone`` (slots) has a cancelled or moved class yet to come."""
    starts = {(slot.weekday, slot.starts_at) for slot in gone}
    for change in ClassChange.objects.filter(batch=batch, day__gte=timezone.localdate()).order_by(
        "day", "starts_at"
    ):
        if change.day and (change.day.weekday(), change.starts_at) in starts:
            raise ValidationError(
                f"One class of these times was changed by itself. {change.words}. Take that back first, or keep the time."
            )
