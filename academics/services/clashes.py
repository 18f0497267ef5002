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
from coachmaster.core.text import folded


class Clash(NamedTuple):
    """Another batch with the same instructor, room or students at the same time: who and where, and when.

    ``slots`` are its weekly classes, ``changes`` those that are held there once.
    """

    batch: Batch
    whose: list
    slots: list
    changes: list

    def __str__(self):
        have = "has" if len(self.whose) == 1 and " and " not in self.whose[0] else "have"
        once = [class_label(change.to_day, change.to_starts_at) for change in self.changes]
        when = "; ".join(filter(None, [class_times.format_slots(self.slots), *once]))
        return f"{' and '.join(self.whose)} {have} {self.batch} on {when}."


class TimetableConflict(Conflict):
    """The instructor, the room or a student is in another batch at the same time: to be confirmed."""


def check_clashes(batch, slots, *, despite_clash):
    """What `find_clashes` finds. Raises `TimetableConflict` when that is something, unless with ``despite_clash``."""
    clashes = find_clashes(batch, slots)
    if clashes and not despite_clash:
        raise TimetableConflict([str(clash) for clash in clashes])
    return clashes


def find_clashes(batch, slots):
    """Where ``batch``, at the class times ``slots``, meets another batch's instructor, room or students, as `Clash`es."""
    active = Enrollment.objects.active()
    shared = (
        shared_students(active.filter(batch=batch.pk), active.exclude(batch=batch.pk))
        if batch.pk
        else {}
    )
    return _clashes(batch, slots, shared, instructor=batch.instructor_id, room=folded(batch.room))


def find_student_clashes(students, batch, *, leaving=None):
    """Where ``students``, who are to join ``batch``, are in another one at a time of its classes, as `Clash`es.

    The enrollment that one of them is ``leaving`` does not count, nor one that keeps them out anyway. At most three
    queries.
    """
    others = (
        Enrollment.objects.active()
        .filter(student__in=students, is_exclusive=False)
        .exclude(batch=batch)
    )
    shared = _names_by_batch(others.exclude(pk=leaving and leaving.pk))
    return _clashes(batch, batch.slots, shared) if shared else []


def enrollment_clash_messages(keys):
    """Return a sentence for each pair of batches in which students have class at the same time.

    Only the enrollments with these ``keys`` are checked. Of two batches the earlier enrollment is named first.
    """
    clashes = {}
    for chunk in in_chunks(keys):
        for first, second, students, one in _clashing_pairs(chunk):
            number, other = clashes.get((first, second), (0, one))
            clashes[first, second] = number + students, min(one, other)
    return [
        f"{one} {f'and {students - 1:,} more have' if students > 1 else 'has'} class in {first} and {second} at one time."
        for (first, second), (students, one) in sorted(clashes.items())
    ]


def _clashing_pairs(keys):
    """Two batches, how many students have class in both at once, and the name of one of them."""
    other = "student__enrollments"
    times, others = "batch__class_times", f"{other}__batch__class_times"
    return (
        Enrollment.objects.active()
        .filter(
            Q(batch__ends_on=None) | Q(batch__ends_on__gte=F(f"{other}__batch__starts_on")),
            Q(**{f"{other}__batch__ends_on": None})
            | Q(**{f"{other}__batch__ends_on__gte": F("batch__starts_on")}),
            pk__in=keys,
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
        .values_list(f"{other}__batch__name", "batch__name")
        .annotate(students=Count("student", distinct=True), one=Min("student__user__full_name"))
    )


def _clashes(batch, slots, shared, *, instructor=None, room=""):
    """Where ``batch`` at ``slots`` meets another one with this instructor, this room, or students who are ``shared``."""
    if not slots or not (instructor or room or shared):
        return []
    at_the_time = Q()
    for slot in slots:
        at_the_time |= Q(
            weekday=slot.weekday, starts_at__lt=slot.ends_at, ends_at__gt=slot.starts_at
        )
    others = Batch.objects.not_over(batch.starts_on).exclude(pk=batch.pk)
    if batch.ends_on:
        others = others.filter(starts_on__lte=batch.ends_on)
    rows = (
        ClassTime.objects.filter(at_the_time, batch__in=others)
        .filter(
            Q(batch__instructor=instructor, batch__instructor__isnull=False)
            | (~Q(batch__room="") if room else Q(pk__in=[]))
            | Q(batch__in=shared)
        )
        .select_related("batch__instructor")
        .order_by("batch__name", "batch", "weekday", "starts_at")
    )
    found = {}

    def clash_with(other, its_room):
        # Rooms are compared here and not in the query: SQLite ignores letter case for ASCII only.
        in_common = {
            str(other.instructor): instructor and other.instructor_id == instructor,
            room_label(batch.room): room and folded(its_room) == room,
            shared.get(other.pk): other.pk in shared,
        }
        whose = [name for name, is_same in in_common.items() if is_same]
        return found.setdefault(other, Clash(other, whose, [], [])) if whose else None

    for row in rows:
        if clash := clash_with(row.batch, row.batch.room):
            clash.slots.append(class_times.Slot(row.weekday, row.starts_at, row.ends_at))
    for change in _held_once(others, batch, slots):
        if clash := clash_with(change.batch, change.room or change.batch.room):
            clash.changes.append(change)
    return list(found.values())


def _held_once(others, batch, slots):
    """Moved and extra classes to come of the batches ``others``, at one of ``slots`` while ``batch`` runs. One query."""
    first = max(batch.starts_on, timezone.localdate())
    changes = ClassChange.objects.filter(batch__in=others, to_day__gte=first)
    if batch.ends_on:
        changes = changes.filter(to_day__lte=batch.ends_on)
    return [
        change
        for change in changes.select_related("batch__instructor").order_by(
            "batch__name", "batch", "to_day", "to_starts_at"
        )
        if any(
            slot.weekday == change.to_day.weekday()  # type: ignore[union-attr]  # asked for by its day
            and slot.starts_at < change.to_ends_at
            and change.to_starts_at < slot.ends_at
            for slot in slots
        )
    ]


def shared_students(own, others):
    """Who of the enrollments ``own`` is among ``others`` too: ``{batch id: "Asha Verma and 2 more students"}``. One query."""
    return _names_by_batch(others.filter(student__in=own.values("student")))


def _names_by_batch(enrollments):
    names = {}
    found = enrollments.order_by("student__user__full_name", "student")
    for batch, name in found.values_list("batch", "student__user__full_name"):
        names.setdefault(batch, []).append(name)
    return {batch: _first_and_number(students) for batch, students in names.items()}


def _first_and_number(students):
    more = len(students) - 1
    return students[0] + (f" and {more} more student{'s' if more > 1 else ''}" if more else "")
