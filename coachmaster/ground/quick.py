"""Pieces that a page draws again and again, like the rows of a list, are Jinja templates (`templates/quick/`): these take a
fifth of the time of Django's.

The page stays a Django template and says `{% quick "payments.html" payments=payments %}` where its rows go. A piece has
`perms` and what it is given, our filters (`rupees`, `phone`, `date`), and `url`, `icon`, `status` and `figure` as functions.
"""

from django.template.defaultfilters import date as django_date
from django.template.defaultfilters import truncatechars
from django.urls import reverse
from django.utils.timezone import template_localtime  # type: ignore[attr-defined]
from jinja2 import ChainableUndefined, Environment
from jinja2.runtime import Context

from .templatetags import ground


class _Context(Context):
    """Calls what a piece calls: Jinja's own looks each time for ten marks that none of ours has."""

    def call(self, function, *args, _loop_vars=None, _block_vars=None, **kwargs):
        return function(*args, **kwargs)


def environment(**options):
    """Jinja as the pieces need it: what is missing or None is empty, as in Django's templates."""
    env = Environment(  # noqa: S701 — Django's backend switches escaping on
        trim_blocks=True, lstrip_blocks=True, finalize=_shown, **options | {"undefined": ChainableUndefined}
    )
    env.context_class = _Context
    env.globals.update(
        url=lambda name, *args: reverse(name, args=args),
        icon=ground.icon,
        status=ground.status,
        figure=ground.figure,
        nav_link=ground.nav_link,
    )
    env.filters.update(
        {
            name: getattr(ground, name)
            for name in ("dial", "email", "grouped", "initials", "phone", "rupees", "whole_rupees")
        }
    )
    env.filters.update(date=_date, truncatechars=truncatechars)
    return env


def _shown(value):
    return "" if value is None else value


def _date(value, words):
    """Our `date`, which Django's templates hand a moment in local time."""
    return django_date(template_localtime(value), words)
