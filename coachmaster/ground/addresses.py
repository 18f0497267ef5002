"""Addresses of pages, remembered: a list asks for the same ones again and again, and working one out takes longer than
a row of it."""

from functools import lru_cache

from django.urls import reverse


@lru_cache(maxsize=20_000)
def address(name, *args):
    """The address of the page ``name`` for ``args``, as Django's `reverse` says."""
    return reverse(name, args=args)
