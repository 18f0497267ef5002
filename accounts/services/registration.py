from django.conf import settings
from django.core.exceptions import PermissionDenied

from accounts import throttling
from accounts.roles import STUDENT

from .people import add_person


def check_registration_open():
    if not settings.REGISTRATION_OPEN:
        raise PermissionDenied("Registration is closed. Ask the office for an account.")


def register(*, address, **person):
    """Add a student; raise PermissionDenied, TooManyTries or ValidationError."""
    check_registration_open()
    throttling.count_tries((throttling.REGISTER, address))
    return add_person(role=STUDENT, **person)
