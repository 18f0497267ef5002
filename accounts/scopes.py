"""Whose rows a person sees: everybody's, or their own."""

from django.db import models

from .roles import sees_whole_institute


def scope_of(user):
    """None for who sees the whole institute, else the key of the person, whose own rows alone are theirs to see."""
    return None if sees_whole_institute(user) else user.pk


class ScopedQuerySet(models.QuerySet):
    """Rows of which people see all or their own."""

    def owned_by(self, key):
        """Those that are the own ones of the person of that key."""
        raise NotImplementedError

    def visible_to(self, user):
        """The rows that ``user`` may see."""
        return self.in_scope(scope_of(user))

    def in_scope(self, scope):
        """All rows for None, else those that are ``owned_by`` the person of that key."""
        return self if scope is None else self.owned_by(scope)
