from django.core.exceptions import ValidationError

from accounts.models import StudentProfile, User
from accounts.roles import STUDENT
from accounts.services.admission_numbers import next_admission_numbers
from coachmaster.core.chunks import in_chunks
from coachmaster.core.importers import ImportColumn, set_changes

from .people import (
    ADMISSION_NUMBER,
    EMAIL,
    FULL_NAME,
    NAME_PARTS,
    PHONE,
    Changed,
    PeopleImporter,
    identity,
    new_user,
    refresh_search_text,
)
from .student_finder import StudentsByKey


class StudentImporter(PeopleImporter):
    """Students, known by admission number, else e-mail, else full name with phone or date of birth."""

    noun = ("student", "students")
    role = STUDENT
    columns = [
        ImportColumn.of(User, "full_name", *FULL_NAME, parts=NAME_PARTS),
        ImportColumn.of(User, "email", *EMAIL),
        ImportColumn.of(User, "phone", *PHONE, is_code=True),
        ImportColumn.of(StudentProfile, "admission_number", *ADMISSION_NUMBER, required=False, is_code=True),
        ImportColumn.of(StudentProfile, "birth_on", "date of birth", "birth date", "birthday", "dob", "born on"),
        ImportColumn.of(StudentProfile, "guardian_name", "guardian", "parent", "parent name", "father", "father name",
                  "fathers name", "mother name"),
        ImportColumn.of(StudentProfile, "guardian_phone", "parent phone", "parent mobile", "guardian mobile", "father phone",
                  "father mobile", "guardian contact", is_code=True),
        ImportColumn.of(StudentProfile, "guardian_email", "parent email", "father email", "guardian e-mail"),
        ImportColumn.of(StudentProfile, "address", "postal address", "residential address", "home address"),
    ]  # fmt: skip
    _of_user = ("full_name", "email", "phone")
    #: Where a dict is put here: ``{line: (student, changes)}`` of the lines that were let in.
    outcomes = None
    #: ``{line: key}`` of the student whom a line means that is like none by the above.
    otherwise: dict = {}

    def write(self, rows, result, advance):
        super().write(rows, result, advance)
        owners = self._who_has_the_emails(rows)
        known = StudentsByKey(rows, owners)
        lines = {"admission_number": {}, "email": {}, "full_name": {}}
        for chunk in in_chunks(rows):
            found = {}
            for row in chunk:
                try:
                    found[row.line] = known.find(row) or self.otherwise.get(row.line)
                except ValidationError as error:
                    result.add_error(row, "full_name", error)
            students = StudentProfile.objects.select_related("user").in_bulk(
                [pk for pk in found.values() if pk]
            )
            users, profiles = [], []
            changed_users, changed_profiles = Changed(User), Changed(StudentProfile)
            for row in chunk:
                if row.line not in found or not self._is_alone(
                    row, found[row.line], lines, owners, result
                ):
                    continue
                of_profile = {
                    name: value for name, value in row.items() if name not in self._of_user
                }
                if pk := found[row.line]:
                    student = students[pk]
                    changes = set_changes(student, of_profile)
                    changed_profiles.add(student, changes)
                    user_changes = set_changes(
                        student.user, {k: row[k] for k in self._of_user if k in row}
                    )
                    if changes or user_changes:
                        changed_users.add(student.user, [*user_changes, "search_text"])
                    result.add_existing(row, {**user_changes, **changes}, pk)
                    self._tell(row, student, {**user_changes, **changes})
                else:
                    user = new_user(row)
                    users.append(user)
                    profiles.append(StudentProfile(user=user, **of_profile))
                    result.add_created(row)
                    self._tell(row, profiles[-1], {})
            if result.is_valid:
                without = [profile for profile in profiles if not profile.admission_number]
                numbers = (
                    next_admission_numbers(self.today.year, len(without), known.numbers)
                    if without
                    else []
                )
                for profile, number in zip(without, numbers, strict=True):
                    profile.admission_number = number
                self._new_people(users, profiles)
                refresh_search_text(changed_users.rows)
                changed_users.write()
                changed_profiles.write()
                result.created_ids += [user.pk for user in users]
            advance(len(chunk))

    def _tell(self, row, student, changes):
        if self.outcomes is not None:
            self.outcomes[row.line] = (student, changes)

    def _is_alone(self, row, pk, lines, owners, result):
        """Whether no other line and no other person has what only one may have."""
        keys = {name: row[name] for name in ("admission_number", "email") if name in row}
        if pk or not keys:
            keys["full_name"] = pk or identity(row)
        for name, value in keys.items():
            if first := lines[name].get(value):
                what = {"admission_number": "admission number", "email": "email"}.get(
                    name, "student"
                )
                result.add_error(row, name, f"Row {first} has this {what} too. Keep one of them.")
                return False
        owner = owners.get(row.get("email"))
        if owner and owner[0] != pk:
            result.add_error(
                row,
                "email",
                f"{owner[1]} ({owner[2]}) has this email. Enter another, or none.",
            )
            return False
        for name, value in keys.items():
            lines[name][value] = row.line
        return True
