"""Check constraints that many tables share."""

import contextlib
from collections import defaultdict

from django.core.exceptions import ValidationError
from django.db.models import CheckConstraint, Q

from .dates import FIRST_DAY, LAST_DAY
from .money import ZERO


class DatabaseOnlyConstraint(CheckConstraint):
    """Repeats a validator for writes that skip it; model validation saves its query."""

    def validate(self, *args, **kwargs):
        pass


@contextlib.contextmanager
def errors_by_field(model, **fields):
    """Attach errors of constraints to fields: ``fields`` maps constraint names to field names."""
    try:
        yield
    except ValidationError as error:
        names = {
            constraint.violation_error_message: constraint.name
            for constraint in model._meta.constraints
        }
        by_field = defaultdict(list)
        for field, errors in error.error_dict.items():
            for violation in errors:
                by_field[fields.get(names.get(violation.message, ""), field)].append(violation)
        raise ValidationError(by_field) from error


def date_bounds(table, *fields):
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
    return DatabaseOnlyConstraint(
        condition=Q(**{f"{field}__in": choices.values}), name=f"{table}_{field}_known"
    )
