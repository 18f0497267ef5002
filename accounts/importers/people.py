"""Instructors and students from other programs, and how files name a student."""

from django.contrib.auth.models import Group
from django.utils import timezone
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from accounts.models import Membership, StudentProfile, User
from coachmaster.core.chunks import in_chunks
from coachmaster.core.importers import Importer
from coachmaster.core.text import folded

FULL_NAME = (
    "name",
    "student name",
    "student",
    "instructor",
    "instructor name",
    "teacher",
    "teacher name",
    "faculty",
)


NAME_PARTS = (
    ("first name", "given name", "name"),
    ("middle name",),
    ("last name", "surname", "family name"),
)


EMAIL = ("e-mail", "email address", "email id", "mail", "mail id")


PHONE = (
    "phone number",
    "phone no",
    "mobile",
    "mobile number",
    "mobile no",
    "contact",
    "contact number",
    "whatsapp",
)


ADMISSION_NUMBER = (
    "admission no",
    "admission id",
    "roll number",
    "roll no",
    "enrolment no",
    "registration number",
)


class Changed:
    """Rows of a model that a chunk has changed, with the fields."""

    def __init__(self, model):
        self.model, self.rows, self.fields = model, [], set()

    def add(self, instance, fields):
        if fields:
            self.rows.append(instance)
            self.fields.update(fields)

    def write(self):
        if self.rows:
            bulk_update_with_history(self.rows, self.model, sorted(self.fields), batch_size=200)


class PeopleImporter(Importer):
    """What instructors and students have in common."""

    model = User
    label_columns = ("full_name", "email")
    role = ""

    def _who_has_the_emails(self, rows):
        """``{e-mail: (key, name, role, whether a student)}`` of everybody who has one of the rows' addresses."""
        emails = (row["email"] for row in rows if "email" in row)
        return {
            email: (pk, name, role, bool(student))
            for chunk in in_chunks(emails)
            for pk, email, name, role, student in User.objects.filter(email__in=chunk).values_list(
                "pk", "email", "full_name", "membership__group__name", "student_profile"
            )
        }

    def _new_people(self, users, profiles=()):
        """Write new ``users``, with their ``profiles`` when they are students. They have no password yet."""
        bulk_create_with_history(users, User)
        if profiles:
            for user, profile in zip(users, profiles, strict=True):
                profile.user_id = user.pk
            bulk_create_with_history(profiles, StudentProfile)
        memberships = [Membership(user_id=user.pk, group_id=self.group.pk) for user in users]
        bulk_create_with_history(memberships, Membership)

    def write(self, rows, result, advance):
        self.group = Group.objects.get(name=self.role)
        self.today = timezone.localdate()


def new_user(row):
    user = User(**{name: row[name] for name in ("full_name", "email", "phone") if name in row})
    user.set_unusable_password()
    return user


def refresh_search_text(users):
    """Bulk updates do not compute it by themselves."""
    for user in users:
        user.search_text = user.searchable_text()


def identity(row):
    """What a student without admission number and e-mail is known by."""
    name = folded(row["full_name"])
    if "phone" in row:
        return name, row["phone"]
    return name, row.get("birth_on")
