from django.db import IntegrityError, transaction

from accounts.models import AdmissionSeries, StudentProfile


def next_admission_number(year):
    """The next free number of ``year``, like `26-00042`. Call inside a transaction: the counter stays locked until its end."""
    return next_admission_numbers(year, 1)[0]


def next_admission_numbers(year, count, spoken_for=()):
    """The next ``count`` free numbers of ``year``, like `next_admission_number`; those ``spoken_for`` are passed over."""
    AdmissionSeries.objects.get_or_create(year=year)
    series = AdmissionSeries.objects.select_for_update().get(year=year)
    numbers = []
    while len(numbers) < count:
        first = series.last_number + 1
        series.last_number += count - len(numbers)
        drawn = [
            f"{year % 100:02d}-{number:05d}" for number in range(first, series.last_number + 1)
        ]
        # A number that somebody typed by hand is passed over.
        given = StudentProfile.objects.filter(admission_number__in=drawn).values_list(
            "admission_number", flat=True
        )
        taken = {*given, *spoken_for}
        numbers += [number for number in drawn if number not in taken]
    series.save(update_fields=["last_number"])
    return numbers


def retry_on_conflict(write):
    """Runs ``write`` in a transaction. When somebody else took a unique value in the meantime, once more: then its own
    checks see that, and refuse with a sentence instead of an IntegrityError."""
    try:
        with transaction.atomic():
            return write()
    except IntegrityError:
        with transaction.atomic():
            return write()
