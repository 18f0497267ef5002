from django.db import models

SEE_WHOLE_INSTITUTE = "accounts.see_whole_institute"


def restricted_id(user):
    """Return None for unrestricted users, otherwise the user's id."""
    return None if user.has_perm(SEE_WHOLE_INSTITUTE) else user.pk


class ScopedQuerySet(models.QuerySet):
    """Queryset limited to what a user may see."""

    def visible_to(self, user):
        return self.restricted_to(restricted_id(user))

    def restricted_to(self, user_id):
        """Limit to own rows unless ``user_id`` is None."""
        return self if user_id is None else self.owned_by(user_id)

    def owned_by(self, user_id):
        raise NotImplementedError
