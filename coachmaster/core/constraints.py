"""Constraints that many tables declare: bounds that the database keeps when a write goes past every form."""

import contextlib
from collections import defaultdict

from django.core.exceptions import ValidationError
from django.db.models import CheckConstraint, Q

from .dates import FIRST_DAY, LAST_DAY
from .money import ZERO


class DatabaseOnlyConstraint(CheckConstraint):
    """A constraint that repeats what the field's own validator says, for writes that go past it.

    Forms need not ask the database about it: each such question would be a query.
    """

    def validate(self, *args, **kwargs):
        pass


@contextlib.contextmanager
def errors_by_field(model, **fields):
    """Say what a constraint refuses beside a field; ``fields`` maps names of constraints to names of fields."""
    try:
        yield
    except ValidationError as error:
        constraints = {one.violation_error_message: one.name for one in model._meta.constraints}
        placed = defaultdict(list)
        for field, errors in error.error_dict.items():
            for one in errors:
                placed[fields.get(constraints.get(one.message, ""), field)].append(one)
        raise ValidationError(placed) from error


def date_bounds(table, *fields):
    """One constraint a field: the date is between 1900 and 2100, or empty."""
    return [
        DatabaseOnlyConstraint(
            condition=Q(**{f"{field}__range": (FIRST_DAY, LAST_DAY)})
            | Q(**{f"{field}__isnull": True}),
            name=f"{table}_{field}_in_bounds",
            violation_error_message="Enter a date between 1900 and 2100.",
        )
        for field in fields
    ]


def amount_above_zero(table, field="amount"):
    """The amount is above zero."""
    return CheckConstraint(
        condition=Q(**{f"{field}__gt": ZERO}),
        name=f"{table}_{field}_above_zero",
        violation_error_message="The amount must be above zero.",
    )


def valid_choice(table, field, choices):
    """The value is one of the choices; Django's `choices` alone do not bind the database."""
    return DatabaseOnlyConstraint(
        condition=Q(**{f"{field}__in": choices.values}), name=f"{table}_{field}_known"
    )
