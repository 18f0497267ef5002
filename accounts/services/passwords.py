from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import throttling
from accounts.models import User
from coachmaster.core.logs import log_event

from . import emails


def set_password(user, password):
    """Save a new password and notify the person.

    This ends other sessions, API tokens and links to set a password. Raise ValidationError if the
    password was changed since ``user`` was loaded.
    """
    had_password, old = user.has_usable_password(), user.password
    user.set_password(password)
    with transaction.atomic():
        unchanged = User.objects.select_for_update(no_key=True).filter(pk=user.pk, password=old)
        if unchanged.values_list("pk").first() is None:
            raise ValidationError("The password was changed meanwhile. Use the new one.")
        user.save(update_fields=["password"])
        throttling.forget_tries((throttling.CODE, str(user.pk)))
        log_event("password set", account=user.pk)
        if had_password:
            emails.notify_account_changed(user, "The password of your account was changed.")
