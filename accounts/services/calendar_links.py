"""Secret links to a person's classes: made on their own wish, in force until they make a new one or cannot sign in."""

import secrets

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import CalendarLink, User


def renew_link(user):
    """Make a new link for ``user``; the one before it is dead."""
    link, _ = CalendarLink.objects.update_or_create(
        user=user, defaults={"seed": secrets.token_urlsafe(32), "made_at": timezone.now()}
    )
    return link


def link_token(link, key=None):
    """What the address of ``link`` ends with: 256 bits that nobody guesses. ``key``: an older one of the site's."""
    seeded = f"{link.pk}:{link.seed}"
    return salted_hmac("accounts.calendar_link", seeded, secret=key, algorithm="sha256").hexdigest()


def link_owner(user_id, token):
    """The person whose link that is, while they may sign in; None without one. One query."""
    person = User.objects.filter(pk=user_id, is_active=True).select_related("calendar_link").first()
    link = getattr(person, "calendar_link", None)
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return (
        person
        if link and any(constant_time_compare(token, link_token(link, key)) for key in keys)
        else None
    )
