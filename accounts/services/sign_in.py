import datetime

from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts import throttling

from .sessions import start_session

CONFIRMATION_LASTS = datetime.timedelta(minutes=10)
WRONG_CREDENTIALS = "Wrong name or password. Check both and try again."

_CONFIRMED_AT = "password_entered_at"


def authenticate_person(request, name, password):
    """Return the person with this name and password, or None; raise TooManyTries at a limit."""
    throttling.count_sign_in(request, name)
    person = authenticate(request, username=name, password=password)
    if person:
        throttling.forgive_sign_in(request, name)
    return person


def record_last_sign_in(user):
    user.last_login = timezone.now()
    type(user).objects.filter(pk=user.pk).update(last_login=user.last_login)


def record_sign_in(sender, request, user, **kwargs):
    record_last_sign_in(user)
    if request is not None and hasattr(request, "session"):
        record_password_entry(request)
        start_session(request, user)


def record_password_entry(request):
    request.session[_CONFIRMED_AT] = timezone.now().timestamp()


def is_password_confirmed(request):
    age = timezone.now().timestamp() - request.session.get(_CONFIRMED_AT, 0)
    return 0 <= age < CONFIRMATION_LASTS.total_seconds()


def sign_in_name(user):
    if user.email or not user.is_student:
        return user.email or f"#{user.pk}"
    return user.student_profile.admission_number


def confirm_password(request, password):
    """Record that the signed-in person entered their password again; raise ValidationError."""
    name = sign_in_name(request.user)
    try:
        throttling.count_sign_in(request, name)
    except throttling.TooManyTries as error:
        raise ValidationError(error.message, code="throttled") from error
    if not request.user.check_password(password):
        raise ValidationError("This is not your password. Enter it again.", code="wrong")
    throttling.forgive_sign_in(request, name)
    record_password_entry(request)
