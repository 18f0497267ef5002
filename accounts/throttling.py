"""Limits for sign-in and other tries, counted in the database.

A try is counted before it is checked, so concurrent tries cannot exceed a limit. A right password
takes its try back. Right ones have limits too, from which a wrong one takes its try back: each
costs as much processor time, and most make a session or token.

A try to sign in counts alike on the site, in Django admin and in the API:

- on a device on which the person signed in before (see `known_devices.py`), only for this device,
  so that wrong passwords of others keep nobody out;
- on any other, for the name and address together, for the address, and for the name, whether or
  not somebody has this name. After many failures a name or an address is slowed down, not locked.

The password that a signed-in person enters again has a count of its own.
"""

import contextlib
import datetime
import functools
import ipaddress
import math
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import salted_hmac

from coachmaster.core.addresses import client_ip
from coachmaster.core.text import folded

from .models import Attempts


@dataclass(frozen=True)
class Limit:
    """At most ``max_tries`` in ``period`` from the first try, then the tries of ``next``."""

    name: str
    max_tries: int
    period: datetime.timedelta
    next: "Limit | None" = None
    of_right_tries: bool = False

    def key(self, subject):
        salt = f"accounts.throttling.{self.name}"
        return salted_hmac(salt, subject, algorithm="sha256").hexdigest()

    def chain(self):
        return [self, *(self.next.chain() if self.next else ())]


_MINUTE, _HOUR, _DAY = (datetime.timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))

DEVICE = Limit("sign-in: known device", 10, 15 * _MINUTE)
PAIR = Limit("sign-in: name and address", 10, 15 * _MINUTE)
ADDRESS = Limit("sign-in: address", 100, _HOUR, next=Limit("sign-in: address, slowed", 1, _MINUTE))
NAME = Limit("sign-in: name", 30, _DAY, next=Limit("sign-in: name, slowed", 1, _MINUTE))
DEVICE_A_DAY = Limit("sign-in: known device, a day", 100, _DAY)
SIGN_INS = Limit(
    "sign-in: right",
    60,
    _HOUR,
    next=Limit("sign-in: right, slowed", 1, _MINUTE),
    of_right_tries=True,
)
PROMPT = Limit("password prompt: person", 10, 15 * _MINUTE)
PROMPTS_A_DAY = Limit("password prompt: person, a day", 100, _DAY)
RIGHT_PROMPTS = Limit("password prompt: right", 60, _HOUR, of_right_tries=True)
REGISTER = Limit("register: address", 20, _HOUR)
RESET_NAME = Limit("password reset: name", 5, _HOUR)
RESET_ADDRESS = Limit("password reset: address", 20, _HOUR)
# A code has a million values, and three are valid. Whoever tries codes knows the password.
# A new password forgets the first count only: whoever reads somebody's email can set many.
CODE = Limit("app code: person", 5, 15 * _MINUTE)
CODES_A_DAY = Limit("app code: person, a day", 50, _DAY)


class TooManyTries(Exception):
    def __init__(self, seconds):
        self.seconds = max(1, math.ceil(seconds))
        minutes = math.ceil(self.seconds / 60)
        self.message = (
            f"Too many tries. Wait {minutes} minute{'s' * (minutes > 1)}, then try again."
        )
        super().__init__(self.message)


@contextlib.contextmanager
def as_form_error():
    """Show a limit like a wrong value of the form."""
    try:
        yield
    except TooManyTries as error:
        raise ValidationError(error.message, code="throttled") from error


@contextlib.contextmanager
def limited(*tries):
    """Count a try for each (limit, subject); the block raises ValidationError if it is wrong.

    A right one forgets all tries of the first limit. Raise TooManyTries before the block at a
    limit. Use it outside of a transaction, so that a rollback does not undo the count.
    """
    keys = count_tries(*tries)
    right = {key for key, (limit, _) in zip(keys, tries, strict=True) if limit.of_right_tries}
    try:
        yield
    except ValidationError:
        _take_back(right)
        raise
    forget_tries(tries[0])
    _take_back(set(keys) - right)
    delete_expired()


@transaction.atomic(durable=True)
def count_tries(*tries):
    """Count one try for each (limit, subject), and return the keys of the counts.

    Raise TooManyTries and count nothing at a limit.
    """
    now = timezone.now()
    limits = {limit.key(subject): limit for first, subject in tries for limit in first.chain()}
    # Updating `limit` locks the row; sorted keys prevent deadlocks.
    Attempts.objects.bulk_create(
        [
            Attempts(key=key, limit=limit.name, count=0, ends_at=now)
            for key, limit in sorted(limits.items())
        ],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["limit"],
    )
    rows = Attempts.objects.in_bulk(list(limits))
    counted = [_count_try(rows, limit, subject, now) for limit, subject in tries]
    Attempts.objects.bulk_update(counted, ["count", "ends_at"])
    return [row.key for row in counted]


def _count_try(rows, first, subject, now):
    for limit in first.chain():
        row = rows[limit.key(subject)]
        if row.ends_at <= now:
            row.count, row.ends_at = 0, now + limit.period
        if row.count < limit.max_tries:
            row.count += 1
            return row
    raise TooManyTries((row.ends_at - now).total_seconds())


def client_address(request):
    """Return the client's address, as reported by trusted proxies.

    For IPv6 this is the /64 network, since clients choose the other half freely.
    """
    address = client_ip(request)
    if address is None:
        return request.META.get("REMOTE_ADDR", "")
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def sign_in_tries(request, name, device):
    """Return the limits of a try to sign in; ``device`` is the id of a known device, or None."""
    name = folded(name.strip())
    if device:
        return [(DEVICE, device), (DEVICE_A_DAY, device), (SIGN_INS, name)]
    address = client_address(request)
    return [(PAIR, f"{name}\n{address}"), (ADDRESS, address), (NAME, name), (SIGN_INS, name)]


def forget_tries(*tries):
    keys = [limit.key(subject) for limit, subject in tries]
    Attempts.objects.filter(key__in=keys).delete()


def _take_back(keys):
    Attempts.objects.filter(key__in=keys, count__gt=0).update(count=F("count") - 1)


def prompt_tries(user):
    """Return the limits of a try to enter one's own password again."""
    return [(limit, str(user.pk)) for limit in (PROMPT, PROMPTS_A_DAY, RIGHT_PROMPTS)]


def code_tries(user):
    """Return the limits of a try to enter a code of a second factor."""
    return [(CODE, str(user.pk)), (CODES_A_DAY, str(user.pk))]


@transaction.atomic
def delete_expired():
    ended = Attempts.objects.filter(ends_at__lt=timezone.now() - _DAY).select_for_update(
        skip_locked=True
    )
    Attempts.objects.filter(key__in=list(ended.values_list("key", flat=True)[:100])).delete()


def throttled(view):
    @functools.wraps(view)
    def inner(request, *args, **kwargs):
        try:
            return view(request, *args, **kwargs)
        except TooManyTries as error:
            context = {"message": error.message}
            page = render(request, "accounts/sign_in/too_many_tries.html", context, status=429)
            page["Retry-After"] = error.seconds
            return page

    return inner
