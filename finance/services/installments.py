"""Tuition in installments: the rows of a plan, posting them, and changing what is still open.

A row is a pair ``(due_on, amount)``: a date, and rupees to be paid.
"""

import datetime
import secrets
from dataclasses import dataclass
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from academics.timetable import Timetable, class_days
from coachmaster.core.dates import format_date, months_later
from coachmaster.core.money import ZERO, display, share, split, split_in_proportion
from finance.balances import refresh_accounts
from finance.ledger import fee_status
from finance.locks import lock_account
from finance.models import Charge, ChargeKind, Concession, FeePlanPart

DAY = datetime.timedelta(days=1)


def plan_rows(plan, fee, starts_on):
    """The rows by which ``plan`` divides ``fee`` (rupees) for who starts on ``starts_on``, by date.

    Amounts of the plan are kept when they add up to the fee; otherwise, as per cent are, they are its proportions. What
    had its fixed date before is due on the first day.
    """
    return rows_from_parts(list(plan.parts.all()), fee, starts_on)


def rows_from_parts(parts, fee, starts_on):
    """The same of the ``parts`` of a plan."""
    if not parts or fee <= ZERO:
        return [(starts_on, fee)] if fee > ZERO else []
    amounts = split_in_proportion(
        fee, [part.percent if part.amount is None else part.amount for part in parts]
    )
    days = [max(part.due_on or starts_on + part.days * DAY, starts_on) for part in parts]
    return sorted((day, amount) for day, amount in zip(days, amounts, strict=True) if amount > ZERO)


@transaction.atomic
def save_plan(plan, parts):
    """Save ``plan`` with ``parts`` (dictionaries of the fields of `FeePlanPart`) in the place of those it had.

    Who is enrolled already keeps their installments. Raises ValidationError.
    """
    plan.full_clean()
    plan.save()
    plan.parts.all().delete()
    FeePlanPart.objects.bulk_create(
        [
            FeePlanPart(plan=plan, position=number, **part)
            for number, part in enumerate(parts, start=1)
        ]
    )


def split_rest(rows, total, count):
    """``rows`` with what is missing to ``total`` rupees added as ``count`` further rows, a month apart.

    Raises ValidationError when nothing is missing.
    """
    rest = total - sum((amount for _, amount in rows), ZERO)
    if rest <= ZERO:
        raise ValidationError(
            "Nothing is left to split: the installments add up to the fee already."
        )
    last = max((due_on for due_on, _ in rows), default=timezone.localdate())
    parts = [part for part in split(rest, count) if part > ZERO]
    return [
        *rows,
        *((months_later(last, number), part) for number, part in enumerate(parts, start=1)),
    ]


def split_evenly(total, count, starts_on):
    """``total`` rupees as ``count`` rows a month apart, the first on ``starts_on``; odd paise go to the first ones."""
    parts = [part for part in split(total, count) if part > ZERO]
    return [(months_later(starts_on, number), part) for number, part in enumerate(parts)]


#: So many years ahead something is due at most: further, the year was typed wrongly.
YEARS_AHEAD = 10


def latest_due_date():
    """The last day on which something can be due."""
    return months_later(timezone.localdate(), 12 * YEARS_AHEAD)


def check_installments(rows, total, *, not_before=None):
    """Raises ValidationError unless ``rows`` are above zero and add up to ``total`` rupees, to the paisa, and none is due
    before the day ``not_before`` or many years ahead."""
    if any(amount <= ZERO for _, amount in rows):
        raise ValidationError("Each installment is above zero.")
    if not_before and any(due_on < not_before for due_on, _ in rows):
        raise ValidationError(
            f"No installment can be due before {format_date(not_before)}. Choose a later date."
        )
    if any(due_on > (last := latest_due_date()) for due_on, _ in rows):
        raise ValidationError(
            f"No installment can be due after {format_date(last)}. Choose an earlier date."
        )
    found = sum((amount for _, amount in rows), ZERO)
    if found != total:
        missing = total - found
        more_or_less = f"{display(missing)} less" if missing > ZERO else f"{display(-missing)} more"
        raise ValidationError(
            f"The installments add up to {display(found)}: {more_or_less} than {display(total)}."
        )


def build_charges(enrollment, rows, *, on, by):
    """Tuition charges of ``enrollment`` for ``rows``, not saved yet, posted on the day ``on``."""
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
    """The charges that enrolling posts ``today``, not saved yet. Raises ValidationError when ``rows`` miss the agreed fee."""
    if rows is None:
        rows = (
            [(enrollment.enrolled_on, enrollment.agreed_fee)]
            if enrollment.agreed_fee > ZERO
            else []
        )
    check_installments(rows, enrollment.agreed_fee)
    # Posted on the day it is agreed, also for a student who starts later: what is owed counts from now on.
    return build_charges(enrollment, rows, on=min(enrollment.enrolled_on, today), by=by)


def unpaid_tuition(enrollment, on):
    """The tuition lines of ``enrollment`` of which something is still to be paid."""
    status = fee_status(enrollment.student, on)
    return [
        line
        for line in status.lines
        if line.unpaid > ZERO
        and line.charge.enrollment_id == enrollment.pk
        and line.charge.kind == ChargeKind.TUITION
    ]


