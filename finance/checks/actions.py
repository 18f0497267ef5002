"""Checks of bulk actions and their undoing."""

from django.contrib.contenttypes.models import ContentType
from django.db.models import Count

from academics.models import Enrollment
from coachmaster.core.money import ZERO, display
from finance.models import (
    BulkAction,
    BulkActionKind,
    Charge,
    ChargeKind,
    Payment,
)


def bulk_actions():
    """A bulk action has as many rows as it says; charges that it made add up to its amount."""
    charges = ContentType.objects.get_for_model(Charge)
    actions = BulkAction.objects.annotate(found=Count("rows")).order_by("pk")
    for action in actions.iterator():
        if action.found != action.row_count:
            yield f"{action}: {action.row_count} rows are counted, {action.found} are listed."
        if action.kind not in (BulkActionKind.LATE_FEES, BulkActionKind.CHARGE):
            continue
        keys = action.rows.filter(content_type=charges).values("object_id")
        rows = list(Charge.objects.filter(pk__in=keys).values_list("amount", "cancelled_on"))
        total = sum((amount for amount, _ in rows), ZERO)
        if total != action.amount:
            yield (
                f"{action}: {display(action.amount or ZERO)} is written, "
                f"its charges add up to {display(total)}."
            )
        if action.is_undone and any(cancelled_on is None for _, cancelled_on in rows):
            yield f"{action} is undone, but not all of its charges are cancelled."


def undone_actions():
    """What an undone bulk action or import had made is cancelled."""
    kinds = (BulkActionKind.ENROLL, BulkActionKind.IMPORT)
    for action in BulkAction.objects.undone().filter(kind__in=kinds).order_by("pk"):
        enrollments = action.rows_of(Enrollment)
        tuition = Charge.objects.active().filter(
            kind=ChargeKind.TUITION, enrollment__in=enrollments.values("pk")
        )
        for noun, rows in (
            ("enrollments", enrollments.active()),
            ("tuition charges", tuition),
            ("payments", action.rows_of(Payment).filter(reversal=None)),
        ):
            if number := rows.count():
                yield f"{action} is undone, but {number} {noun} are not cancelled."
