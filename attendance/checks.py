"""The proof of what is kept of attendance, asked of every row. Reckoned in plain Python and not by the queries that keep
it, so that the two cannot be wrong together."""

from collections import Counter, defaultdict

from django.db.models import F, Max, Q

from academics.models import Enrollment

from .models import EarlierAttendance, Mark, Presence, Sheet
from .percentages import MarkStatus

#: Rows fetched at a time; nothing loads a whole table.
CHUNK = 2000

_KEPT = ("present", "absent", "late", "excused")


def sheet_counts():
    """The counts kept of a sheet are those of its marks."""
    counted = defaultdict(Counter)
    for sheet, status in Mark.objects.order_by("pk").values_list("sheet", "status").iterator(CHUNK):
        counted[sheet][status] += 1
    for pk, *kept in Sheet.objects.order_by("pk").values_list("pk", *_KEPT).iterator(CHUNK):
        found = [counted[pk][status] for status in _KEPT]
        if kept != found:
            yield f"Sheet {pk}: {_words(kept)} are kept, the marks say {_words(found)}."


def presences():
    """The counts kept of an enrollment are those of its marks and what was before; its absences in a row, of its marks by
    day."""
    counted, in_a_row = defaultdict(Counter), Counter()
    for pk, *before in (
        EarlierAttendance.objects.order_by("pk").values_list("pk", *_KEPT).iterator(CHUNK)
    ):
        counted[pk].update(dict(zip(_KEPT, before, strict=True)))
    marks = Mark.objects.order_by("sheet__held_on", "sheet", "student").values_list(
        "enrollment", "status"
    )
    for enrollment, status in marks.iterator(CHUNK):
        counted[enrollment][status] += 1
        if status == MarkStatus.ABSENT:
            in_a_row[enrollment] += 1
        elif status != MarkStatus.EXCUSED:
            in_a_row[enrollment] = 0
    rows = Presence.objects.order_by("pk").values_list("pk", *_KEPT, "absences_in_a_row")
    kept = {pk: counts for pk, *counts in rows.iterator(CHUNK)}
    for pk in sorted(counted.keys() | kept.keys()):
        found = [*(counted[pk][status] for status in _KEPT), in_a_row[pk]]
        if kept.get(pk, [0] * 5) != found:
            yield (
                f"Enrollment {pk}: {_words(kept.get(pk, [0] * 5))} in a row are kept, "
                f"the marks say {_words(found)} in a row."
            )


def _words(counts):
    return " / ".join(map(str, counts))


def marks():
    """A mark is its enrollment's student's, in its enrollment's batch, on a day on which they were in it."""
    odd = (
        ~Q(student=F("enrollment__student"))
        | ~Q(sheet__batch=F("enrollment__batch"))
        | Q(sheet__held_on__lt=F("enrollment__enrolled_on"))
        | Q(sheet__held_on__gt=F("enrollment__ended_on"))
    )
    for pk in Mark.objects.order_by("pk").filter(odd).values_list("pk", flat=True):
        yield f"Mark {pk} is not of the student, the batch or the days of its enrollment."


def last_marks():
    """The day of the last mark that an enrollment keeps is not before that of its marks."""
    found = Enrollment.objects.order_by("pk").annotate(last=Max("marks__sheet__held_on"))
    for pk in found.filter(
        Q(last__gt=F("last_marked_on")) | Q(last_marked_on=None, last__isnull=False)
    ).values_list("pk", flat=True):
        yield f"Enrollment {pk} has a mark later than the last one it keeps."


CHECKS = [sheet_counts, presences, marks, last_marks]
