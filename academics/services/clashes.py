from typing import NamedTuple

from django.db.models import Count, F, Min, Q
from django.utils import timezone

from academics import class_times
from academics.models import (
    Batch,
    ClassChange,
    ClassTime,
    Enrollment,
    EnrollmentStatus,
    class_label,
    room_label,
)
from coachmaster.core.chunks import in_chunks
from coachmaster.core.exceptions import Conflict
from coachmaster.core.money import grouped
from coachmaster.core.text import folded


class Clash(NamedTuple):
    """Another batch at the same time, and the people or room in common (``shared``)."""

    batch: Batch
    shared: list
    slots: list
    changes: list

    def __str__(self):
        verb = "has" if len(self.shared) == 1 and " and " not in self.shared[0] else "have"
        single = [class_label(change.to_day, change.to_starts_at) for change in self.changes]
        times = "; ".join(filter(None, [class_times.format_slots(self.slots), *single]))
        return f"{' and '.join(self.shared)} {verb} {self.batch} on {times}."


class TimetableConflict(Conflict):
    """Clashes that were not confirmed."""


def check_clashes(batch, slots, *, despite_clash, by=None):
    """Return the clashes; raise TimetableConflict for any, unless ``despite_clash``.

    Batches that ``by`` may not see have no name in them.
    """
    clashes = without_hidden_batches(find_clashes(batch, slots), by)
    if clashes and not despite_clash:
        raise TimetableConflict([str(clash) for clash in clashes])
    return clashes


def without_hidden_batches(clashes, user):
    """Leave out the names of batches that ``user`` may not see; None sees all."""
    if not clashes or user is None:
        return clashes
    visible = set(Batch.objects.visible_to(user).filter(pk__in={row.batch.pk for row in clashes}))
    return [
        clash if clash.batch in visible else clash._replace(batch="another batch")
        for clash in clashes
    ]


def find_clashes(batch, slots):
    active = Enrollment.objects.active()
    students = {}
    if batch.pk:
        own, others = active.filter(batch=batch.pk), active.exclude(batch=batch.pk)
        students = shared_students(own, others)
    room = folded(batch.room)
    return _find_clashes(batch, slots, students, instructor=batch.instructor_id, room=room)


def find_student_clashes(students, batch, *, leaving=None):
    """Find clashes of students who join ``batch`` and leave the enrollment ``leaving``."""
    others = (
        Enrollment.objects.active()
        .filter(student__in=students, is_exclusive=False)
        .exclude(batch=batch)
    )
    names = _names_by_batch(others.exclude(pk=leaving and leaving.pk))
    return _find_clashes(batch, batch.slots, names) if names else []


def enrollment_clash_messages(ids, *, by=None):
    """Return a sentence for each pair of batches at one time, for these enrollments.

    Other batches of the students that ``by`` may not see have no name in them.
    """
    visible = Batch.objects.all() if by is None else Batch.objects.visible_to(by)
    visible_ids = set(visible.values_list("pk", flat=True))
    pairs = {}
    for chunk in in_chunks(ids):
        for other, first, second, students, name in _clashing_pairs(chunk):
            if other not in visible_ids:
                first = "another batch"
            number, other_name = pairs.get((first, second), (0, name))
            pairs[first, second] = number + students, min(name, other_name)
    messages = []
    for (first, second), (students, name) in sorted(pairs.items()):
        others = f"and {grouped(students - 1)} more have" if students > 1 else "has"
        messages.append(f"{name} {others} class in {first} and {second} at one time.")
    return messages


def _clashing_pairs(ids):
    other = "student__enrollments"
    times, others = "batch__class_times", f"{other}__batch__class_times"
    return (
        Enrollment.objects.active()
        .filter(
            Q(batch__ends_on=None) | Q(batch__ends_on__gte=F(f"{other}__batch__starts_on")),
            Q(**{f"{other}__batch__ends_on": None})
            | Q(**{f"{other}__batch__ends_on__gte": F("batch__starts_on")}),
            pk__in=ids,
            is_exclusive=False,
            **{
                f"{other}__pk__lt": F("pk"),
                f"{other}__status": EnrollmentStatus.ACTIVE,
                f"{others}__weekday": F(f"{times}__weekday"),
                f"{others}__starts_at__lt": F(f"{times}__ends_at"),
                f"{others}__ends_at__gt": F(f"{times}__starts_at"),
            },
        )
        .order_by()
        .values_list(f"{other}__batch", f"{other}__batch__name", "batch__name")
        .annotate(students=Count("student", distinct=True), one=Min("student__user__full_name"))
    )


def _find_clashes(batch, slots, students, *, instructor=None, room=""):
    """``students`` is the result of ``shared_students()``."""
    if not slots or not (instructor or room or students):
        return []
    others = Batch.objects.not_over(batch.starts_on).exclude(pk=batch.pk)
    if batch.ends_on:
        others = others.filter(starts_on__lte=batch.ends_on)
    found = {}

    def clash_with(other, other_room):
        # Compared in Python, since SQLite ignores letter case only for ASCII.
        in_common = {
            str(other.instructor): instructor and other.instructor_id == instructor,
            room_label(batch.room): room and folded(other_room) == room,
            students.get(other.pk): other.pk in students,
        }
        shared = [name for name, is_same in in_common.items() if is_same]
        return found.setdefault(other, Clash(other, shared, [], [])) if shared else None

    same = (
        Q(batch__instructor=instructor, batch__instructor__isnull=False)
        | (~Q(batch__room="") if room else Q(pk__in=[]))
        | Q(batch__in=students)
    )
    for row in _weekly_classes(others, slots).filter(same):
        if clash := clash_with(row.batch, row.batch.room):
            clash.slots.append(class_times.Slot(row.weekday, row.starts_at, row.ends_at))
    for change in _single_classes(others, batch, slots):
        if clash := clash_with(change.batch, change.room or change.batch.room):
            clash.changes.append(change)
    return list(found.values())


def _weekly_classes(batches, slots):
    overlapping = Q()
    for slot in slots:
        overlapping |= Q(
            weekday=slot.weekday, starts_at__lt=slot.ends_at, ends_at__gt=slot.starts_at
        )
    times = ClassTime.objects.filter(overlapping, batch__in=batches)
    return times.select_related("batch__instructor").order_by(
        "batch__name", "batch", "weekday", "starts_at"
    )


def _single_classes(batches, batch, slots):
    first = max(batch.starts_on, timezone.localdate())
    changes = ClassChange.objects.filter(batch__in=batches, to_day__gte=first)
    if batch.ends_on:
        changes = changes.filter(to_day__lte=batch.ends_on)
    changes = changes.select_related("batch__instructor").order_by(
        "batch__name", "batch", "to_day", "to_starts_at"
    )
    return [
        change
        for change in changes
        if any(
            slot.weekday == change.to_day.weekday()  # type: ignore[union-attr]  # filtered above
            and slot.starts_at < change.to_ends_at
            and change.to_starts_at < slot.ends_at
            for slot in slots
        )
    ]


def shared_students(own, others):
    """Return the students in both querysets: ``{12: "Asha Verma and 2 more students"}``."""
    return _names_by_batch(others.filter(student__in=own.values("student")))


def _names_by_batch(enrollments):
    names = {}
    found = enrollments.order_by("student__user__full_name", "student")
    for batch, name in found.values_list("batch", "student__user__full_name"):
        names.setdefault(batch, []).append(name)
    return {batch: _first_and_number(students) for batch, students in names.items()}


def _first_and_number(students):
    more = len(students) - 1
    if not more:
        return students[0]
    return f"{students[0]} and {more} more student{'s' if more > 1 else ''}"
