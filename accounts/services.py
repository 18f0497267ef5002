"""Writes about people that span tables."""

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from .models import AdmissionSeries, Membership, StudentProfile, User
from .roles import STUDENT


def next_admission_number(year):
    """The next free number of ``year``, like `26-00042`. Call inside a transaction: the counter stays locked until its end."""
    AdmissionSeries.objects.get_or_create(year=year)
    series = AdmissionSeries.objects.select_for_update().get(year=year)
    while True:
        series.last_number += 1
        number = f"{year % 100:02d}-{series.last_number:05d}"
        # A number that somebody typed by hand is passed over.
        if not StudentProfile.objects.filter(admission_number=number).exists():
            break
    series.save(update_fields=["last_number"])
    return number


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
