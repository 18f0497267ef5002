"""Signing in with an e-mail address or an admission number."""

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission

from coachmaster.ground.prepared import Prepared

from .roles import permissions_of

User = get_user_model()


@Prepared
def _person(*, key):
    return User.objects.select_related("membership__group", "student_profile").filter(pk=key)


class EmailOrAdmissionNumberBackend(ModelBackend):
    """Finds the person by e-mail (any letter case) or admission number; a request's user comes with role and profile."""

    def authenticate(self, request, username=None, password=None, **kwargs):
        """The person when the password is right and they are active, else None."""
        name = (username or kwargs.get("email") or "").strip()
        if not name or password is None:
            return None
        user = self.find(name)
        if user is None:
            User().set_password(password)  # as much work as a wrong password, so that time does not tell
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None

    def find(self, name):
        """The person who signs in by ``name``, or None."""
        people = User.objects.with_role()
        if "@" in name:
            return people.filter(email=name.lower()).first()
        return people.filter(student_profile__admission_number__iexact=name).first()

    def _get_user_permissions(self, user_obj):
        """None besides the role's: rights are given to roles only, so that one table says who may do what."""
        return Permission.objects.none()

    def get_all_permissions(self, user_obj, obj=None):
        """What the role of ``user_obj`` may do; which role it is, is read with the person for each request."""
        if user_obj.is_superuser or not user_obj.is_active or obj is not None:
            return super().get_all_permissions(user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):
            membership = getattr(user_obj, "membership", None)
            user_obj._perm_cache = permissions_of(membership.group_id) if membership else set()
        return user_obj._perm_cache

    def get_user(self, user_id):
        user = _person.first(key=user_id)
        return user if user and self.user_can_authenticate(user) else None
