"""Writes about people that span tables, and what the person concerned is told of them."""

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import tokens
from accounts.models import Membership, StudentProfile, User
from accounts.roles import STUDENT

from . import emails
from .admission_numbers import next_admission_number, retry_on_conflict


def add_person(*, full_name, role, email="", phone="", password=None, profile=None):
    """A new person with the role ``role`` (a group's name); for a student also their record.

    ``profile`` holds fields of the student's record; without an admission number the next one is drawn. Without a
    password the person can set one by invitation only. Raises ValidationError, saying which field is wrong.
    """
    unsaved = User()
    unsaved.set_password(password)  # slow on purpose, so before the transaction

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
        Membership.objects.create(user=user, group=Group.objects.get(name=role))
        return user

    return retry_on_conflict(write)


def update_person(user, *, profile=None, **fields):
    """Change fields of a person (`full_name`, `phone`, `email`), and with ``profile`` fields of a student's record.

    A person whose e-mail address changes is told so at the old one. Raises ValidationError, saying which field is wrong.
    """

    def write():
        person = User.objects.select_for_update().get(pk=user.pk)
        email_before = person.email
        for name, value in fields.items():
            setattr(person, name, value)
        if profile is not None:
            record = person.student_profile
            for name, value in profile.items():
                setattr(record, name, value)
            record.full_clean()
            record.save()
        person.full_clean()
        # All of it again, so that the text people are found by follows the record too.
        person.save(update_fields=[*fields, "search_text"])
        emails.notify_email_changed(person, email_before)
        return person

    return retry_on_conflict(write)


def _check_admin_remains(person):
    """Raises ValidationError when ``person`` is the last one who is active and may change roles.

    Locks those who may, in order, so that two Admins cannot take the role from each other at once.
    """
    keepers = User.objects.with_permission("change_membership")
    keys = list(
        Membership.objects.filter(user__in=keepers)
        .select_for_update()
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    if (
        person.pk in keys
        and not User.objects.with_permission("change_membership").exclude(pk=person.pk).exists()
    ):
        raise ValidationError(f"{person} is the last active Admin. Make somebody else Admin first.")


def check_can_change_role(person, *, by):
    """Raises ValidationError, saying why, when the role of ``person`` is not for ``by`` to change."""
    if person.pk == by.pk:
        raise ValidationError("Nobody changes their own role: ask another Admin.")
    if person.is_student:
        raise ValidationError(
            f"{person} has a student's record and stays a student. For another role, add a second person with an e-mail "
            "address of their own."
        )


@transaction.atomic
def change_role(person, group, *, by):
    """Give ``person`` the role ``group``, and tell them. Raises ValidationError when a rule forbids it."""
    check_can_change_role(person, by=by)
    if group.name == STUDENT:
        raise ValidationError(
            "A student needs a record with an admission number: add them as a new student."
        )
    if not group.permissions.filter(codename="change_membership").exists():
        _check_admin_remains(person)
    membership = Membership.objects.select_for_update().get(user=person)
    if membership.group_id != group.pk:
        membership.group = group
        membership.save(update_fields=["group"])
        tokens.revoke_all(person)
        emails.notify_account_changed(person, f"Your role is now {group.name}.")
    return membership


def check_can_deactivate(person, *, by):
    """Raises ValidationError, saying why, when ``by`` cannot deactivate ``person``."""
    if person.pk == by.pk:
        raise ValidationError("You cannot deactivate yourself: ask another Admin.")


@transaction.atomic
def deactivate(person, *, by):
    """End the sign-in of ``person`` and their tokens; open sessions end with their next request. Raises ValidationError."""
    check_can_deactivate(person, by=by)
    _check_admin_remains(person)
    person.is_active = False
    person.save(update_fields=["is_active"])
    tokens.revoke_all(person)


@transaction.atomic
def activate(person):
    """Let ``person`` sign in again."""
    person.is_active = True
    person.save(update_fields=["is_active"])
