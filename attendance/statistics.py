"""Cached counts of enrollments, recalculated from their marks."""

from collections import Counter, defaultdict
from dataclasses import asdict

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, Subquery

from academics.models import Enrollment
from coachmaster.core.chunks import in_chunks
from coachmaster.core.compiled import compiled

from .models import EarlierAttendance, Mark, Presence, Sheet
from .percentages import ATTENDED, MarkStatus, Tally


def update_presences(enrollments):
    """Recalculate Presence rows in the transaction that changed the marks.

    The caller locks the enrollments, so that the later of two saves sees the earlier's marks.
    """
    ids = sorted(set(enrollments))
    if not ids:
        return
    counts = _mark_counts(ids)
    absences = {pk: counts[pk][MarkStatus.ABSENT] for pk in ids if counts[pk][MarkStatus.ABSENT]}
    in_a_row = _absences_in_a_row(absences)
    earlier = EarlierAttendance.objects.filter(pk__in=ids)
    for pk, *numbers in earlier.values_list("pk", *MarkStatus.values):
        counts[pk].update(dict(zip(MarkStatus.values, numbers, strict=True)))
    presences = [
        Presence(
            pk=pk,
            absences_in_a_row=in_a_row[pk],
            **{status: counts[pk][status] for status in MarkStatus.values},
        )
        for pk in ids
    ]
    Presence.objects.bulk_create(
        presences,
        update_conflicts=True,
        unique_fields=["enrollment"],
        update_fields=[*MarkStatus.values, "absences_in_a_row"],
    )


def _mark_counts(ids):
    counts = defaultdict(Counter)
    marks = Mark.objects.filter(enrollment__in=ids).order_by().values_list("enrollment", "status")
    for pk, status, number in marks.annotate(Count("pk")):
        counts[pk][status] = number
    return counts


def _absences_in_a_row(absences):
    """Return absences since the last class attended; ``absences`` has all of them."""
    last = {pk: day for pk, day in _last_attended(enrollments=list(absences)) if day}
    in_a_row = Counter({pk: number for pk, number in absences.items() if pk not in last})
    if last:
        absent = Mark.objects.filter(
            enrollment__in=last, status=MarkStatus.ABSENT, sheet__held_on__gt=min(last.values())
        )
        for pk, day in absent.order_by().values_list("enrollment", "sheet__held_on"):
            in_a_row[pk] += day > last[pk]
    return in_a_row


@compiled  # 1.9 to 0.4 ms, with each save of a sheet
def _last_attended(*, enrollments):
    # Search the sheets of the batch from the newest backwards: the first or second usually matches.
    attended = Mark.objects.filter(
        sheet=OuterRef("pk"), student=OuterRef(OuterRef("student")), status__in=ATTENDED
    )
    sheets = Sheet.objects.filter(
        Exists(attended.filter(enrollment=OuterRef(OuterRef("pk")))), batch=OuterRef("batch")
    )
    days = Subquery(sheets.order_by("-held_on").values("held_on")[:1])
    enrolled = Enrollment.objects.filter(pk__in=enrollments).order_by()
    return enrolled.annotate(day=days).values_list("pk", "day")


def update_last_marked_on(days):
    """``days`` maps enrollment ids to days; dates only move forward."""
    by_day = defaultdict(list)
    for enrollment, day in days.items():
        by_day[day].append(enrollment)
    for day, enrollments in by_day.items():
        is_earlier = Q(last_marked_on=None) | Q(last_marked_on__lt=day)
        for chunk in in_chunks(enrollments):
            Enrollment.objects.filter(is_earlier, pk__in=chunk).update(last_marked_on=day)


@transaction.atomic
def after_mark_deleted(sender, instance, origin=None, **kwargs):
    if not getattr(origin, "updates_counts", True):
        return
    locked = Enrollment.objects.select_for_update(no_key=True).filter(pk=instance.enrollment_id)
    list(locked.values_list("pk"))
    update_presences([instance.enrollment_id])
    marks = Mark.objects.filter(sheet=instance.sheet_id).order_by().values_list("status", flat=True)
    Sheet.objects.filter(pk=instance.sheet_id).update(**asdict(Tally.of(marks)))
