"""Secret links to a person's timetable, for calendar apps."""

import secrets

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import CalendarLink, User


def renew_link(user):
    link, _ = CalendarLink.objects.update_or_create(
        user=user, defaults={"seed": secrets.token_urlsafe(32), "created_at": timezone.now()}
    )
    return link


def link_token(link, key=None):
    seed = f"{link.pk}:{link.seed}"
    return salted_hmac("accounts.calendar_link", seed, secret=key, algorithm="sha256").hexdigest()


def link_owner(user_id, token):
    person = User.objects.filter(pk=user_id, is_active=True).select_related("calendar_link").first()
    link = getattr(person, "calendar_link", None)
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    if link and any(constant_time_compare(token, link_token(link, key)) for key in keys):
        return person
    return None
