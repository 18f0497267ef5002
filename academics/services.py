"""Writes that span rows: the institute, batches with their class times, holidays, and an enrollment's state.

Money follows an enrollment's state in `finance.services`: pages, imports and admin call those.
"""

import datetime
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, F, Max, Min, Q
from django.utils import timezone
from simple_history.utils import bulk_update_with_history

from coachmaster.core.dates import day_words, months_later
from coachmaster.core.exceptions import Conflict
from coachmaster.core.importers import in_chunks
from coachmaster.core.money import display
from coachmaster.core.text import folded

from . import class_times
from .models import (
    Batch,
    ClassChange,
    ClassTime,
    Enrollment,
    EnrollmentStatus,
    Holiday,
    Institute,
    class_words,
    days_between,
    room_words,
)

# The institute --------------------------------------------------------------------------------------------------


@transaction.atomic
def save_institute(institute):
    """Write the settings of the institute; "several batches at once" reaches the active enrollments with it.

    Raises ValidationError when the switch is turned off while somebody has two active enrollments.
    """
    before = refuse_settings_that_enrollments_forbid(institute)
    institute.save()
    if institute.several_batches_at_once != before.several_batches_at_once:
        Enrollment.objects.active().update(is_exclusive=not institute.several_batches_at_once)


def refuse_settings_that_enrollments_forbid(institute):
    """The settings as they stand, locked until the transaction ends. Raises ValidationError as `save_institute` does."""
    before = Institute.objects.select_for_update().get(pk=Institute.ONLY)
    if before.several_batches_at_once and not institute.several_batches_at_once:
        students = (
            Enrollment.objects.active()
            .order_by("student__user__full_name")
            .values_list("student__user__full_name", "student")
            .annotate(number=Count("pk"))
            .filter(number__gt=1)
        )
        if number := students.count():
            names = ", ".join(name for name, *_ in students[:3])
            more = f" and {number - 3} more" if number > 3 else ""
            have = "1 student has" if number == 1 else f"{number} students have"
            raise ValidationError(
                {
                    "several_batches_at_once": f"{have} more than one active enrollment: {names}{more}. "
                    "Complete or drop the others first."
                }
            )
    return before


# Batches --------------------------------------------------------------------------------------------------------


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
        once = [class_words(change.to_day, change.to_starts_at) for change in self.changes]
        when = "; ".join(filter(None, [class_times.written(self.slots), *once]))
        return f"{' and '.join(self.whose)} {have} {self.batch} on {when}."


class Clashes(Conflict):
    """The instructor, the room or a student is in another batch at the same time: to be confirmed."""


@transaction.atomic
def save_batch(batch, slots, *, despite_clash=False):
    """Write ``batch`` and its weekly class times ``slots`` (`class_times.Slot`s); times that stay are not touched.

    Returns the clashes with other batches, which with ``despite_clash`` do not stop it. Raises `Clashes`, and
    ValidationError when a field is bad, class times overlap, or what happened in the batch forbids the change.
    """
    slots = class_times.check(sorted(set(slots)))
    if batch.pk:
        refuse_what_history_forbids(batch)
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
        refuse_times_that_changes_need(batch, [slot for slot in gone if (slot.weekday, slot.starts_at) not in kept])
        ClassTime.objects.filter(pk__in=gone.values()).delete()
    ClassTime.objects.bulk_create(ClassTime(batch=batch, **slot._asdict()) for slot in slots if slot not in standing)
    return clashes


def refuse_what_history_forbids(batch):
    """Raises ValidationError when the change of ``batch`` contradicts its enrollments or sheets; locks its row."""
    before = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    enrollments = Enrollment.objects.filter(batch=batch)
    active = enrollments.active().count()
    errors = {}
    if batch.capacity is not None and batch.capacity < active:
        errors["capacity"] = f"{active} students are enrolled. Enter at least {active}, or drop or transfer some first."
    if batch.course_id != before.course_id and enrollments.exists():
        errors["course"] = (
            f"Students are enrolled at the fee of {before.course}, so the course stays. Make a new batch."
        )
    # `sheets` are the attendance app's rows; their dates bound the batch's.
    sheets = Batch.objects.filter(pk=batch.pk).aggregate(first=Min("sheets__held_on"), last=Max("sheets__held_on"))
    if sheets["first"] and batch.starts_on > sheets["first"]:
        errors["starts_on"] = (
            f"Attendance was taken on {day_words(sheets['first'])}. Choose that day or an earlier one."
        )
    if batch.ends_on:
        last_enrolled_on = enrollments.active().aggregate(day=Max("enrolled_on"))["day"]
        if sheets["last"] and batch.ends_on < sheets["last"]:
            errors["ends_on"] = f"Attendance was taken on {day_words(sheets['last'])}. Choose that day or a later one."
        elif last_enrolled_on and batch.ends_on < last_enrolled_on:
            errors["ends_on"] = (
                f"A student is enrolled from {day_words(last_enrolled_on)}. Choose that day or a later one."
            )
    if errors:
        raise ValidationError(errors)


