from django.db import transaction

from accounts import throttling
from coachmaster.core.logs import log_event

from . import emails


def set_password(user, password):
    """Save a new password and notify the person.

    This ends other sessions, API tokens and links to set a password.
    """
    had_password = user.has_usable_password()
    user.set_password(password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        throttling.forget_tries((throttling.CODE, str(user.pk)))
        log_event("password set", account=user.pk)
        if had_password:
            emails.notify_account_changed(user, "The password of your account was changed.")
