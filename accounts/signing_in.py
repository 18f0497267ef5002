"""What happens beside a sign-in."""

from django.utils import timezone


def note_sign_in(sender, user, **kwargs):
    """Keep when a person last signed in, without a line of history."""
    user.last_login = timezone.now()
    type(user).objects.filter(pk=user.pk).update(last_login=user.last_login)
