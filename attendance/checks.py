"""Verification of cached counts in plain Python, apart from the SQL that writes them."""

from collections import Counter, defaultdict

from django.db.models import F, Max, Q

from academics.models import Enrollment

from .models import EarlierAttendance, Mark, Presence, Sheet
from .percentages import MarkStatus

#: Number of rows fetched at a time.
CHUNK = 2000

_COUNTS = ("present", "absent", "late", "excused")


def sheet_counts():
    counted = defaultdict(Counter)
    for sheet, status in Mark.objects.order_by("pk").values_list("sheet", "status").iterator(CHUNK):
        counted[sheet][status] += 1
    for pk, *cached in Sheet.objects.order_by("pk").values_list("pk", *_COUNTS).iterator(CHUNK):
        correct = [counted[pk][status] for status in _COUNTS]
        if cached != correct:
            yield (
                f"Sheet {pk}: cached counts are {_label(cached)}, its marks give {_label(correct)}."
            )


def presences():
    counted, in_a_row = defaultdict(Counter), Counter()
    earlier = EarlierAttendance.objects.order_by("pk").values_list("pk", *_COUNTS)
    for pk, *counts in earlier.iterator(CHUNK):
        counted[pk].update(dict(zip(_COUNTS, counts, strict=True)))
    marks = Mark.objects.order_by("sheet__held_on", "sheet", "student").values_list(
        "enrollment", "status"
    )
    for enrollment, status in marks.iterator(CHUNK):
        counted[enrollment][status] += 1
        if status == MarkStatus.ABSENT:
            in_a_row[enrollment] += 1
        elif status != MarkStatus.EXCUSED:
            in_a_row[enrollment] = 0
    rows = Presence.objects.order_by("pk").values_list("pk", *_COUNTS, "absences_in_a_row")
    cached = {pk: counts for pk, *counts in rows.iterator(CHUNK)}
    for pk in sorted(counted.keys() | cached.keys()):
        correct = [*(counted[pk][status] for status in _COUNTS), in_a_row[pk]]
        if cached.get(pk, [0] * 5) != correct:
            yield (
                f"Enrollment {pk}: cached counts are {_label(cached.get(pk, [0] * 5))} in a row, "
                f"its marks give {_label(correct)} in a row."
            )


def _label(counts):
    return " / ".join(map(str, counts))


def marks():
    """Check that marks match the student, batch and days of their enrollment."""
    wrong = (
        ~Q(student=F("enrollment__student"))
        | ~Q(sheet__batch=F("enrollment__batch"))
        | Q(sheet__held_on__lt=F("enrollment__enrolled_on"))
        | Q(sheet__held_on__gt=F("enrollment__ended_on"))
    )
    for pk in Mark.objects.order_by("pk").filter(wrong).values_list("pk", flat=True):
        yield f"Mark {pk} does not match the student, the batch or the days of its enrollment."


def last_marks():
    enrollments = Enrollment.objects.order_by("pk").annotate(last=Max("marks__sheet__held_on"))
    wrong = Q(last__gt=F("last_marked_on")) | Q(last_marked_on=None, last__isnull=False)
    for pk in enrollments.filter(wrong).values_list("pk", flat=True):
        yield f"Enrollment {pk} has a mark later than its last_marked_on."


CHECKS = [sheet_counts, presences, marks, last_marks]
