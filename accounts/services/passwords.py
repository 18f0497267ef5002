from django.db import transaction

from . import emails


def set_password(user, password):
    """A new password: it ends sessions elsewhere, tokens, links that were handed out, and is told to its owner."""
    had_one = user.has_usable_password()
    user.set_password(password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        if had_one:
            emails.notify_account_changed(user, "The password of your account was changed.")
