import datetime
from dataclasses import dataclass
from decimal import Decimal

from academics.timetable import Timetable, class_days
from coachmaster.core.money import share

DAY = datetime.timedelta(days=1)


@dataclass
class ProratedFee:
    """In rupees: ``fee`` × ``counted`` ÷ ``all`` = ``amount``."""

    fee: Decimal
    counted: int
    all: int
    amount: Decimal


def prorated_fee_from(batch, fee, joined_on):
    """Return None if the batch has no end date or no planned classes."""
    if batch.ends_on is None:
        return None
    days = class_days(batch, batch.starts_on, batch.ends_on)
    left = sum(day >= joined_on for day in days)
    if not days:
        return None
    return ProratedFee(fee=fee, counted=left, all=len(days), amount=share(fee, left, len(days)))


def prorated_fee_until(enrollment, fee, ended_on):
    """Count classes before a transfer as held. Return None without an end date or classes."""
    current, *earlier = enrollment.with_predecessors
    if current.batch.ends_on is None:
        return None
    batches = [enrollment.batch for enrollment in (current, *earlier)]
    timetable = Timetable(batches, (earlier or [current])[-1].enrolled_on, current.batch.ends_on)
    days = timetable.class_days(current.batch, current.enrolled_on)
    if not days:
        return None
    before = sum(
        len(timetable.class_days(left.batch, left.enrolled_on, left.ended_on - DAY))
        for left in earlier
    )
    held, all_days = before + sum(day < ended_on for day in days), before + len(days)
    return ProratedFee(fee=fee, counted=held, all=all_days, amount=share(fee, held, all_days))
