from django.core.exceptions import ValidationError
from django.db import transaction

from finance.locks import lock_series

#: Leaves ten thousand numbers of five digits for the year.
MAX_FIRST_NUMBER = 90_000


@transaction.atomic
def start_series(*, first_number, day):
    """Raise ValidationError if the financial year of ``day`` has a receipt."""
    series = lock_series(day)
    if series.payments.exists():
        raise ValidationError(
            f"{series} already has receipts. The next number is {series.last_number + 1}."
        )
    series.first_number, series.last_number = first_number, first_number - 1
    series.save(update_fields=["first_number", "last_number"])
    return series
