"""The counts that are kept of marks: what they are, and how they are rewritten when marks change.

Of a sheet the counts are written with the sheet. Of an enrollment they are rewritten here, from its marks.
"""

from dataclasses import asdict

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce

from academics.models import Enrollment
from coachmaster.ground.days import FIRST_DAY
from coachmaster.ground.prepared import Prepared

from .models import EarlierAttendance, Mark, Presence, Sheet, Status, Tally

COUNTS = [*Status.values, "absences_in_a_row"]
ATTENDED = [Status.PRESENT.value, Status.LATE.value]


def keep_presences(enrollments):
    """Recalculate the `Presence` of ``enrollments`` (keys) from their marks and earlier attendance.

    Call it in the transaction that changed them, with the enrollments locked, so that of two sheets saved at once the
    later sees the earlier's marks.
    """
    keys = sorted(set(enrollments))
    if not keys:
        return
    Presence.objects.bulk_create(
        [Presence(pk=pk, **dict(zip(COUNTS, counts, strict=True))) for pk, *counts in _counts(enrollments=keys)],
        update_conflicts=True,
        unique_fields=["enrollment"],
        update_fields=COUNTS,
    )


@transaction.atomic
def after_deletion(sender, instance, **kwargs):
    """A mark is gone, alone or with its sheet: rewrite the counts it was in."""
    list(Enrollment.objects.select_for_update(no_key=True).filter(pk=instance.enrollment_id).values_list("pk"))
    keep_presences([instance.enrollment_id])
    marks = Mark.objects.filter(sheet=instance.sheet_id).order_by().values_list("status", flat=True)
    Sheet.objects.filter(pk=instance.sheet_id).update(**asdict(Tally.of(marks)))


@Prepared
def _counts(*, enrollments):
    return _counted(enrollments).values_list("pk", *COUNTS)


def _counted(enrollments):
    """Those ``enrollments`` (keys) with what a `Presence` says of each."""
    mark = Mark.objects.order_by().filter(enrollment=OuterRef("pk"))
    counts = mark.values("enrollment").annotate(number=Count("pk")).values("number")
    before = EarlierAttendance.objects.filter(enrollment=OuterRef("pk"))
    # From the newest sheet of the batch backwards, until one is found that the student came to: one or two as a rule.
    came = Mark.objects.filter(sheet=OuterRef("pk"), student=OuterRef(OuterRef("student")), status__in=ATTENDED)
    last = Sheet.objects.filter(batch=OuterRef("batch")).filter(
        Exists(came.filter(enrollment=OuterRef(OuterRef("pk"))))
    )
    return (
        Enrollment.objects.filter(pk__in=enrollments)
        .order_by()
        .annotate(last_came=Coalesce(Subquery(last.order_by("-held_on").values("held_on")[:1]), FIRST_DAY))
        .annotate(
            **{
                status: Coalesce(Subquery(counts.filter(status=status)), 0)
                + Coalesce(Subquery(before.values(status)), 0)
                for status in Status.values
            }
        )
        .annotate(
            absences_in_a_row=Coalesce(
                Subquery(counts.filter(status=Status.ABSENT, sheet__held_on__gt=OuterRef("last_came"))), 0
            )
        )
    )
