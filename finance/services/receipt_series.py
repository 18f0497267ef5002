from django.core.exceptions import ValidationError
from django.db import transaction

from finance.locks import lock_series

#: A receipt number has five digits for its count; a year that starts here still has ten thousand to give.
HIGHEST_START = 90_000


@transaction.atomic
def start_series(*, first_number, day):
    """Let the receipts of the financial year of ``day`` start with ``first_number``; returns the series.

    Raises ValidationError when the year has a receipt already.
    """
    series = lock_series(day)
    if series.payments.exists():
        raise ValidationError(
            f"{series} has receipts already, so its numbers go on from {series.last_number + 1}."
        )
    series.first_number, series.last_number = first_number, first_number - 1
    series.save(update_fields=["first_number", "last_number"])
    return series
