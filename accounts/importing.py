"""Instructors and students from other programs, and how files name a student."""

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils import timezone
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from coachmaster.core.importers import Column, Importer, ReferenceColumn, in_chunks, set_changes
from coachmaster.core.text import folded

from .models import Membership, StudentProfile, User
from .roles import INSTRUCTOR, STUDENT
from .services import draw_admission_numbers

_FULL_NAME = ("name", "student name", "student", "instructor", "instructor name", "teacher", "teacher name", "faculty")
_NAME_PARTS = (("first name", "given name", "name"), ("middle name",), ("last name", "surname", "family name"))
_EMAIL = ("e-mail", "email address", "email id", "mail", "mail id")
_PHONE = ("phone number", "phone no", "mobile", "mobile number", "mobile no", "contact", "contact number", "whatsapp")
ADMISSION_NUMBER = ("admission no", "admission id", "roll number", "roll no", "enrolment no", "registration number")


class _Changed:
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


class _PeopleImporter(Importer):
    """What instructors and students have in common."""

    model = User
    labels = ("full_name", "email")
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


def _new_user(row):
    user = User(**{name: row[name] for name in ("full_name", "email", "phone") if name in row})
    user.set_unusable_password()
    return user


class InstructorImporter(_PeopleImporter):
    """Instructors, known by their e-mail address."""

    noun = ("instructor", "instructors")
    role = INSTRUCTOR
    columns = [
        Column.of(User, "full_name", *_FULL_NAME, parts=_NAME_PARTS),
        Column.of(User, "email", *_EMAIL, required=True),
        Column.of(User, "phone", *_PHONE, is_code=True),
    ]

    def write(self, rows, result, advance):
        super().write(rows, result, advance)
        known, lines = self._who_has_the_emails(rows), {}
        for chunk in in_chunks(rows):
            people = User.objects.in_bulk([known[row["email"]][0] for row in chunk if row["email"] in known])
            new, changed = [], _Changed(User)
            for row in chunk:
                email = row["email"]
                if first := lines.get(email):
                    result.refuse(row, "email", f"Line {first} has this e-mail address too. Keep one of them.")
                    continue
                lines[email] = row.line
                if email not in known:
                    new.append(_new_user(row))
                    result.create(row)
                    continue
                pk, name, role, _ = known[email]
                if role != INSTRUCTOR:
                    result.refuse(row, "email", f"{name} has this e-mail address ({role}). Leave this line out.")
                    continue
                changes = set_changes(people[pk], row)
                changed.add(people[pk], changes and [*changes, "search_text"])
                result.count(row, changes, pk)
            if result.is_clean:
                self._new_people(new)
                _refresh_search_text(changed.rows)
                changed.write()
                result.made += [user.pk for user in new]
            advance(len(chunk))


class StudentImporter(_PeopleImporter):
    """Students, known by admission number, else e-mail, else full name with phone or date of birth."""

    noun = ("student", "students")
    role = STUDENT
    columns = [
        Column.of(User, "full_name", *_FULL_NAME, parts=_NAME_PARTS),
        Column.of(User, "email", *_EMAIL),
        Column.of(User, "phone", *_PHONE, is_code=True),
        Column.of(StudentProfile, "admission_number", *ADMISSION_NUMBER, required=False, is_code=True),
        Column.of(StudentProfile, "birth_on", "date of birth", "birth date", "birthday", "dob", "born on"),
        Column.of(StudentProfile, "guardian_name", "guardian", "parent", "parent name", "father", "father name",
                  "fathers name", "mother name"),
        Column.of(StudentProfile, "guardian_phone", "parent phone", "parent mobile", "guardian mobile", "father phone",
                  "father mobile", "guardian contact", is_code=True),
        Column.of(StudentProfile, "guardian_email", "parent email", "father email", "guardian e-mail"),
        Column.of(StudentProfile, "address", "postal address", "residential address", "home address"),
    ]  # fmt: skip
    _of_user = ("full_name", "email", "phone")
    #: Where a dict is put here: ``{line: (student, changes)}`` of the lines that were let in.
    outcomes = None
    #: ``{line: key}`` of the student whom a line means that is like none by the above.
    otherwise: dict = {}

    def write(self, rows, result, advance):
        super().write(rows, result, advance)
        owners = self._who_has_the_emails(rows)
        known = _StudentsByKey(rows, owners)
        lines = {"admission_number": {}, "email": {}, "full_name": {}}
        for chunk in in_chunks(rows):
            found = {}
            for row in chunk:
                try:
                    found[row.line] = known.find(row) or self.otherwise.get(row.line)
                except ValidationError as error:
                    result.refuse(row, "full_name", error)
            students = StudentProfile.objects.select_related("user").in_bulk([pk for pk in found.values() if pk])
            users, profiles = [], []
            changed_users, changed_profiles = _Changed(User), _Changed(StudentProfile)
            for row in chunk:
                if row.line not in found or not self._is_alone(row, found[row.line], lines, owners, result):
                    continue
                of_profile = {name: value for name, value in row.items() if name not in self._of_user}
                if pk := found[row.line]:
                    student = students[pk]
                    changes = set_changes(student, of_profile)
                    changed_profiles.add(student, changes)
                    user_changes = set_changes(student.user, {k: row[k] for k in self._of_user if k in row})
                    if changes or user_changes:
                        changed_users.add(student.user, [*user_changes, "search_text"])
                    result.count(row, {**user_changes, **changes}, pk)
                    self._tell(row, student, {**user_changes, **changes})
                else:
                    user = _new_user(row)
                    users.append(user)
                    profiles.append(StudentProfile(user=user, **of_profile))
                    result.create(row)
                    self._tell(row, profiles[-1], {})
            if result.is_clean:
                without = [profile for profile in profiles if not profile.admission_number]
                numbers = draw_admission_numbers(self.today.year, len(without), known.numbers) if without else []
                for profile, number in zip(without, numbers, strict=True):
                    profile.admission_number = number
                self._new_people(users, profiles)
                _refresh_search_text(changed_users.rows)
                changed_users.write()
                changed_profiles.write()
                result.made += [user.pk for user in users]
            advance(len(chunk))

    def _tell(self, row, student, changes):
        if self.outcomes is not None:
            self.outcomes[row.line] = (student, changes)

    def _is_alone(self, row, pk, lines, owners, result):
        """Whether no other line and no other person has what only one may have."""
        keys = {name: row[name] for name in ("admission_number", "email") if name in row}
        if pk or not keys:
            keys["full_name"] = pk or _identity(row)
        for name, value in keys.items():
            if first := lines[name].get(value):
                what = {"admission_number": "admission number", "email": "e-mail address"}.get(name, "student")
                result.refuse(row, name, f"Line {first} has this {what} too. Keep one of them.")
                return False
        owner = owners.get(row.get("email"))
        if owner and owner[0] != pk:
            result.refuse(row, "email", f"{owner[1]} ({owner[2]}) has this e-mail address. Enter another, or none.")
            return False
        for name, value in keys.items():
            lines[name][value] = row.line
        return True


