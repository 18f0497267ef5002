import factory
from django.contrib.auth.models import Group, Permission

from accounts.models import Membership, StudentProfile, User
from accounts.roles import INSTRUCTOR, STUDENT

PASSWORD = "correct horse battery"


class UserFactory(factory.django.DjangoModelFactory):
    """An instructor, unless ``role`` is given, with the password `PASSWORD`."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    class Params:
        role = INSTRUCTOR

    full_name = factory.Sequence(lambda n: f"Person {n:05}")
    email = factory.Sequence(lambda n: f"person{n}@example.com")
    password = factory.django.Password(PASSWORD)

    @classmethod
    def _create(cls, model, *args, **kwargs):
        role = kwargs.pop("in_role")
        user = super()._create(model, *args, **kwargs)
        Membership.objects.create(user=user, group=Group.objects.get(name=role))
        return user

    in_role = factory.SelfAttribute("role")


class StudentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = StudentProfile

    user = factory.SubFactory(
        UserFactory, role=STUDENT, full_name=factory.Sequence(lambda n: f"Student {n}")
    )
    admission_number = factory.Sequence(lambda n: f"26-{n:05d}")

    @classmethod
    def _after_postgeneration(cls, instance, create, results=None):
        pass

    @classmethod
    def _create(cls, model, *args, **kwargs):
        profile = super()._create(model, *args, **kwargs)
        profile.user.save(update_fields=["search_text"])
        return profile


def user_with(*permissions, **fields):
    """Return a user in a role of their own with these permissions, like "finance.add_payment"."""
    role = Group.objects.create(name=f"Role {Group.objects.count()}")
    for permission in permissions:
        app, codename = permission.split(".")
        role.permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return UserFactory(role=role.name, **fields)