def check_clashes(batch, slots, *, despite_clash):
    """What `find_clashes` finds. Raises `Clashes` when that is something, unless with ``despite_clash``."""
    clashes = find_clashes(batch, slots)
    if clashes and not despite_clash:
        raise Clashes([str(clash) for clash in clashes])
    return clashes


def find_clashes(batch, slots):
    """Where ``batch``, at the class times ``slots``, meets another batch's instructor, room or students, as `Clash`es."""
    active = Enrollment.objects.active()
    shared = shared_students(active.filter(batch=batch.pk), active.exclude(batch=batch.pk)) if batch.pk else {}
    return _clashes(batch, slots, shared, instructor=batch.instructor_id, room=folded(batch.room))


def find_clashes_of(students, batch, *, leaving=None):
    """Where ``students``, who are to join ``batch``, are in another one at a time of its classes, as `Clash`es.

    The enrollment that one of them is ``leaving`` does not count, nor one that keeps them out anyway. At most three
    queries.
    """
    others = Enrollment.objects.active().filter(student__in=students, is_exclusive=False).exclude(batch=batch)
    shared = _names_by_batch(others.exclude(pk=leaving and leaving.pk))
    return _clashes(batch, batch.slots, shared) if shared else []


def clashes_of_enrollments(keys):
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
            Q(**{f"{other}__batch__ends_on": None}) | Q(**{f"{other}__batch__ends_on__gte": F("batch__starts_on")}),
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
        at_the_time |= Q(weekday=slot.weekday, starts_at__lt=slot.ends_at, ends_at__gt=slot.starts_at)
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
            room_words(batch.room): room and folded(its_room) == room,
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


def refuse_times_that_changes_need(batch, gone):
    """Raises ValidationError when one of the class times ``gone`` (slots) has a cancelled or moved class yet to come."""
    starts = {(slot.weekday, slot.starts_at) for slot in gone}
    for change in ClassChange.objects.filter(batch=batch, day__gte=timezone.localdate()).order_by("day", "starts_at"):
        if change.day and (change.day.weekday(), change.starts_at) in starts:
            raise ValidationError(
                f"One class of these times was changed by itself. {change.words}. Take that back first, or keep the time."
            )


# Holidays -------------------------------------------------------------------------------------------------------

#: More days in one go are a typing error.
LONGEST_HOLIDAY = datetime.timedelta(days=120)


class HolidaysAdded(NamedTuple):
    """What adding holidays did: the days that are new, those that were holidays before, and sheets on the new ones."""

    new: list
    known: list
    sheets: int


@transaction.atomic
def add_holidays(*, name, first, last=None):
    """Make the days from ``first`` to ``last`` (left out: that one day) holidays; days that are holidays keep their name.

    Attendance that was taken on them stays. Raises ValidationError when the days are in the wrong order, too many, or
    all holidays already.
    """
    last = last or first
    check_holiday_range(first, last)
    standing = {holiday.day: holiday for holiday in Holiday.objects.filter(day__range=(first, last))}
    new = [day for day in days_between(first, last) if day not in standing]
    if not new:
        raise ValidationError({"first": f"There is a holiday already: {standing[first]}."})
    holidays = [Holiday(day=day, name=name) for day in new]
    for holiday in holidays:
        holiday.clean_fields()
    Holiday.objects.bulk_create(holidays, ignore_conflicts=True)
    return HolidaysAdded(new, sorted(standing), sheets_on(new))


def holiday_run(holiday):
    """The days in a row that have the name of ``holiday``, itself among them, in order."""
    one = datetime.timedelta(days=1)
    around = (holiday.day - LONGEST_HOLIDAY, holiday.day + LONGEST_HOLIDAY)
    named = {row.day: row for row in Holiday.objects.filter(name=holiday.name, day__range=around)}
    first = last = holiday.day
    while first - one in named:
        first -= one
    while last + one in named:
        last += one
    return [named[day] for day in days_between(first, last)]


