"""Writes about people that span tables."""

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from .models import AdmissionSeries, Membership, StudentProfile, User
from .roles import STUDENT


def next_admission_number(year):
    """The next free number of ``year``, like `26-00042`. Call inside a transaction: the counter stays locked until its end."""
    return draw_admission_numbers(year, 1)[0]


def draw_admission_numbers(year, count, spoken_for=()):
    """The next ``count`` free numbers of ``year``, like `next_admission_number`; those ``spoken_for`` are passed over."""
    AdmissionSeries.objects.get_or_create(year=year)
    series = AdmissionSeries.objects.select_for_update().get(year=year)
    numbers = []
    while len(numbers) < count:
        first = series.last_number + 1
        series.last_number += count - len(numbers)
        drawn = [f"{year % 100:02d}-{number:05d}" for number in range(first, series.last_number + 1)]
        # A number that somebody typed by hand is passed over.
        taken = StudentProfile.objects.filter(admission_number__in=drawn).values_list("admission_number", flat=True)
        taken = {*taken, *spoken_for}
        numbers += [number for number in drawn if number not in taken]
    series.save(update_fields=["last_number"])
    return numbers


@transaction.atomic
def add_person(*, full_name, role, email="", phone="", password=None, profile=None):
    """A new person with the role ``role`` (a group's name); for a student also their record.

    ``profile`` holds fields of the student's record; without an admission number the next one is drawn. Without a
    password the person can set one by invitation only. Raises ValidationError, saying which field is wrong.
    """
    user = User(full_name=full_name, email=email, phone=phone)
    user.set_password(password)
    record = None
    if role == STUDENT:
        fields = dict(profile or {})
        if not fields.get("admission_number"):
            fields["admission_number"] = next_admission_number(timezone.localdate().year)
        record = StudentProfile(user=user, **fields)
        record.full_clean(exclude=["user"])
    user.full_clean()
    user.save()
    if record:
        record.user = user
        record.save(force_insert=True)
    Membership.objects.create(user=user, group=Group.objects.get(name=role))
    return user
