from typing import Any

from django.db import models

SEE_WHOLE_INSTITUTE = "accounts.see_whole_institute"


def restricted_id(user):
    """Return None for unrestricted users, otherwise the user's id."""
    return None if user.has_perm(SEE_WHOLE_INSTITUTE) else user.pk


def is_visible(row: Any, user):
    """Return whether ``user`` may see the row, so that a message may name it; None sees all."""
    return user is None or type(row).objects.visible_to(user).filter(pk=row.pk).exists()


class ScopedQuerySet(models.QuerySet):
    """Queryset limited to what a user may see."""

    #: The foreign key to the row whose owners are the owners of this one.
    owner = ""

    def visible_to(self, user):
        return self.restricted_to(restricted_id(user))

    def restricted_to(self, user_id):
        """Limit to own rows unless ``user_id`` is None."""
        return self if user_id is None else self.owned_by(user_id)

    def owned_by(self, user_id):
        model: Any = self.model._meta.get_field(self.owner).related_model
        owners = model._default_manager.order_by().owned_by(user_id)
        return self.filter(**{f"{self.owner}__in": owners})


def owned_through(name):
    """Return a manager of rows that belong to the owners of their foreign key ``name``."""

    class OwnedThroughQuerySet(ScopedQuerySet):
        owner = name

    return OwnedThroughQuerySet.as_manager()
