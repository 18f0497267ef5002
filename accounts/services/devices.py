"""Where people are signed in: the browsers of their sessions and the programs of their API tokens.

The row of a device lives as long as its session or token. Changing the key of a session deletes
the row too; the next write of the last use adds it again.
"""

from django.db import IntegrityError
from django.utils import timezone

from accounts import user_agents
from accounts.models import Device
from accounts.throttling import client_address

#: Of one person; those not used for the longest time are signed out.
MOST_DEVICES = 50


def record_session(request, user, *, since):
    """Add or update the device of this session; ``since``: when the person signed in."""
    if request.session.session_key is None:
        request.session.save()
    Device.objects.update_or_create(
        session_id=request.session.session_key,
        defaults={"user": user, "first_used_at": since, **_seen(request)},
    )
    _sign_out_oldest(user)


def record_session_use(request, *, since):
    """Return False if the session was ended meanwhile."""
    own = Device.objects.filter(session=request.session.session_key)
    if not own.update(**_seen(request)):
        try:
            record_session(request, request.user, since=since)
        except IntegrityError:
            return False
    return True


def record_token(token, request):
    Device.objects.create(user=token.user, token=token, **_seen(request))
    _sign_out_oldest(token.user)


def _sign_out_oldest(user):
    user.devices.all()[MOST_DEVICES:].sign_out()


def record_token_use(token, request, *, every):
    device = getattr(token, "device", None)
    if device and timezone.now() - device.last_used_at >= every:
        Device.objects.filter(pk=device.pk).update(**_seen(request))


def other_devices(request, person):
    """Return the devices of ``person`` but the one of this request."""
    return person.devices.exclude(session=request.session.session_key)


def _seen(request):
    return {
        "description": user_agents.describe(request.headers.get("User-Agent", "")),
        "address": client_address(request)[:50],
        "last_used_at": timezone.now(),
    }
