import datetime
from itertools import zip_longest

from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import Membership, StudentProfile, User, as_instructor
from accounts.roles import STUDENT
from coachmaster.core.logs import log_event

from . import emails
from .admission_numbers import next_admission_number, retry_on_conflict

#: Each adds a row to the history.
MOST_OWN_CHANGES_AN_HOUR = 20


def unsaved_person(*, role, **fields):
    """Return a person who is not saved yet, for rules that depend on the role."""
    person = User(**fields)
    Membership(user=person, group=Group(name=role))
    return person


def add_person(*, full_name, role, email="", phone="", password=None, profile=None):
    """Add a person with a role, and a student's record from ``profile``.

    A student without an admission number gets the next one. Raise ValidationError.
    """
    unsaved = User()
    unsaved.set_password(password)  # hashing is slow, so before the transaction

    def write():
        user = User(full_name=full_name, email=email, phone=phone, password=unsaved.password)
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
        membership = Membership.objects.create(user=user, group=Group.objects.get(name=role))
        log_event("person added", account=user.pk, role=membership.group_id)
        return user

    return retry_on_conflict(write)


def update_person(user, *, by, profile=None, **fields):
    """Change a person's fields, and a student's record by ``profile``.

    Raise ValidationError, or PermissionDenied if the person has permissions that ``by`` lacks.
    """

    def write():
        person = User.objects.select_for_update().get(pk=user.pk)
        manageable = User.objects.manageable_by(by).filter(pk=person.pk)
        if person.pk != by.pk and not manageable.exists():
            raise PermissionDenied
        if person.pk == by.pk:
            _check_own_changes(person)
        old_email = person.email
        for name, value in fields.items():
            setattr(person, name, value)
        if profile is not None:
            record = person.student_profile
            for name, value in profile.items():
                setattr(record, name, value)
            record.full_clean()
            record.save()
        person.full_clean()
        # The search text also contains fields of the record.
        person.save(update_fields=[*fields, "search_text"])
        emails.notify_email_changed(person, old_email)
        if person.email != old_email:
            log_event("email changed", account=person.pk)
        return person

    return retry_on_conflict(write)


def _check_own_changes(person):
    since = timezone.now() - datetime.timedelta(hours=1)
    changes = person.history.filter(history_user=person, history_date__gt=since)
    if changes.count() >= MOST_OWN_CHANGES_AN_HOUR:
        raise ValidationError(
            f"You changed your account {MOST_OWN_CHANGES_AN_HOUR} times in an hour. "
            "Try again in an hour."
        )


def _check_admin_remains(person):
    """Raise ValidationError if ``person`` is the last active person who can change roles."""
    admins = User.objects.with_permission("change_membership")
    # Lock their memberships in order, so that two Admins cannot remove each other at once.
    locked = Membership.objects.filter(user__in=admins).select_for_update().order_by("pk")
    ids = list(locked.values_list("pk", flat=True))
    # Asked again after the lock.
    others = User.objects.with_permission("change_membership").exclude(pk=person.pk)
    if person.pk in ids and not others.exists():
        raise ValidationError(
            f"{person} is the last active Admin. Give another person the role Admin first."
        )


def last_email_change(person):
    """Return the row of history by which the person got their email address, or None."""
    rows = list(person.history.select_related("history_user"))  # newest first
    for row, older in zip_longest(rows, rows[1:]):
        if older is None or older.email != row.email:
            return row
    return None


def check_can_change_role(person, *, by):
    if person.pk == by.pk:
        raise ValidationError("You cannot change your own role. Ask another Admin.")
    if person.is_student:
        raise ValidationError(
            f"{person} has a student record and must remain a student. For another role, add a "
            "second person with another email address."
        )


@transaction.atomic
def change_role(person, group, *, by):
    check_can_change_role(person, by=by)
    if group.name == STUDENT:
        raise ValidationError(
            "A student needs an admission number: add this person as a new student."
        )
    if not group.permissions.filter(codename="change_membership").exists():
        _check_admin_remains(person)
    membership = Membership.objects.select_for_update().get(user=person)
    if membership.group_id != group.pk:
        membership.group = group
        membership.save(update_fields=["group"])
        person.devices.all().sign_out()
        log_event("role changed", account=person.pk, role=group.pk)
        emails.notify_account_changed(person, f"Your role is now {group.name}.")
    return membership


def batches_without_teacher(person):
    """Return the batches, not over yet, of a person whose role cannot teach."""
    if as_instructor(person.pk).exists():
        return []
    return list(person.batches_taught.not_over(timezone.localdate()))


def check_can_deactivate(person, *, by):
    if person.pk == by.pk:
        raise ValidationError("You cannot deactivate yourself. Ask another Admin.")


@transaction.atomic
def deactivate(person, *, by):
    check_can_deactivate(person, by=by)
    _check_admin_remains(person)
    person.is_active = False
    person.save(update_fields=["is_active"])
    person.devices.all().sign_out()
    log_event("person deactivated", account=person.pk)
    emails.notify_account_changed(person, "Your account was deactivated: you cannot sign in.")


@transaction.atomic
def activate(person):
    person.is_active = True
    person.save(update_fields=["is_active"])
    log_event("person activated", account=person.pk)
    emails.notify_account_changed(person, "Your account was activated: you can sign in again.")
