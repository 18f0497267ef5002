from typing import NamedTuple

from django.contrib.auth.models import Group
from django.utils import timezone
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from accounts.models import Membership, StudentProfile, User
from accounts.roles import assignable_roles
from accounts.services.emails import notify_emails_changed
from coachmaster.core.chunks import in_chunks
from coachmaster.core.importers import Importer
from coachmaster.core.logs import log_event
from coachmaster.core.text import folded

# Synonyms of columns.
FULL_NAME = (
    "name", "student name", "student", "instructor", "instructor name", "teacher",
    "teacher name", "faculty",
)  # fmt: skip
NAME_PARTS = (
    ("first name", "given name", "name"),
    ("middle name",),
    ("last name", "surname", "family name"),
)
EMAIL = ("e-mail", "email address", "email id", "mail", "mail id")
PHONE = (
    "phone number", "phone no", "mobile", "mobile number", "mobile no", "contact",
    "contact number", "whatsapp",
)  # fmt: skip
ADMISSION_NUMBER = (
    "admission no", "admission id", "roll number", "roll no", "enrolment no",
    "registration number",
)  # fmt: skip

MORE_PERMISSIONS = "Has permissions that you do not have, so you cannot change them. Skip this row."


class ChangedRecords:
    def __init__(self, model):
        self.model, self.records, self.fields = model, [], set()

    def add(self, record, fields):
        if fields:
            self.records.append(record)
            self.fields.update(fields)

    def save(self):
        if self.records:
            bulk_update_with_history(self.records, self.model, sorted(self.fields), batch_size=200)


class EmailOwner(NamedTuple):
    pk: int
    name: str
    role: str
    is_student: bool
    is_visible: bool

    def __str__(self):
        return f"{self.name} ({self.role})" if self.is_visible else "Somebody"


class PeopleImporter(Importer):
    model = User
    label_columns = ("full_name", "email")
    add_permissions = ("accounts.add_user",)
    change_permissions = ("accounts.change_user",)
    role = ""

    @classmethod
    def is_allowed(cls, user):
        return super().is_allowed(user) and assignable_roles(user).filter(name=cls.role).exists()

    def write(self, rows, result, advance):
        self.group = Group.objects.get(name=self.role)
        self.today = timezone.localdate()

    def _email_owners(self, rows):
        """Return ``{email: EmailOwner}`` for the emails of the rows."""
        owners = {}
        for chunk in in_chunks(row["email"] for row in rows if "email" in row):
            people = User.objects.filter(email__in=chunk)
            visible = set(self.visible(people).values_list("pk", flat=True))
            for pk, email, name, role, student in people.values_list(
                "pk", "email", "full_name", "membership__group__name", "student_profile"
            ):
                owners[email] = EmailOwner(pk, name, role, bool(student), pk in visible)
        return owners

    def _not_manageable(self, ids):
        """Return which of these people have more permissions than the user."""
        if self.by is None:
            return set()
        manageable = User.objects.manageable_by(self.by).filter(pk__in=ids)
        return set(ids) - set(manageable.values_list("pk", flat=True))

    def _save_changed(self, changed):
        """Save the `ChangedRecords` of people; log changed emails, and tell their owners."""
        for user in changed.records:
            user.search_text = user.searchable_text()
        stored = User.objects.filter(pk__in=[user.pk for user in changed.records])
        old_emails = dict(stored.values_list("pk", "email")) if "email" in changed.fields else {}
        changed.save()
        for user in changed.records:
            if user.email != old_emails.get(user.pk, user.email):
                log_event("email changed", account=user.pk)
        notify_emails_changed([(user, old_emails.get(user.pk)) for user in changed.records])

    def _create(self, users, profiles=()):
        bulk_create_with_history(users, User)
        if profiles:
            for user, profile in zip(users, profiles, strict=True):
                profile.user_id = user.pk
            bulk_create_with_history(profiles, StudentProfile)
        memberships = [Membership(user_id=user.pk, group_id=self.group.pk) for user in users]
        bulk_create_with_history(memberships, Membership)


def new_user(row):
    user = User(**{name: row[name] for name in ("full_name", "email", "phone") if name in row})
    user.set_unusable_password()
    return user


def identity(row):
    """Return what identifies a student without admission number and email."""
    name = folded(row["full_name"])
    if "phone" in row:
        return name, row["phone"]
    return name, row.get("birth_on")
