from django.contrib.auth.models import Group
from django.utils import timezone
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from accounts.models import Membership, StudentProfile, User
from coachmaster.core.chunks import in_chunks
from coachmaster.core.importers import Importer
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


class PeopleImporter(Importer):
    model = User
    label_columns = ("full_name", "email")
    role = ""

    def write(self, rows, result, advance):
        self.group = Group.objects.get(name=self.role)
        self.today = timezone.localdate()

    def _email_owners(self, rows):
        """Return ``{email: (user id, name, role, is a student)}`` for the emails of the rows."""
        emails = (row["email"] for row in rows if "email" in row)
        return {
            email: (pk, name, role, bool(student))
            for chunk in in_chunks(emails)
            for pk, email, name, role, student in User.objects.filter(email__in=chunk).values_list(
                "pk", "email", "full_name", "membership__group__name", "student_profile"
            )
        }

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


def refresh_search_text(users):
    """Set the search text, which a bulk update does not."""
    for user in users:
        user.search_text = user.searchable_text()


def identity(row):
    """Return what identifies a student without admission number and email."""
    name = folded(row["full_name"])
    if "phone" in row:
        return name, row["phone"]
    return name, row.get("birth_on")
