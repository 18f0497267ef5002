from django.db import IntegrityError, transaction

from accounts.models import AdmissionSeries, StudentProfile


def next_admission_number(year):
    """Return the next free number of ``year``, like `26-00042`.

    Call it in a transaction: the series stays locked until the end.
    """
    return next_admission_numbers(year, 1)[0]


def next_admission_numbers(year, count, reserved=()):
    AdmissionSeries.objects.get_or_create(year=year)
    series = AdmissionSeries.objects.select_for_update().get(year=year)
    numbers = []
    while len(numbers) < count:
        first = series.last_number + 1
        series.last_number += count - len(numbers)
        candidates = [
            f"{year % 100:02d}-{number:05d}" for number in range(first, series.last_number + 1)
        ]
        # Numbers may also be entered by hand.
        used = StudentProfile.objects.numbered(candidates)
        taken = {*used.values_list("admission_number", flat=True), *reserved}
        numbers += [number for number in candidates if number not in taken]
    series.save(update_fields=["last_number"])
    return numbers


def retry_on_conflict(write):
    """Run ``write`` in a transaction, and once more after an IntegrityError.

    If somebody else just took a unique value, the second run raises a ValidationError for it.
    """
    try:
        with transaction.atomic():
            return write()
    except IntegrityError:
        with transaction.atomic():
            return write()