@transaction.atomic
def change_holidays(run, *, name, first, last=None):
    """Make the days of ``run`` (Holidays) those from ``first`` to ``last``, all with that name; returns HolidaysAdded.

    Attendance that was taken on them stays. Raises ValidationError as `add_holidays`, and when another holiday is there.
    """
    last = last or first
    check_holiday_range(first, last)
    Holiday(day=first, name=name).clean_fields()
    wanted = set(days_between(first, last))
    standing = {holiday.day: holiday.pk for holiday in run}
    other = Holiday.objects.filter(day__in=wanted).exclude(pk__in=standing.values()).first()
    if other:
        raise ValidationError({"first": f"There is a holiday already: {other}."})
    new = sorted(wanted - standing.keys())
    Holiday.objects.filter(pk__in=[pk for day, pk in standing.items() if day not in wanted]).delete()
    Holiday.objects.filter(pk__in=standing.values()).update(name=name)
    Holiday.objects.bulk_create(Holiday(day=day, name=name) for day in new)
    return HolidaysAdded(new, [], sheets_on(new))


def check_holiday_range(first, last):
    """Raises ValidationError when the days are in the wrong order, or too many at once."""
    if last < first:
        raise ValidationError({"last": "The last day cannot be before the first."})
    if last - first >= LONGEST_HOLIDAY:
        raise ValidationError({"last": f"At most {LONGEST_HOLIDAY.days} days at once. Check the year."})


def sheets_on(days):
    """How many attendance sheets there are of ``days``."""
    return Batch.objects.filter(sheets__held_on__in=days).count()


def kept_sheets_words(number):
    """What a holiday over ``number`` sheets leaves as it is, as a sentence."""
    sheets = "1 attendance sheet" if number == 1 else f"{number} attendance sheets"
    return f"Attendance was taken already: {sheets} will be kept, and counted."


# Enrollments ----------------------------------------------------------------------------------------------------


def open_enrollment(*, student, batch, enrolled_on, agreed_fee=None, fee_reason="", transferred_from=None):
    """A new active enrollment. The caller holds the locks on the institute, the batch and the student.

    Raises ValidationError: one sentence for each thing that stands in the way.
    """
    active = Enrollment.objects.active()
    enrollment = new_enrollment(
        student=student,
        batch=batch,
        enrolled_on=enrolled_on,
        agreed_fee=agreed_fee,
        fee_reason=fee_reason,
        institute=Institute.objects.current(),
        now_in=[enrollment.batch for enrollment in active.filter(student=student).select_related("batch")],
        seats_taken=0 if batch.capacity is None else active.filter(batch=batch).count(),
        today=timezone.localdate(),
    )
    enrollment.student, enrollment.transferred_from = student, transferred_from
    enrollment.save(force_insert=True)
    return enrollment


def new_enrollment(*, student, batch, enrolled_on, agreed_fee, fee_reason, institute, now_in, seats_taken, today):
    """An active enrollment that the rules allow, not saved yet.

    ``now_in`` are the batches in which the student has an active enrollment, ``seats_taken`` how many students the
    batch has. Raises ValidationError; `Conflict` when the batch is over or full, or the student enrolled already.
    """
    if not student.user.is_active:
        raise ValidationError(f"{student} is inactive. Activate the person first.")
    if batch.is_over(max(enrolled_on, today)):
        raise Conflict({"batch": f"{batch} ended on {day_words(batch.ends_on)}. Choose a batch that goes on."})
    _check_day(enrolled_on, today, field="enrolled_on")
    if batch.starts_on > months_later(enrolled_on, 12):
        raise ValidationError(
            {
                "enrolled_on": f"{batch} starts on {day_words(batch.starts_on)}, more than a year later. Correct the date."
            }
        )
    _refuse_second_enrollment(student, batch, institute, now_in)
    if batch.capacity is not None and seats_taken >= batch.capacity:
        raise Conflict({"batch": f"{batch} is full: all {batch.capacity} seats are taken."})
    enrollment = Enrollment(
        student_id=student.pk, batch=batch, enrolled_on=enrolled_on, is_exclusive=not institute.several_batches_at_once
    )
    _agree_fee(enrollment, agreed_fee, fee_reason)
    return enrollment


