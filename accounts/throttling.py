"""What is slowed down after too many tries, counted in the database that all processes share.

A try is counted before it is looked at, in a transaction of its own: however many come at once, no more than the limit
get through. What a key stands for (a name, an address) is kept as a keyed hash only.
"""

import datetime
import functools
import ipaddress
import math
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import salted_hmac

from coachmaster.core.text import folded

from .models import Attempts


@dataclass(frozen=True)
class Limit:
    """At most ``most`` tries ``within`` a span of time that starts with the first; ``then`` is what is left after it."""

    what: str
    most: int
    within: datetime.timedelta
    then: "Limit | None" = None

    def key(self, subject):
        """The key of the row that counts for ``subject``."""
        return salted_hmac(
            f"accounts.throttling.{self.what}", subject, algorithm="sha256"
        ).hexdigest()


_MINUTE, _HOUR, _DAY = (datetime.timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))

PAIR = Limit("sign-in: name and address", 10, 15 * _MINUTE)
ADDRESS = Limit("sign-in: address", 100, _HOUR)
# Slowed rather than locked: whoever knows a name could otherwise keep its owner out.
NAME = Limit("sign-in: name", 30, _DAY, then=Limit("sign-in: name, slowed", 1, _MINUTE))
REGISTER = Limit("register: address", 20, _HOUR)
RESET_NAME = Limit("reset mail: name", 5, _HOUR)
RESET_ADDRESS = Limit("reset mail: address", 20, _HOUR)


class TooManyTries(Exception):
    """A limit is used up; ``seconds`` from now the next try is let through."""

    def __init__(self, seconds):
        self.seconds = max(1, math.ceil(seconds))
        super().__init__(self.sentence)

    @property
    def sentence(self):
        """What to do, for the person."""
        minutes = math.ceil(self.seconds / 60)
        return f"Too many tries. Wait {minutes} minute{'s' * (minutes > 1)}, then try again."


@transaction.atomic(durable=True)
def count_tries(*tries):
    """Count one try against each (limit, subject). Raises TooManyTries, and counts nothing, when one is used up."""
    now = timezone.now()
    limits = {}
    for limit, subject in tries:
        while limit:
            limits[limit.key(subject)] = limit
            limit = limit.then
    # Writing `what` again locks the row; keys in order, so that two requests never wait for each other.
    Attempts.objects.bulk_create(
        [
            Attempts(key=key, what=limit.what, count=0, ends_at=now)
            for key, limit in sorted(limits.items())
        ],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["what"],
    )
    rows = Attempts.objects.in_bulk(list(limits))
    counted = []
    for limit, subject in tries:
        while limit:
            row = rows[limit.key(subject)]
            if row.ends_at <= now:
                row.count, row.ends_at = 0, now + limit.within
            if row.count < limit.most:
                row.count += 1
                counted.append(row)
                break
            if not limit.then:
                raise TooManyTries((row.ends_at - now).total_seconds())
            limit = limit.then
    Attempts.objects.bulk_update(counted, ["count", "ends_at"])


def client_address(request):
    """The network address that asks: reported by the right-most proxy that is not ours, or the connection's own.

    Of an IPv6 address the first half counts: the other half is its owner's to change at will.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXIES:
        hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(hops) >= settings.TRUSTED_PROXIES:
            address = hops[-settings.TRUSTED_PROXIES].strip() or address
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return request.META.get("REMOTE_ADDR", "")
    if parsed.version == 6 and not parsed.ipv4_mapped:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def _sign_in_tries(request, name):
    name, address = folded(name.strip()), client_address(request)
    return (PAIR, f"{name}\n{address}"), (ADDRESS, address), (NAME, name)


def count_sign_in(request, name):
    """Count one password for ``name`` from where the request comes. Raises TooManyTries."""
    count_tries(*_sign_in_tries(request, name))


def forgive_sign_in(request, name):
    """Forget the failures of this name from here; the try itself was none, so it is taken back everywhere else."""
    pair, *others = (limit.key(subject) for limit, subject in _sign_in_tries(request, name))
    Attempts.objects.filter(key=pair).delete()
    Attempts.objects.filter(key__in=others, count__gt=0).update(count=F("count") - 1)
    delete_expired()


@transaction.atomic
def delete_expired():
    """Delete some rows whose time is over; those that somebody is counting in stay."""
    ended = Attempts.objects.filter(ends_at__lt=timezone.now() - _DAY).select_for_update(
        skip_locked=True
    )
    Attempts.objects.filter(key__in=list(ended.values_list("key", flat=True)[:100])).delete()


def throttled(view):
    """Wraps a view: where a limit is used up, the page that says how long to wait (429)."""

    @functools.wraps(view)
    def inner(request, *args, **kwargs):
        try:
            return view(request, *args, **kwargs)
        except TooManyTries as error:
            answer = render(
                request,
                "accounts/sign_in/too_many_tries.html",
                {"sentence": error.sentence},
                status=429,
            )
            answer["Retry-After"] = error.seconds
            return answer

    return inner
