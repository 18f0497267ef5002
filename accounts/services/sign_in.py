import datetime

from django.contrib.auth import authenticate, login
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import known_devices, throttling
from accounts.backends import EmailOrAdmissionNumberBackend
from accounts.models import User
from coachmaster.core.logs import log_event, set_user

from .second_factors import has_second_factor
from .sessions import start_session

CONFIRMATION_LASTS = datetime.timedelta(minutes=10)
WRONG_CREDENTIALS = "Wrong name or password. Check both and try again."

_PASSWORD_AT, _FACTOR_AT = "password_entered_at", "second_factor_used_at"


def authenticate_person(request, name, password):
    """Return the person. Raise ValidationError for wrong ones, and TooManyTries at a limit."""
    device = known_devices.device_id(request, name)
    with throttling.limited(*throttling.sign_in_tries(request, name, device)):
        person = authenticate(request, username=name, password=password)
        if person is None:
            raise ValidationError(WRONG_CREDENTIALS, code="wrong")
    return person


@transaction.atomic
def open_session(request, person, *, by_factor=False):
    """Sign in a person whose password, and second factor if there is one, were right.

    Return False if that has changed since the check.
    """
    if not lock_unchanged(person, by_factor=by_factor):
        return False
    login(request, person)
    if by_factor:
        record_confirmation(request, by_factor=True)
    return True


def lock_unchanged(person, *, by_factor):
    """Lock the person; return whether they are active, with the same password and no new factor."""
    rows = User.objects.select_for_update(no_key=True).filter(
        pk=person.pk, password=person.password, is_active=True
    )
    is_same = rows.values_list("pk").first() is not None
    return is_same and (by_factor or not has_second_factor(person))


def record_last_sign_in(user):
    user.last_login = timezone.now()
    type(user).objects.filter(pk=user.pk).update(last_login=user.last_login)
    set_user(user)
    log_event("signed in", account=user.pk)


def log_failed_sign_in(sender, credentials, **kwargs):
    """Log the account if there is one; some people type their password as the name."""
    account = EmailOrAdmissionNumberBackend().find(credentials["username"])
    log_event("sign-in failed", account=account and account.pk)


def log_sign_out(sender, user, **kwargs):
    if user:
        log_event("signed out", account=user.pk)


def record_sign_in(sender, request, user, **kwargs):
    record_last_sign_in(user)
    if request is not None and hasattr(request, "session"):
        record_confirmation(request)
        start_session(request, user)
        known_devices.remember(request, user)


def record_confirmation(request, *, by_factor=False):
    request.session[_FACTOR_AT if by_factor else _PASSWORD_AT] = timezone.now().timestamp()


def is_confirmed(request):
    """Whether the second factor was used in the last ten minutes, or without one the password."""
    if _is_recent(request, _FACTOR_AT):
        return True
    return _is_recent(request, _PASSWORD_AT) and not has_second_factor(request.user)


def _is_recent(request, key):
    age = timezone.now().timestamp() - request.session.get(key, 0)
    return 0 <= age < CONFIRMATION_LASTS.total_seconds()


@throttling.as_form_error()
def check_own_password(request, password):
    """Raise ValidationError if this is not the password of the signed-in person."""
    with throttling.limited(*throttling.prompt_tries(request.user)):
        if not request.user.check_password(password):
            log_event("password confirmation failed", account=request.user.pk)
            raise ValidationError("This is not your password. Enter it again.", code="wrong")