def past_enrollment(*, student, batch, enrolled_on, agreed_fee, fee_reason):
    """A completed enrollment in a batch that is over, not saved yet: history that is brought in from elsewhere.

    It ends with the batch. Raises ValidationError.
    """
    if batch.is_over(enrolled_on):
        raise ValidationError(
            {"enrolled_on": f"{batch} ended on {day_words(batch.ends_on)}. Enter a day on or before it."}
        )
    enrollment = Enrollment(
        student_id=student.pk,
        batch=batch,
        enrolled_on=enrolled_on,
        status=EnrollmentStatus.COMPLETED,
        ended_on=batch.ends_on + datetime.timedelta(days=1),
    )
    _agree_fee(enrollment, agreed_fee, fee_reason)
    return enrollment


def _refuse_second_enrollment(student, batch, institute, now_in):
    for other in now_in:
        if other.pk == batch.pk:
            raise Conflict(f"{student} is enrolled in {batch} already.")
        if not institute.several_batches_at_once:
            raise Conflict(
                f"{student} has an active enrollment in {other} already. Complete, drop or transfer it first."
            )


_TYPED = ("enrolled_on", "agreed_fee", "fee_reason")
_NOT_TYPED = {field.name for field in Enrollment._meta.get_fields() if field.name not in _TYPED}


def _agree_fee(enrollment, agreed_fee, fee_reason):
    """Copy the course's fee and what was agreed (None: the same). Raises ValidationError."""
    list_fee = enrollment.batch.course.total_fee
    agreed_fee = list_fee if agreed_fee is None else agreed_fee
    if agreed_fee > list_fee:
        raise ValidationError({"agreed_fee": f"At most {display(list_fee)}, the course's fee."})
    if agreed_fee < list_fee and not fee_reason:
        raise ValidationError({"fee_reason": "Say why the fee is lower than the course's fee."})
    enrollment.list_fee, enrollment.agreed_fee, enrollment.fee_reason = list_fee, agreed_fee, fee_reason
    enrollment.clean_fields(exclude=_NOT_TYPED)


def _check_day(day, today, *, field):
    """Raises ValidationError, beside ``field``, for a day so far ahead that its year was typed wrongly."""
    if day > (last := months_later(today, 12)):
        raise ValidationError({field: f"Choose {day_words(last)} or an earlier day: this is more than a year ahead."})


def end_enrollment(enrollment, status, *, ended_on, reason):
    """End an active enrollment; the student is no longer in the batch from the day ``ended_on`` on.

    Raises ValidationError when it has ended already, or would end before it began or before the last mark.
    """
    enrollment = _locked(Enrollment.objects.filter(pk=enrollment.pk)).get()
    _end(enrollment, status, ended_on=ended_on, reason=reason)
    enrollment.save(update_fields=_ENDING)
    return enrollment


def end_enrollments(enrollments, status, *, ended_on, reason):
    """`end_enrollment` for all of ``enrollments`` (a queryset), by as many statements as for one; returns them."""
    ended = list(_locked(enrollments).order_by("pk"))
    for enrollment in ended:
        _end(enrollment, status, ended_on=ended_on, reason=reason)
    bulk_update_with_history(ended, Enrollment, _ENDING)
    return ended


_ENDING = ["status", "ended_on", "end_reason"]


def _locked(enrollments):
    return enrollments.select_for_update(of=("self",)).select_related("student__user", "batch")


def _end(enrollment, status, *, ended_on, reason):
    if not enrollment.is_active:
        raise ValidationError(
            f"{enrollment} has ended already ({enrollment.get_status_display().lower()} on {day_words(enrollment.ended_on)})."
        )
    if ended_on < enrollment.enrolled_on:
        raise ValidationError(
            {
                "ended_on": f"{enrollment.student} was enrolled on {day_words(enrollment.enrolled_on)}. Choose that day or a later one."
            }
        )
    _check_day(ended_on, timezone.localdate(), field="ended_on")
    if enrollment.last_marked_on and ended_on < enrollment.last_marked_on:
        raise ValidationError(
            {
                "ended_on": f"{enrollment.student} has an attendance mark of {day_words(enrollment.last_marked_on)}. Choose that day or a later one."
            }
        )
    enrollment.status, enrollment.ended_on, enrollment.end_reason = EnrollmentStatus(status), ended_on, reason
    enrollment.clean_fields(exclude=["student", "batch"])
