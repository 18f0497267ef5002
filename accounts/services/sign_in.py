"""What happens beside a sign-in, and when the password has to be typed again."""

import datetime

from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts import throttling

#: How long a typed password vouches for who sits there, for acts like voiding a payment.
FRESH = datetime.timedelta(minutes=10)

_ENTERED_AT = "password_entered_at"


#: What is said of a name and password that do not go together, whichever of the two is wrong.
WRONG = "This name and password do not go together. Check both and try again."


def person_by_password(request, name, password):
    """The person who signs in by ``name`` and ``password``, or None. Raises TooManyTries before looking at it."""
    throttling.count_sign_in(request, name)
    person = authenticate(request, username=name, password=password)
    if person:
        throttling.sign_in_succeeded(request, name)
    return person


def note_last_sign_in(user):
    """Keep when a person last signed in, without a line of history."""
    user.last_login = timezone.now()
    type(user).objects.filter(pk=user.pk).update(last_login=user.last_login)


def note_sign_in(sender, request, user, **kwargs):
    """Keep when a person last signed in, and that the password was typed in this session."""
    note_last_sign_in(user)
    if request is not None and hasattr(request, "session"):
        note_password(request)


def note_password(request):
    """The password was typed, and right, just now."""
    request.session[_ENTERED_AT] = timezone.now().timestamp()


def password_is_fresh(request):
    """Whether the password was typed in this session within the last ten minutes."""
    age = timezone.now().timestamp() - request.session.get(_ENTERED_AT, 0)
    return 0 <= age < FRESH.total_seconds()


def sign_in_name(user):
    """The name ``user`` signs in by: their e-mail address, else their admission number."""
    return user.email or (
        user.student_profile.admission_number if user.is_student else f"#{user.pk}"
    )


def check_own_password(request, password):
    """Note that the signed-in person typed their password again. Raises ValidationError when it is wrong, or too often was."""
    name = sign_in_name(request.user)
    try:
        throttling.count_sign_in(request, name)
    except throttling.TooManyTries as error:
        raise ValidationError(error.sentence, code="throttled") from error
    if not request.user.check_password(password):
        raise ValidationError("This is not your password. Type it again.", code="wrong")
    throttling.sign_in_succeeded(request, name)
    note_password(request)