def _refresh_search_text(users):
    """Bulk updates do not compute it by themselves."""
    for user in users:
        user.search_text = user.searchable_text()


def _identity(row):
    """What a student without admission number and e-mail is known by."""
    name = folded(row["full_name"])
    if "phone" in row:
        return name, row["phone"]
    return name, row.get("birth_on")


class _StudentsByKey:
    """The students that a file may mean, found by one pass over all of them."""

    def __init__(self, rows, owners):
        self.owners = owners
        self.numbers = {row["admission_number"] for row in rows if "admission_number" in row}
        identities = {
            _identity(row) for row in rows if "admission_number" not in row and row.get("email") not in owners
        }
        self.by_number, self.by_identity = {}, {}
        students = StudentProfile.objects.order_by().values_list(
            "pk", "admission_number", "user__email", "user__full_name", "user__phone", "birth_on"
        )
        for pk, number, email, full_name, phone, birth_on in students.iterator(chunk_size=2000):
            if number in self.numbers:
                self.by_number[number] = pk
            # A row with nothing but a name means a student of whom neither phone nor date of birth is known.
            name = folded(full_name)
            for key in {(name, known) for known in (phone, birth_on) if known} or {(name, None)}:
                if key in identities:
                    self.by_identity.setdefault(key, []).append((pk, bool(email)))

    def find(self, row):
        """The key of the student that the row means, or None. Raises ValidationError when it could be two."""
        number, email = row.get("admission_number"), row.get("email")
        if number in self.by_number:
            return self.by_number[number]
        if email in self.owners:
            pk, name, _, is_student = self.owners[email]
            if number and folded(name) != folded(row["full_name"]):
                raise ValidationError(f"{name} has the e-mail address of this line. Change it in one of them.")
            return pk if is_student else None
        key = _identity(row)
        if number or (email and key[1] is None):
            return None
        alike = self.by_identity.get(key, [])
        without_email = [pk for pk, has_email in alike if not has_email]
        alike = without_email if email or without_email else [pk for pk, _ in alike]
        if len(alike) > 1:
            raise ValidationError("More than one student is like this one. Add the admission number or the e-mail.")
        return alike[0] if alike else None


# How other files name a student ---------------------------------------------------------------------------------


def student_column():
    """The column by which enrollments, payments and attendance name their student."""
    return ReferenceColumn(
        "student", *ADMISSION_NUMBER, "admission number", *_EMAIL, "email", "student name", "full name"
    )


class StudentFinder:
    """Finds the students that the cells of a file name by admission number, e-mail address or full name."""

    def __init__(self, words):
        self._found, self._ambiguous = {}, set()
        names = {}
        for chunk in in_chunks(set(words)):
            lowered = {word.lower(): word for word in chunk}
            rows = StudentProfile.objects.order_by()
            for pk, number in rows.filter(admission_number__in=chunk).values_list("pk", "admission_number"):
                self._found[number] = pk
            emails = [word for word in lowered if "@" in word]
            for pk, email in rows.filter(user__email__in=emails).values_list("pk", "user__email"):
                self._found.setdefault(lowered[email], pk)
            for word in chunk:
                if word not in self._found and "@" not in word:
                    names.setdefault(folded(word), []).append(word)
        if names:
            self._find_names(names)

    def _find_names(self, names):
        """One pass over all names: letter case does not count, and SQLite alone would heed it beyond ASCII."""
        everybody = StudentProfile.objects.order_by().values_list("pk", "user__full_name")
        for pk, full_name in everybody.iterator(chunk_size=2000):
            for word in names.get(folded(full_name), ()):
                if self._found.setdefault(word, pk) != pk:
                    self._ambiguous.add(word)

    def __getitem__(self, word):
        """The student's key. Raises ValidationError."""
        if word in self._ambiguous:
            raise ValidationError("More than one student has this name. Write the admission number or the e-mail.")
        if word not in self._found:
            raise ValidationError(
                "There is no such student. Write the admission number, e-mail or full name as stored."
            )
        return self._found[word]

    def get(self, row, result):
        """The key of the student that the row names; None when there is none, which is then said."""
        try:
            return self[row["student"]]
        except ValidationError as error:
            result.refuse(row, "student", error)
            return None
