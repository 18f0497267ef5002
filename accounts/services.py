"""Writes about people that span tables, and what the person concerned is told of them."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from . import mails, throttling, tokens
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
        given = StudentProfile.objects.filter(admission_number__in=drawn).values_list("admission_number", flat=True)
        taken = {*given, *spoken_for}
        numbers += [number for number in drawn if number not in taken]
    series.save(update_fields=["last_number"])
    return numbers


def _one_more_look(write):
    """Runs ``write`` in a transaction. When somebody else took a unique value in the meantime, once more: then its own
    checks see that, and refuse with a sentence instead of an IntegrityError."""
    try:
        with transaction.atomic():
            return write()
    except IntegrityError:
        with transaction.atomic():
            return write()


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

    return _one_more_look(write)


def check_registration_open():
    """Raises PermissionDenied where the institute has registration closed."""
    if not settings.REGISTRATION_OPEN:
        raise PermissionDenied("Registration is closed. Ask the office.")


def register(*, address, **person):
    """Add somebody who registers themselves from that network ``address``: a student, never anything else.

    Raises what `check_registration_open` and `add_person` raise, and TooManyTries.
    """
    check_registration_open()
    throttling.count((throttling.REGISTER, address))
    return add_person(role=STUDENT, **person)


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
        mails.tell_address_changed(person, email_before)
        return person

    return _one_more_look(write)


def set_password(user, password):
    """A new password: it ends sessions elsewhere, tokens, links that were handed out, and is told to its owner."""
    had_one = user.has_usable_password()
    user.set_password(password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        if had_one:
            mails.tell(user, "The password of your account was changed.")


def _keep_an_admin(person):
    """Raises ValidationError when ``person`` is the last one who is active and may change roles.

    Locks those who may, in order, so that two Admins cannot take the role from each other at once.
    """
    keepers = User.objects.who_may("change_membership")
    keys = list(
        Membership.objects.filter(user__in=keepers).select_for_update().order_by("pk").values_list("pk", flat=True)
    )
    if person.pk in keys and not User.objects.who_may("change_membership").exclude(pk=person.pk).exists():
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
        raise ValidationError("A student needs a record with an admission number: add them as a new student.")
    if not group.permissions.filter(codename="change_membership").exists():
        _keep_an_admin(person)
    membership = Membership.objects.select_for_update().get(user=person)
    if membership.group_id != group.pk:
        membership.group = group
        membership.save(update_fields=["group"])
        tokens.revoke_all(person)
        mails.tell(person, f"Your role is now {group.name}.")
    return membership


def check_can_deactivate(person, *, by):
    """Raises ValidationError, saying why, when ``by`` cannot deactivate ``person``."""
    if person.pk == by.pk:
        raise ValidationError("You cannot deactivate yourself: ask another Admin.")


@transaction.atomic
def deactivate(person, *, by):
    """End the sign-in of ``person`` and their tokens; open sessions end with their next request. Raises ValidationError."""
    check_can_deactivate(person, by=by)
    _keep_an_admin(person)
    person.is_active = False
    person.save(update_fields=["is_active"])
    tokens.revoke_all(person)


@transaction.atomic
def activate(person):
    """Let ``person`` sign in again."""
    person.is_active = True
    person.save(update_fields=["is_active"])
