from django.conf import settings
from django.core.exceptions import PermissionDenied

from accounts import throttling
from accounts.roles import STUDENT

from .people import add_person


def check_registration_open():
    """Raises PermissionDenied where the institute has registration closed."""
    if not settings.REGISTRATION_OPEN:
        raise PermissionDenied("Registration is closed. Ask the office.")


def register(*, address, **person):
    """Add somebody who registers themselves from that network ``address``: a student, never anything else.

    Raises what `check_registration_open` and `add_person` raise, and TooManyTries.
    """
    check_registration_open()
    throttling.count_tries((throttling.REGISTER, address))
    return add_person(role=STUDENT, **person)