@transaction.atomic
def change_installments(*, enrollment, rows, reason, by):
    """Put ``rows`` in the place of what is still open of the tuition of ``enrollment``. What is settled stays.

    The open charges are cancelled and posted anew; concessions on them are carried over, so that what is to be paid
    is the same. Raises ValidationError when the rows do not add up to what is open or begin before the enrollment, or the
    reason is missing.
    """
    if not reason:
        raise ValidationError({"reason": "Say why the installments change."})
    lock_account(enrollment.student_id)
    today = timezone.localdate()
    lines = unpaid_tuition(enrollment, today)
    if not lines:
        raise ValidationError("Nothing of this fee is open any more.")
    first_day = min(enrollment.enrolled_on, *(line.charge.due_on for line in lines))
    check_installments(rows, sum((line.unpaid for line in lines), ZERO), not_before=first_day)
    # What is settled of a charge keeps its date, so that the same payments settle it again.
    kept = [(line.charge.due_on, line.paid) for line in lines if line.paid > ZERO]
    rows = sorted([*kept, *rows])
    replace_charges(enrollment, [line.charge for line in lines], rows, reason=reason, by=by)
    refresh_accounts([enrollment.student_id])


def replace_charges(enrollment, charges, rows, *, reason, by, carry=True):
    """Cancel ``charges`` and post ``rows`` for ``enrollment`` instead, with the concessions carried over in proportion.

    ``rows`` are what is to be paid; what is conceded comes on top of each. Without ``carry`` the concessions lapse.
    The caller holds the account and refreshes it.
    """
    today = timezone.localdate()
    carried = {}
    standing = Concession.objects.filter(charge__in=charges if carry else [], cancelled_on=None)
    for concession in standing.order_by("asked_at", "pk"):
        carried.setdefault(concession.token, []).append(concession)
    cancel_charges(charges, reason=reason, by=by)
    conceded = [
        (
            group[0],
            split_in_proportion(
                sum((one.amount for one in group), ZERO), [amount for _, amount in rows]
            ),
        )
        for group in carried.values()
    ]
    # One that still waits for its approval comes along too, but takes nothing off yet.
    counted = [parts for concession, parts in conceded if not concession.is_waiting]
    gross = [
        (due_on, amount + sum((parts[index] for parts in counted), ZERO))
        for index, (due_on, amount) in enumerate(rows)
    ]
    posted = Charge.objects.bulk_create(build_charges(enrollment, gross, on=today, by=by))
    Concession.objects.bulk_create(
        [
            Concession(
                student_id=enrollment.student_id,
                charge=charge,
                amount=part,
                kind=concession.kind,
                reason=concession.reason,
                token=token,
                asked_by=concession.asked_by,
                asked_at=concession.asked_at,
                approved_by=concession.approved_by,
                approved_on=None if concession.is_waiting else today,
                approved_at=concession.approved_at,
            )
            for concession, parts in conceded
            for token in [secrets.token_urlsafe(24)]
            for charge, part in zip(posted, parts, strict=True)
            if part > ZERO
        ]
    )
    return posted


def cancel_charges(charges, *, reason, by):
    """Cancel ``charges`` today. The caller holds the account and refreshes it."""
    today = timezone.localdate()
    for charge in charges:
        # A charge cannot be cancelled before it was posted; that day is kept where it lies later.
        charge.cancelled_on, charge.cancelled_by = max(today, charge.posted_on), by
        charge.cancel_reason, charge.open_now = reason[:200], None
    Charge.objects.bulk_update(
        charges, ["cancelled_on", "cancelled_by", "cancel_reason", "open_now"]
    )


@dataclass
class ProratedFee:
    """A fee in proportion to classes, with its working: ``fee`` × ``counted`` ÷ ``all`` = ``amount`` (rupees)."""

    fee: Decimal
    counted: int
    all: int
    amount: Decimal


def prorated_fee_from(batch, fee, joined_on):
    """The Share of ``fee`` for the classes from ``joined_on`` on; None when the classes cannot be counted.

    Classes are planned class days; an open-ended batch has no last one.
    """
    if batch.ends_on is None:
        return None
    days = class_days(batch, batch.starts_on, batch.ends_on)
    left = sum(day >= joined_on for day in days)
    if not days:
        return None
    return ProratedFee(fee=fee, counted=left, all=len(days), amount=share(fee, left, len(days)))


def prorated_fee_until(enrollment, fee, ended_on):
    """The Share of ``fee`` for the classes held from the day of enrolling until before ``ended_on``; None as `fee_from`.

    Classes in the batches that the student was transferred from count as held: the fee is for all of them.
    """
    current, *earlier = enrollment.with_predecessors
    if current.batch.ends_on is None:
        return None
    batches = [one.batch for one in (current, *earlier)]
    timetable = Timetable(batches, (earlier or [current])[-1].enrolled_on, current.batch.ends_on)
    days = timetable.class_days(current.batch, current.enrolled_on)
    if not days:
        return None
    before = sum(
        len(timetable.class_days(one.batch, one.enrolled_on, one.ended_on - DAY)) for one in earlier
    )
    held, all_days = before + sum(day < ended_on for day in days), before + len(days)
    return ProratedFee(fee=fee, counted=held, all=all_days, amount=share(fee, held, all_days))
