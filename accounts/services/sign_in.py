"""What happens beside a sign-in, and when the password has to be typed again."""

import datetime

from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts import throttling

#: How long a typed password vouches for who sits there, for acts like voiding a payment.
CONFIRMATION_LASTS = datetime.timedelta(minutes=10)

_ENTERED_AT = "password_entered_at"


#: What is said of a name and password that do not go together, whichever of the two is wrong.
WRONG_CREDENTIALS = "This name and password do not go together. Check both and try again."


def authenticate_person(request, name, password):
    """The person who signs in by ``name`` and ``password``, or None. Raises TooManyTries before looking at it."""
    throttling.count_sign_in(request, name)
    person = authenticate(request, username=name, password=password)
    if person:
        throttling.forgive_sign_in(request, name)
    return person


def record_last_sign_in(user):
    """Keep when a person last signed in, without a line of history."""
    user.last_login = timezone.now()
    type(user).objects.filter(pk=user.pk).update(last_login=user.last_login)


def record_sign_in(sender, request, user, **kwargs):
    """Keep when a person last signed in, and that the password was typed in this session."""
    record_last_sign_in(user)
    if request is not None and hasattr(request, "session"):
        record_password_entry(request)


def record_password_entry(request):
    """The password was typed, and right, just now."""
    request.session[_ENTERED_AT] = timezone.now().timestamp()


def is_password_confirmed(request):
    """Whether the password was typed in this session within the last ten minutes."""
    age = timezone.now().timestamp() - request.session.get(_ENTERED_AT, 0)
    return 0 <= age < CONFIRMATION_LASTS.total_seconds()


def sign_in_name(user):
    """The name ``user`` signs in by: their e-mail address, else their admission number."""
    return user.email or (
        user.student_profile.admission_number if user.is_student else f"#{user.pk}"
    )


def confirm_password(request, password):
    """Note that the signed-in person typed their password again. Raises ValidationError when it is wrong, or too often was."""
    name = sign_in_name(request.user)
    try:
        throttling.count_sign_in(request, name)
    except throttling.TooManyTries as error:
        raise ValidationError(error.sentence, code="throttled") from error
    if not request.user.check_password(password):
        raise ValidationError("This is not your password. Type it again.", code="wrong")
    throttling.forgive_sign_in(request, name)
    record_password_entry(request)
