import datetime

from django.db import transaction

from coachmaster.core.money import ZERO, split_in_proportion
from finance.models import FeePlanPart

DAY = datetime.timedelta(days=1)


def plan_rows(plan, fee, starts_on):
    """Return the rows of ``plan`` for a student who starts on ``starts_on``.

    Amounts that do not add up to ``fee`` are scaled. A date before the start is moved to it.
    """
    return rows_from_parts(list(plan.parts.all()), fee, starts_on)


def rows_from_parts(parts, fee, starts_on):
    if not parts or fee <= ZERO:
        return [(starts_on, fee)] if fee > ZERO else []
    weights = [part.percent if part.amount is None else part.amount for part in parts]
    amounts = split_in_proportion(fee, weights)
    days = [max(part.due_on or starts_on + part.days * DAY, starts_on) for part in parts]
    return sorted((day, amount) for day, amount in zip(days, amounts, strict=True) if amount > ZERO)


@transaction.atomic
def save_plan(plan, parts):
    plan.full_clean()
    plan.save()
    plan.parts.all().delete()
    FeePlanPart.objects.bulk_create(
        [
            FeePlanPart(plan=plan, position=number, **part)
            for number, part in enumerate(parts, start=1)
        ]
    )
