"""How long people stay signed in.

Django refuses an expired session by the date in its table, whatever the browser's cookie says.
"""

import datetime

from django.contrib.auth import logout
from django.utils import timezone

from . import devices

FAMILY_WITHOUT_USE = datetime.timedelta(days=30)
EMPLOYEE_WITHOUT_USE = datetime.timedelta(hours=8)
EMPLOYEE_IN_ANY_CASE = datetime.timedelta(hours=12)
#: The last use is written at most once in this time, since a write takes SQLite's only lock.
WRITE_INTERVAL = datetime.timedelta(minutes=1)

_SIGNED_IN_AT, _USED_AT = "signed_in_at", "used_at"


def start_session(request, user):
    request.session[_SIGNED_IN_AT] = timezone.now().timestamp()
    _extend_session(request, user)
    devices.record_session(request, user, since=signed_in_at(request))


def continue_session(request):
    """Record the device under the new key of its session, after a new password."""
    devices.record_session(request, request.user, since=signed_in_at(request))


def record_use(request):
    """Extend the session; sign out if it was ended while the request was coming in."""
    age = timezone.now().timestamp() - request.session.get(_USED_AT, 0)
    if 0 <= age < WRITE_INTERVAL.total_seconds():
        return
    if devices.record_session_use(request, since=signed_in_at(request)):
        _extend_session(request, request.user)
    else:
        logout(request)


def signed_in_at(request):
    return datetime.datetime.fromtimestamp(request.session.get(_SIGNED_IN_AT, 0), datetime.UTC)


def _extend_session(request, user):
    now = timezone.now()
    request.session[_USED_AT] = now.timestamp()
    if user.is_employee:
        latest = signed_in_at(request) + EMPLOYEE_IN_ANY_CASE
        request.session.set_expiry(min(now + EMPLOYEE_WITHOUT_USE, latest))
    else:
        request.session.set_expiry(now + FAMILY_WITHOUT_USE)
