"""Check constraints that many tables share."""

import contextlib
from collections import defaultdict

from django.core.exceptions import ValidationError
from django.db.models import CheckConstraint, Q

from .dates import FIRST_DAY, LAST_DAY
from .money import ZERO


class DatabaseOnlyConstraint(CheckConstraint):
    """Constraint that repeats a validator of the field for writes that skip it.

    Model validation leaves it out, since each constraint would be a query.
    """

    def validate(self, *args, **kwargs):
        pass


@contextlib.contextmanager
def errors_by_field(model, **fields):
    """Attach the error of a constraint to a field: ``fields`` maps constraints to fields."""
    try:
        yield
    except ValidationError as error:
        names = {
            constraint.violation_error_message: constraint.name
            for constraint in model._meta.constraints
        }
        by_field = defaultdict(list)
        for field, errors in error.error_dict.items():
            for one in errors:
                by_field[fields.get(names.get(one.message, ""), field)].append(one)
        raise ValidationError(by_field) from error


def date_bounds(table, *fields):
    """Return one constraint for each field: a date between 1900 and 2100, or empty."""
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
    return CheckConstraint(
        condition=Q(**{f"{field}__gt": ZERO}),
        name=f"{table}_{field}_above_zero",
        violation_error_message="The amount must be above zero.",
    )


def valid_choice(table, field, choices):
    """Return a constraint for ``choices``, which Django checks in forms only."""
    return DatabaseOnlyConstraint(
        condition=Q(**{f"{field}__in": choices.values}), name=f"{table}_{field}_known"
    )
