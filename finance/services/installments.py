"""Tuition in installments. A row is a pair of a due date and rupees."""

import secrets
from collections import defaultdict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coachmaster.core.chunks import in_chunks
from coachmaster.core.dates import format_date, months_later
from coachmaster.core.money import ZERO, display, split, split_in_proportion
from finance.balances import refresh_accounts
from finance.ledger import fee_status
from finance.locks import lock_account
from finance.models import Charge, ChargeKind, Concession

#: A due date further ahead is a typing error.
MAX_YEARS_AHEAD = 10


def split_rest(rows, total, count):
    """Add ``count`` monthly rows, so that all rows add up to ``total`` rupees."""
    rest = total - sum((amount for _, amount in rows), ZERO)
    if rest <= ZERO:
        raise ValidationError(
            "Nothing is left to split: the installments already add up to the fee."
        )
    last = max((due_on for due_on, _ in rows), default=timezone.localdate())
    parts = [part for part in split(rest, count) if part > ZERO]
    new = [(months_later(last, number), part) for number, part in enumerate(parts, start=1)]
    return [*rows, *new]


def split_evenly(total, count, starts_on):
    parts = [part for part in split(total, count) if part > ZERO]
    return [(months_later(starts_on, number), part) for number, part in enumerate(parts)]


def latest_due_date():
    return months_later(timezone.localdate(), 12 * MAX_YEARS_AHEAD)


def check_installments(rows, total, *, not_before=None):
    """Raise ValidationError unless ``rows`` add up to ``total`` rupees exactly."""
    if any(amount <= ZERO for _, amount in rows):
        raise ValidationError("Each installment must be above zero.")
    if not_before and any(due_on < not_before for due_on, _ in rows):
        raise ValidationError(
            f"No installment can be due before {format_date(not_before)}. Choose a later date."
        )
    if any(due_on > (latest := latest_due_date()) for due_on, _ in rows):
        raise ValidationError(
            f"No installment can be due after {format_date(latest)}. Choose an earlier date."
        )
    found = sum((amount for _, amount in rows), ZERO)
    if found != total:
        missing = total - found
        more_or_less = f"{display(missing)} less" if missing > ZERO else f"{display(-missing)} more"
        raise ValidationError(
            f"The installments add up to {display(found)}: {more_or_less} than {display(total)}."
        )


def build_charges(enrollment, rows, *, on, by):
    rows = sorted(rows)
    return [
        Charge(
            student_id=enrollment.student_id,
            enrollment=enrollment,
            kind=ChargeKind.TUITION,
            label=f"Installment {number} of {len(rows)}" if len(rows) > 1 else "",
            amount=amount,
            posted_on=on,
            due_on=due_on,
            posted_by=by,
        )
        for number, (due_on, amount) in enumerate(rows, start=1)
    ]


def tuition_charges(enrollment, rows=None, *, by, today):
    if rows is None:
        fee = enrollment.agreed_fee
        rows = [(enrollment.enrolled_on, fee)] if fee > ZERO else []
    check_installments(rows, enrollment.agreed_fee)
    # Posted today also for a later start, because the fee is agreed now.
    return build_charges(enrollment, rows, on=min(enrollment.enrolled_on, today), by=by)


def unpaid_tuition(enrollment, on):
    return [
        line
        for line in fee_status(enrollment.student, on).lines
        if line.unpaid > ZERO
        and line.charge.enrollment_id == enrollment.pk
        and line.charge.kind == ChargeKind.TUITION
    ]


@transaction.atomic
def change_installments(*, enrollment, rows, reason, by):
    """Replace the unpaid tuition of ``enrollment`` by ``rows``.

    The charges are posted anew with their concessions, so that the unpaid amount stays the same.
    """
    if not reason:
        raise ValidationError({"reason": "Enter the reason for changing the installments."})
    lock_account(enrollment.student_id)
    today = timezone.localdate()
    lines = unpaid_tuition(enrollment, today)
    if not lines:
        raise ValidationError("This fee is already paid.")
    first_day = min(enrollment.enrolled_on, *(line.charge.due_on for line in lines))
    unpaid = sum((line.unpaid for line in lines), ZERO)
    check_installments(rows, unpaid, not_before=first_day)
    # Paid parts keep their dates, so that the same payments are allocated to them.
    paid = [(line.charge.due_on, line.paid) for line in lines if line.paid > ZERO]
    charges = [line.charge for line in lines]
    replace_charges(enrollment, charges, sorted([*paid, *rows]), reason=reason, by=by)
    refresh_accounts([enrollment.student_id])


def replace_charges(enrollment, charges, rows, *, reason, by, carry=True):
    """Cancel ``charges`` and post charges for ``rows``; return the new charges.

    ``rows`` are net amounts. Concessions are carried over in proportion; without ``carry`` they
    lapse. The caller must lock and refresh the account.
    """
    concessions = _split_concessions(charges, rows) if carry else []
    cancel_charges(charges, reason=reason, by=by)
    # Waiting concessions are carried over too, but do not count yet.
    counted = [parts for concession, parts in concessions if not concession.is_waiting]
    gross = [
        (due_on, amount + sum((parts[index] for parts in counted), ZERO))
        for index, (due_on, amount) in enumerate(rows)
    ]
    today = timezone.localdate()
    posted = Charge.objects.bulk_create(build_charges(enrollment, gross, on=today, by=by))
    copies = []
    for concession, parts in concessions:
        copies += _copy_concession(concession, posted, parts)
    Concession.objects.bulk_create(copies)
    return posted


def _split_concessions(charges, rows):
    """Return pairs of a concession and its parts, one for each of ``rows``."""
    active = Concession.objects.filter(charge__in=charges, cancelled_on=None)
    groups = {}
    for concession in active.order_by("asked_at", "pk"):
        groups.setdefault(concession.token, []).append(concession)
    weights = [amount for _, amount in rows]
    return [
        (group[0], split_in_proportion(sum((row.amount for row in group), ZERO), weights))
        for group in groups.values()
    ]


def _copy_concession(concession, charges, parts):
    token = secrets.token_urlsafe(24)
    return [
        Concession(
            student_id=concession.student_id,
            charge=charge,
            amount=part,
            kind=concession.kind,
            reason=concession.reason,
            token=token,
            asked_by=concession.asked_by,
            asked_at=concession.asked_at,
            approved_by=concession.approved_by,
            approved_on=None if concession.is_waiting else timezone.localdate(),
            approved_at=concession.approved_at,
        )
        for charge, part in zip(charges, parts, strict=True)
        if part > ZERO
    ]


def cancel_charges(charges, *, reason, by, is_undone=False):
    """Cancel ``charges`` today. The caller must lock and refresh the account."""
    today = timezone.localdate()
    by_day = defaultdict(list)
    for charge in charges:
        # A charge cannot be cancelled before the day it is posted.
        charge.cancelled_on, charge.cancelled_by = max(today, charge.posted_on), by
        charge.cancel_reason, charge.open_now = reason[:200], None
        charge.is_undone = is_undone
        by_day[charge.cancelled_on].append(charge.pk)
    # A `bulk_update` of 6,000 charges takes ten seconds longer.
    for day, ids in by_day.items():
        for keys in in_chunks(ids):
            Charge.objects.filter(pk__in=keys).update(
                cancelled_on=day,
                cancelled_by=by,
                cancel_reason=reason[:200],
                open_now=None,
                is_undone=is_undone,
            )
