"""Remove sheets and totals that an import made by mistake."""

from collections import defaultdict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max

from academics.models import Enrollment
from attendance.models import CheckIn, EarlierAttendance, Mark, Sheet
from attendance.statistics import update_presences
from coachmaster.core.chunks import in_chunks


@transaction.atomic
def remove_sheets(ids):
    """Delete new sheets with their marks; return how many.

    Raise ValidationError with a message for each sheet that was saved again, or has check-ins.
    """
    enrollments = set()
    for chunk in in_chunks(ids):
        marks = Mark.objects.filter(sheet__in=chunk).order_by()
        enrollments.update(marks.values_list("enrollment", flat=True).distinct())
    _lock(enrollments)
    sheets, errors = [], []
    for chunk in in_chunks(ids):
        locked = Sheet.objects.select_for_update(of=("self",)).select_related("batch")
        sheets += locked.filter(pk__in=chunk).order_by("pk")
        checked = CheckIn.objects.filter(sheet__in=chunk).order_by()
        has_check_ins = set(checked.values_list("sheet", flat=True))
        errors += [
            f"{sheet}: students checked in." for sheet in sheets if sheet.pk in has_check_ins
        ]
    errors += [f"{sheet} was saved again since." for sheet in sheets if sheet.version > 1]
    if errors:
        raise ValidationError(errors)
    for chunk in in_chunks(sheets):
        marks = Mark.objects.filter(sheet__in=chunk)
        marks.updates_counts = False  # all at once, below
        marks.delete()
        Sheet.objects.filter(pk__in=[sheet.pk for sheet in chunk]).delete()
    for chunk in in_chunks(sorted(enrollments)):
        update_presences(chunk)
        _recalculate_last_marked_on(chunk)
    return len(sheets)


@transaction.atomic
def remove_totals(enrollments):
    """Delete the classes from before CoachMaster of these enrollments; return how many."""
    _lock(enrollments)
    removed = 0
    for chunk in in_chunks(sorted(enrollments)):
        removed += EarlierAttendance.objects.filter(pk__in=chunk).delete()[0]
        update_presences(chunk)
    return removed


def _lock(enrollments):
    for chunk in in_chunks(sorted(enrollments)):
        locked = Enrollment.objects.select_for_update(no_key=True).filter(pk__in=chunk)
        list(locked.order_by("pk").values_list("pk"))


def _recalculate_last_marked_on(enrollments):
    by_day = defaultdict(list)
    last = Enrollment.objects.filter(pk__in=enrollments).order_by()
    for pk, day in last.values_list("pk").annotate(Max("marks__sheet__held_on")):
        by_day[day].append(pk)
    for day, ids in by_day.items():
        Enrollment.objects.filter(pk__in=ids).update(last_marked_on=day)
