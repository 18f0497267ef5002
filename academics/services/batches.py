from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone

from academics import class_times
from academics.models import Batch, ClassChange, ClassTime, Enrollment
from coachmaster.core.dates import format_date

from .clashes import check_clashes


@transaction.atomic
def save_batch(batch, slots, *, despite_clash=False, by=None):
    """Save a batch with its weekly class times; return its clashes with other batches.

    Raise TimetableConflict for clashes, unless ``despite_clash``.
    """
    slots = class_times.check(sorted(set(slots)))
    if batch.pk:
        check_batch_change(batch)
    batch.full_clean(exclude=["course", "instructor"])
    clashes = check_clashes(batch, slots, despite_clash=despite_clash, by=by)
    batch.save()
    _save_class_times(batch, slots)
    return clashes


def _save_class_times(batch, slots):
    stored = {
        class_times.Slot(row.weekday, row.starts_at, row.ends_at): row.pk
        for row in ClassTime.objects.filter(batch=batch)
    }
    removed = {slot: pk for slot, pk in stored.items() if slot not in slots}
    if removed:
        starts = {(slot.weekday, slot.starts_at) for slot in slots}
        check_removed_times(
            batch, [slot for slot in removed if (slot.weekday, slot.starts_at) not in starts]
        )
        ClassTime.objects.filter(pk__in=removed.values()).delete()
    ClassTime.objects.bulk_create(
        ClassTime(batch=batch, **slot._asdict()) for slot in slots if slot not in stored
    )


def check_batch_change(batch):
    """Lock the batch; raise ValidationError if the change contradicts students or attendance."""
    stored = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    enrollments = Enrollment.objects.filter(batch=batch)
    active = enrollments.active().count()
    errors = {}
    if batch.capacity is not None and batch.capacity < active:
        errors["capacity"] = (
            f"{active} students are enrolled. Enter at least {active}, "
            "or drop or transfer some students first."
        )
    if batch.course_id != stored.course_id and enrollments.exists():
        errors["course"] = (
            f"Students are enrolled at the fee of {stored.course}, so the course cannot be "
            "changed. Add a new batch."
        )
    errors |= _date_errors(batch, enrollments)
    if errors:
        raise ValidationError(errors)


def _date_errors(batch, enrollments):
    errors = {}
    # `sheets` belong to the attendance app, which may not be imported here.
    marked = Batch.objects.filter(pk=batch.pk).aggregate(
        first=Min("sheets__held_on"), last=Max("sheets__held_on")
    )
    if marked["first"] and batch.starts_on > marked["first"]:
        errors["starts_on"] = (
            f"Attendance was marked on {format_date(marked['first'])}. "
            "Choose that day or an earlier one."
        )
    if batch.ends_on:
        last_enrolled_on = enrollments.active().aggregate(day=Max("enrolled_on"))["day"]
        if marked["last"] and batch.ends_on < marked["last"]:
            errors["ends_on"] = (
                f"Attendance was marked on {format_date(marked['last'])}. "
                "Choose that day or a later one."
            )
        elif last_enrolled_on and batch.ends_on < last_enrolled_on:
            errors["ends_on"] = (
                f"A student is enrolled from {format_date(last_enrolled_on)}. "
                "Choose that day or a later one."
            )
    return errors


def check_removed_times(batch, slots):
    """Raise ValidationError if a coming class at these times was changed."""
    starts = {(slot.weekday, slot.starts_at) for slot in slots}
    changes = ClassChange.objects.filter(batch=batch, day__gte=timezone.localdate())
    for change in changes.order_by("day", "starts_at"):
        if change.day and (change.day.weekday(), change.starts_at) in starts:
            raise ValidationError(
                f"One class at this time was changed. {change.description}. "
                "Undo that change first, or keep the class time."
            )
